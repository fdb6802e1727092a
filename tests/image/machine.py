"""A box in QEMU: its power switch, its serial log, its page's port, and a shell inside.

The image is the one that ships. The shell comes in through systemd's credentials, which only a virtual machine's owner can
hand over; there is no way in for anybody else.
"""

import itertools
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/peers"))
from ports import free_port

# A loaded two-core machine emulating ARM: starts take 20 to 150 s.
START_S = 300
COMMAND_S = 90
# How long one greeting of the shell waits for its answer before there is another.
GREETING_S = 3

# A command is a line: a token, a blank, and what bash is to do. Its answer stands between two lines with that token, so that
# what is left of an earlier conversation is never taken for it. The pipe 4 is a sleep that starts no process.
SHELL_UNIT = """[Unit]
Description=A shell for the tests
DefaultDependencies=no
[Service]
ExecStart=/bin/bash -c 'exec 3<>/dev/virtio-ports/shell 4<> <(:); \
while :; do read -r token line <&3 || { read -t 1 -u 4; continue; }; eval "$line" </dev/null >/run/answer 2>&1; s=$?; \
{ echo "=BEGIN=$token="; cat /run/answer; echo; echo "=END=$token=$s="; } >&3; done'
Restart=always
RestartSec=1
"""
# QEMU takes names of 55 characters, which is why they are so short.
RULE = 'SUBSYSTEM=="virtio-ports", TAG+="systemd", ENV{SYSTEMD_WANTS}+="t.service"\n'


# The adapter a site would name as /dev/serial/by-id/…, whatever port it is plugged in.
ADAPTER = "usb-serial,id=adapter,serial=fan,chardev=rtu,always-plugged=on"
ADAPTER_BY_ID = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_fan-if00-port0"


class Failed(Exception):
    """A sentence for the person who reads the report."""


class Machine:
    """One box, with a disk that outlives its power cuts."""

    def __init__(self, folder, image, name="box", serial=None, after=None):
        """A fresh card with this image or, with `after`, a copy of that box's card as it is now."""
        self.folder = pathlib.Path(folder).resolve()
        self.name = name
        self.image = pathlib.Path(image).resolve()
        self.port = free_port()
        self.serial_port = serial
        self.disk = self.folder / f"{name}.qcow2"
        self.log = self.folder / f"{name}.log"
        self.shell_path = pathlib.Path(tempfile.mkdtemp(prefix="forebay-")) / "shell"
        words = [str(ROOT / "scripts/qemu"), "--words", "--image", str(image), "--disk", str(self.disk), "--port", str(self.port)]
        if after is None:
            words.append("--fresh")
        else:
            assert after.process is None, "its card is still in use"
            self.disk.unlink(missing_ok=True)
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", after.disk, self.disk], check=True)
        self.words = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
        (self.folder / "shell.service").write_text(SHELL_UNIT)
        (self.folder / "shell.rules").write_text(RULE)
        self.tokens = itertools.count()
        self.process = None
        self.line = None
        self.began = None

    def start(self):
        """Power on. A new log for each start."""
        assert self.process is None
        self.shell_path.unlink(missing_ok=True)
        if self.log.exists():
            self.log.rename(self.log.with_suffix(".before.log"))
        credential = "name=opt/io.systemd.credentials"
        words = [
            # The last word counts: emulated on a busy machine, a box that is well may not pat it for 14 s.
            *self.words, "-action", "watchdog=none", "-monitor", "none", "-qmp", f"unix:{self.shell_path}.qmp,server=on,wait=off",
            # The board's own serial port: its console, until a test puts something else behind it.
            "-chardev", f"socket,id=board,path={self.shell_path}.board,server=on,wait=off,logfile={self.log}", "-serial", "chardev:board",
            "-fw_cfg", f"{credential}/systemd.extra-unit.t.service,file={self.folder / 'shell.service'}",
            "-fw_cfg", f"{credential}/udev.rules.t,file={self.folder / 'shell.rules'}",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=shell,path={self.shell_path},server=on,wait=off",
            "-device", "virtserialport,chardev=shell,name=shell",
        ]
        if self.serial_port:
            words += ["-device", "qemu-xhci", "-chardev", f"serial,id=rtu,path={self.serial_port}", "-device", ADAPTER]
        self.began = time.monotonic()
        with open(self.folder / f"{self.name}.qemu", "ab") as out:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def cut_power(self):
        """As somebody pulling the plug: nothing is told."""
        self.hang_up()
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang_up(self):
        if self.line:
            self.line.close()
            self.line = None

    def hardware(self, command, **arguments):
        """Hands on the box: QMP's device_del and device_add."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(COMMAND_S)
            line.connect(f"{self.shell_path}.qmp")
            talk = line.makefile("rw")
            talk.readline()
            for message in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                talk.write(json.dumps(message) + "\n")
                talk.flush()
                answer = {}
                while "return" not in answer:
                    answer = json.loads(talk.readline())
                    if "error" in answer:
                        raise Failed(f"{self.name}: {command}: {answer['error']}")

    def unplug_adapter(self):
        self.hardware("device_del", id="adapter")

    def plug_adapter(self):
        driver, *words = ADAPTER.split(",")
        self.hardware("device_add", driver=driver, **dict(word.split("=") for word in words if "always" not in word))

    def wire_board_port(self, tty_path):
        """Lays a cable from the board's own serial port to a terminal on this side; returns what takes it away again."""
        board = socket.socket(socket.AF_UNIX)
        board.connect(f"{self.shell_path}.board")
        far = os.open(tty_path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(far)
        pulled, pull = os.pipe()

        def carry():
            with board:
                while True:
                    ready = select.select([board, far, pulled], [], [])[0]
                    if pulled in ready:
                        break
                    if board in ready:
                        said = board.recv(4096)
                        if not said:
                            break
                        os.write(far, said)
                    if far in ready:
                        board.sendall(os.read(far, 4096))
            os.close(far)

        cable = threading.Thread(target=carry, daemon=True)
        cable.start()

        def take_away():
            os.close(pull)
            cable.join()
            os.close(pulled)
        return take_away

    def seconds(self):
        return time.monotonic() - self.began

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, what, look, seconds=START_S):
        """Polls `look` until it gives something true; says what the box last said if it doesn't."""
        end = time.monotonic() + seconds
        seen = None
        while time.monotonic() < end:
            if self.process and self.process.poll() is not None:
                raise Failed(f"{self.name}: QEMU ended: {(self.folder / f'{self.name}.qemu').read_text()[-500:]}")
            try:
                seen = look()
            except (OSError, Failed) as error:
                seen = error
            else:
                if seen:
                    return seen
            time.sleep(0.25)
        raise Failed(f"{self.name}: {what}: not within {seconds} s; last seen: {seen!r}\n--- serial log\n{self.said()[-3000:]}")

    def wait_said(self, text, seconds=START_S):
        self.wait_for(f"the serial log says {text!r}", lambda: text in self.said(), seconds)

    def greet(self, seconds):
        """What is said before the box has opened its end is lost, so it is greeted until it answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.line = socket.socket(socket.AF_UNIX)
                self.line.connect(str(self.shell_path))
                self.converse("true", GREETING_S)
                return
            except OSError as error:
                self.hang_up()
                if time.monotonic() > end:
                    raise Failed(f"{self.name}: the shell doesn't answer within {seconds} s") from error

    def converse(self, command, seconds):
        token = f"t{next(self.tokens)}"
        first, last = f"=BEGIN={token}=\n".encode(), f"\n=END={token}=".encode()
        self.line.settimeout(seconds)
        self.line.sendall(f"{token} {command}\n".encode())
        heard = b""
        # The status ends with "=\n".
        while last not in heard or not heard.partition(last)[2].endswith(b"=\n"):
            piece = self.line.recv(65536)
            if not piece:
                raise ConnectionError("the shell went away")
            heard += piece
        text, _, status = heard.partition(first)[2].partition(last)
        return int(status.decode().strip("=\n")), text.decode(errors="replace").strip()

    def run(self, command, seconds=COMMAND_S):
        """Runs a command inside; its exit status and what it printed."""
        assert "\n" not in command
        if self.line is None:
            self.greet(seconds)
        try:
            return self.converse(command, seconds)
        except OSError as error:
            self.hang_up()
            raise Failed(f"{self.name}: no answer in {seconds} s to: {command}: {error}") from None

    def ask(self, command, seconds=COMMAND_S):
        """The output of a command that must succeed."""
        status, text = self.run(command, seconds)
        if status != 0:
            raise Failed(f"{self.name}: {command}: exit {status}: {text[-1500:]}")
        return text

    def slot(self):
        return self.ask("sed 's/.*rauc.slot=\\([AB]\\).*/\\1/' /proc/cmdline")

    def tries(self):
        """What the boot script would find now."""
        return dict(line.split("=", 1) for line in self.ask("fw_printenv BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT").splitlines())

    def wait_good(self):
        """The slot was marked good in this start."""
        self.wait_for("the slot is marked good", lambda: self.run("test -e /run/forebay-slot-good")[0] == 0)

    def identity(self):
        """What must survive reboots and slots: machine-id, name, time zone."""
        return self.ask("cat /etc/machine-id; hostname; readlink /data/system/localtime; date +%Z; md5sum </var/lib/forebay/www/claim")
