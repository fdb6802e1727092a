"""A box in QEMU: its power switch, its serial log, its page's port, and a shell inside.

The image is the one that ships. The shell comes in through systemd's credentials, which only a virtual machine's owner can
hand over; there is no way in for anybody else.
"""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A loaded two-core machine emulating ARM: starts take 15 to 90 s.
START_S = 240
COMMAND_S = 60

SHELL_UNIT = """[Unit]
Description=A shell for the tests
DefaultDependencies=no
[Service]
ExecStart=/bin/bash -c 'exec 3<>/dev/virtio-ports/shell; \
while :; do read -r line <&3 || { sleep 0.2; continue; }; eval "$line" </dev/null >/run/answer 2>&1; s=$?; { cat /run/answer; echo "=END=$s="; } >&3; done'
Restart=always
RestartSec=1
"""
# QEMU takes names of 55 characters, which is why they are so short.
RULE = 'SUBSYSTEM=="virtio-ports", TAG+="systemd", ENV{SYSTEMD_WANTS}+="t.service"\n'


class Failed(Exception):
    """A sentence for the person who reads the report."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Machine:
    """One box, with a disk that outlives its power cuts."""

    def __init__(self, folder, image, name="box", serial=None):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.port = free_port()
        self.serial_port = serial
        self.disk = self.folder / f"{name}.qcow2"
        self.log = self.folder / f"{name}.log"
        self.shell_path = pathlib.Path(tempfile.mkdtemp(prefix="forebay-")) / "shell"
        words = [str(ROOT / "scripts/qemu"), "--words", "--image", str(image), "--disk", str(self.disk), "--port", str(self.port)]
        self.words = subprocess.run([*words, "--fresh"], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
        (self.folder / "shell.service").write_text(SHELL_UNIT)
        (self.folder / "shell.rules").write_text(RULE)
        self.process = None
        self.line = None
        self.began = None

    def start(self):
        """Power on. A new log for each start."""
        assert self.process is None
        self.shell_path.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        credential = "name=opt/io.systemd.credentials"
        words = [
            *self.words, "-monitor", "none", "-serial", f"file:{self.log}",
            "-fw_cfg", f"{credential}/systemd.extra-unit.t.service,file={self.folder / 'shell.service'}",
            "-fw_cfg", f"{credential}/udev.rules.t,file={self.folder / 'shell.rules'}",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=shell,path={self.shell_path},server=on,wait=off",
            "-device", "virtserialport,chardev=shell,name=shell",
        ]
        if self.serial_port:
            words += ["-device", "qemu-xhci", "-chardev", f"serial,id=rtu,path={self.serial_port}",
                      "-device", "usb-serial,chardev=rtu,always-plugged=on"]
        self.began = time.monotonic()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=open(self.folder / "qemu.out", "ab"), stderr=subprocess.STDOUT)

    def cut_power(self):
        """As somebody pulling the plug: nothing is told."""
        if self.line:
            self.line.close()
            self.line = None
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

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
                raise Failed(f"{self.name}: QEMU ended: {(self.folder / 'qemu.out').read_text()[-500:]}")
            try:
                seen = look()
            except (OSError, urllib.error.URLError, Failed) as error:
                seen = error
            else:
                if seen:
                    return seen
            time.sleep(0.25)
        raise Failed(f"{self.name}: {what}: not within {seconds} s; last seen: {seen!r}\n--- serial log\n{self.said()[-3000:]}")

    def wait_said(self, text, seconds=START_S):
        return self.wait_for(f"the serial log says {text!r}", lambda: text in self.said(), seconds)

    def get(self, path="/", headers=None, data=None):
        """Status and body of the page as a browser on this side gets it."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers or {}, data=data)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def wait_page(self, seconds=START_S):
        self.wait_for("the page answers", lambda: self.get()[0] in (200, 401), seconds)
        return self.seconds()

    def connect(self, seconds):
        """What is said before the box has opened its end is lost, so it is greeted until it answers."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self.shell_path))
        line.settimeout(1)
        heard, greetings, end = b"", 0, time.monotonic() + seconds
        while b"=END=" not in heard:
            if time.monotonic() > end:
                line.close()
                raise Failed(f"{self.name}: the shell doesn't answer within {seconds} s")
            try:
                greetings += 1
                line.sendall(f"echo hello-{greetings}\n".encode())
                heard += line.recv(65536)
            except TimeoutError:
                pass
        # Answers to greetings still under way would be taken for those of the first command.
        while f"hello-{greetings}\n".encode() not in heard or not heard.rstrip().endswith(b"="):
            try:
                heard += line.recv(65536)
            except TimeoutError:
                break
        self.line = line

    def run(self, command, seconds=COMMAND_S):
        """Runs a command inside; its exit status and what it printed."""
        if self.line is None:
            self.connect(seconds)
        self.line.settimeout(seconds)
        self.line.sendall(command.replace("\n", " ").encode() + b"\n")
        answer = b""
        try:
            while not (answer.rstrip().endswith(b"=") and b"=END=" in answer):
                piece = self.line.recv(65536)
                if not piece:
                    raise Failed(f"{self.name}: the shell went away during: {command}")
                answer += piece
        except TimeoutError:
            self.line.close()
            self.line = None
            raise Failed(f"{self.name}: no answer in {seconds} s to: {command}; got {answer[-300:]!r}") from None
        text, _, status = answer.decode(errors="replace").rpartition("=END=")
        return int(status.strip().rstrip("=")), text.strip()

    def ask(self, command, seconds=COMMAND_S):
        """The output of a command that must succeed."""
        status, text = self.run(command, seconds)
        if status != 0:
            raise Failed(f"{self.name}: {command}: exit {status}: {text[-1500:]}")
        return text

    def slot_tries(self):
        lines = self.ask("fw_printenv BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def wait_good(self, seconds=START_S):
        """The slot is marked good."""
        self.wait_for("the slot is marked good", lambda: self.ask("systemctl is-active forebay-mark-good.service") == "active", seconds)

    def slot(self):
        return self.ask("sed 's/.*rauc.slot=\\([AB]\\).*/\\1/' /proc/cmdline")


class Plant:
    """The simulated plant on this side."""

    def __init__(self, folder, binary, description, ports):
        self.folder = pathlib.Path(folder)
        self.control = str(self.folder / "plant.sock")
        self.tty = str(self.folder / "fan.tty")
        text = pathlib.Path(description).read_text()
        text = text.replace("127.0.0.1:1502", f"127.0.0.1:{ports[0]}").replace("127.0.0.1:1503", f"127.0.0.1:{ports[1]}")
        (self.folder / "plant.yaml").write_text(text)
        self.ports = ports
        ready = open(self.folder / "plant.json", "w+b")
        env = {**os.environ, "FOREBAY_DEMO_SERIAL": self.tty}
        self.process = subprocess.Popen(
            [binary, "--plant", str(self.folder / "plant.yaml"), "--control", self.control, "--calm"],
            stdout=ready, stderr=open(self.folder / "plant.log", "wb"), env=env)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            if (self.folder / "plant.json").stat().st_size:
                json.loads((self.folder / "plant.json").read_text())
                return
            time.sleep(0.1)
        raise Failed(f"the simulated plant didn't start: {(self.folder / 'plant.log').read_text()}")

    def say(self, command):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(self.control)
            line.sendall(command.encode() + b"\n")
            return line.makefile().readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
