"""Boots the card of a Raspberry Pi in QEMU's raspi3b, as far as QEMU's model of the board goes, and says what was seen.

usage: rpi.py IMAGE WORK; called by scripts/test-rpi. What isn't in the model: the firmware before U-Boot, networks, GPIO, the
watchdog, the screen. That the page answers is the box's own word: it marks its slot good only then.
"""

import pathlib
import re
import subprocess
import sys
import time

from machine import ROOT, Failed

# One thread emulates four processors: from power-on to the slot marked good takes minutes, on a loaded machine many.
START_S = 1800
# The screen's colours and cursor movements, which U-Boot and systemd send.
ESCAPES = re.compile(r"\x1b(\[[0-9;?!]*[A-Za-z]|[78c])")


class Card:
    """A Raspberry Pi with a card in it."""

    def __init__(self, image, work):
        self.disk = work / "card"
        self.logs = [work / f"serial{n}.log" for n in (0, 1)]
        words = [ROOT / "scripts/qemu", "rpi-arm64", "--words", "--fresh", "--image", image, "--disk", self.disk]
        self.words = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")[:-1]
        self.out = work / "qemu.out"
        self.process, self.began = None, None

    def start(self):
        serials = [word for log in self.logs for word in ("-serial", f"file:{log}")]
        for log in self.logs:
            log.unlink(missing_ok=True)
        self.began = time.monotonic()
        # A reset would begin again and look like slowness.
        self.process = subprocess.Popen([*self.words, "-monitor", "none", "-no-reboot", *serials],
                                        stdin=subprocess.DEVNULL, stdout=open(self.out, "wb"), stderr=subprocess.STDOUT)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self):
        return ESCAPES.sub("", "".join(log.read_text(errors="replace") for log in self.logs if log.exists()))

    def wait(self, what, look, until=START_S):
        """Polls `look` until it gives something true; prints when that was."""
        while True:
            seen = look()
            at = time.monotonic() - self.began
            if seen:
                print(f"forebay: rpi: {at:6.0f} s  {what}", flush=True)
                return seen
            ended = self.process.poll() is not None
            if ended or at > until:
                why = f"QEMU ended: {self.out.read_text()[-300:]}" if ended else f"not within {until} s"
                raise Failed(f"{what}: {why}\n--- serial log\n{self.said()[-3000:]}")
            time.sleep(1)

    def wait_said(self, what, pattern):
        return self.wait(what, lambda: re.search(pattern, self.said()))

    def slot_environment(self):
        """The boot script's memory, off the card; empty while the box writes it."""
        data = subprocess.run(["mtype", "-i", f"{self.disk}@@1M", "::forebay.env"], check=False, capture_output=True).stdout
        return dict(line.decode().split("=", 1) for line in data[4:].split(b"\0") if b"=" in line)


def story(card):
    card.start()
    card.wait_said("U-Boot of the card knows the board", r"RPI 3 Model B")
    card.wait_said("the boot script counts the first try of slot A", r"trying slot A, order A B, left A=2 B=3")
    card.wait_said("kernel and initramfs are loaded, with the firmware's device tree", r"Starting kernel")
    card.wait_said("the console says what was found of the site", r"The site:")
    card.wait_said("the console says where the page is", r"http://forebay-[0-9a-f]{4}\.local:8324/")
    card.wait_said("the console shows the claim code", r"claim code: [0-9A-Z]{4}-[0-9A-Z]{4}")
    card.wait("every daemon is ready and the page answers: the slot is marked good on the card",
              lambda: card.slot_environment().get("BOOT_A_LEFT") == "3")


def main():
    image, work = sys.argv[1], pathlib.Path(sys.argv[2])
    card = Card(image, work)
    try:
        story(card)
    except Failed as failed:
        print(f"forebay: rpi: FAILED {failed}")
        return 1
    finally:
        card.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
