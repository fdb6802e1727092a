"""scripts/flash, with files for cards: what it refuses, and what lies on a card afterwards. No disk of this machine is written to.

usage: flash.py; called by scripts/test. A lsblk of the test's own tells of the disks, in the form that util-linux prints.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20
CARD_MIB = 1200
# Where Debian keeps mkfs and sfdisk, which not everybody has in the path.
os.environ["PATH"] += ":/usr/sbin:/sbin"

# Answers for all disks, and for the use of one.
LSBLK = """#!/bin/sh
for last; do :; done
case "$*" in
*--nodeps*) cat "$LSBLK_DISKS" ;;
*) grep --fixed-strings "NAME=\\"$last" "$LSBLK_USE" ;;
esac
"""


def disk_line(name, size, rm=0, hotplug=0, tran="", kind="disk", model="Mass Storage"):
    return f'NAME="{name}" SIZE="{size}" RM="{rm}" HOTPLUG="{hotplug}" TRAN="{tran}" TYPE="{kind}" VENDOR="Generic " MODEL="{model}"\n'


class Bench:
    """A folder with a card, an image and a lsblk."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin/lsblk").write_text(LSBLK)
        (folder / "bin/lsblk").chmod(0o755)
        self.image = folder / "image.img"
        self.make_image()
        self.disks, self.use = "", ""
        self.card = self.add("sdb", CARD_MIB, rm=1, hotplug=1, tran="usb")

    def make_image(self):
        """The boot partition of an image, and what tells it from other files."""
        with open(self.image, "wb") as image:
            image.truncate(40 * MIB)
        table = "label: dos\nlabel-id: 0x46424159\nstart=1MiB, size=36MiB, type=c\n"
        subprocess.run(["sfdisk", "--quiet", self.image], input=table, text=True, check=True)
        part = self.folder / "part"
        with open(part, "wb") as file:
            file.truncate(36 * MIB)
        subprocess.run(["mkfs.vfat", "-F", "32", "-n", "BOOT", part], check=True, capture_output=True)
        with open(self.image, "r+b") as image:
            image.seek(MIB)
            image.write(part.read_bytes())
            image.seek(38 * MIB)
            image.write(os.urandom(MIB))

    def add(self, name, mib, use="", **facts):
        """A device: an empty file that holds a mark where a disk has its first bytes."""
        path = self.folder / name
        with open(path, "wb") as device:
            device.write(b"precious")
            device.truncate(mib * MIB)
        self.disks += disk_line(path, mib * MIB, **facts)
        self.use += f'NAME="{path}" TYPE="disk" MOUNTPOINTS=""\n{use.replace("DEVICE", str(path))}'
        return path

    def flash(self, *words, pretend="yes"):
        (self.folder / "disks").write_text(self.disks)
        (self.folder / "use").write_text(self.use)
        environment = {
            **os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "FOREBAY_FLASH_PRETEND": pretend,
            "LSBLK_DISKS": str(self.folder / "disks"), "LSBLK_USE": str(self.folder / "use"),
        }
        if not pretend:
            environment["PATH"] = os.environ["PATH"]
        words = [str(word) for word in words]
        return subprocess.run([ROOT / "scripts/flash", *words], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def write(self, *words, card=None):
        card = card or self.card
        return self.flash("rpi-arm64", card, "--yes-overwrite", card, "--image", self.image, *words)

    def on_card(self, name):
        return subprocess.run(["mtype", "-i", f"{self.card}@@1M", f"::{name}"], capture_output=True, text=True, check=True).stdout


class Flash(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="forebay-flash.")
        self.addCleanup(folder.cleanup)
        self.bench = Bench(pathlib.Path(folder.name))

    def refused(self, done, sentence, device=None):
        """It failed with one sentence that says this, and the device is what it was."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(len(re.findall("^forebay: ", done.stderr, re.M)), 1, done.stderr)
        self.assertNotIn("line ", done.stderr, "a message of the shell's own")
        with open(device or self.bench.card, "rb") as card:
            self.assertEqual(card.read(8), b"precious")

    def test_a_card_holds_the_image_afterwards(self):
        done = self.bench.write()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("can be taken out", done.stderr)
        image = self.bench.image.read_bytes()
        with open(self.bench.card, "rb") as card:
            self.assertTrue(card.read(len(image)) == image, "the card differs from the image")
        self.assertEqual(self.bench.card.stat().st_size, CARD_MIB * MIB)

    def test_it_must_be_told_twice(self):
        card, image = self.bench.card, self.bench.image
        self.refused(self.bench.flash("rpi-arm64", card, "--image", image), f"--yes-overwrite {card}")
        other = self.bench.add("sdc", CARD_MIB, rm=1)
        done = self.bench.flash("rpi-arm64", card, "--yes-overwrite", other, "--image", image)
        self.refused(done, f"{card} or {other}?")
        self.refused(done, "Nothing was written", other)

    def test_only_removable_disks(self):
        cases = {
            "sda": {"tran": "sata", "model": "a disk inside, by the name of usb"},
            "nvme0n1": {"tran": "nvme"},
            "vda": {},
            "sda1": {"rm": 1, "kind": "part"},
            "sr0": {"rm": 1, "hotplug": 1, "tran": "usb", "kind": "rom"},
            "loop0": {"rm": 1, "kind": "loop"},
            "dm-0": {"rm": 1, "kind": "crypt"},
        }
        for name, facts in cases.items():
            with self.subTest(name):
                device = self.bench.add(name, CARD_MIB, **facts)
                self.refused(self.bench.write(card=device), "is not a removable disk", device)
        # Soldered in, and yet called a hot-plug disk: its boot partitions give it away.
        soldered = self.bench.add("mmcblk0", CARD_MIB, hotplug=1, tran="mmc")
        self.bench.add("mmcblk0boot0", 4, hotplug=1, tran="mmc")
        self.refused(self.bench.write(card=soldered), "is not a removable disk", soldered)
        for name, facts in {"mmcblk1": {"hotplug": 1, "tran": "mmc"}, "sdz": {"tran": "usb"}, "sdy": {"rm": 1}}.items():
            with self.subTest(name):
                done = self.bench.write(card=self.bench.add(name, CARD_MIB, **facts))
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_disk_in_use_stays_as_it_is(self):
        uses = {
            "mounted": 'NAME="DEVICE1" TYPE="part" MOUNTPOINTS="/mnt/a\\x0a/mnt/b c"\n',
            "swap": 'NAME="DEVICE1" TYPE="part" MOUNTPOINTS="[SWAP]"\n',
            "raid": 'NAME="DEVICE1" TYPE="part" MOUNTPOINTS=""\nNAME="DEVICE1-md0" TYPE="raid1" MOUNTPOINTS=""\n',
        }
        for name, use in uses.items():
            with self.subTest(name):
                device = self.bench.add(f"sd-{name}", CARD_MIB, rm=1, use=use)
                self.refused(self.bench.write(card=device), "is in use", device)

    def test_a_card_too_small_or_none_at_all(self):
        small = self.bench.add("sdd", 512, rm=1)
        self.refused(self.bench.write(card=small), "is too small: it has 512 MiB, and a box needs 1024", small)
        reader = self.bench.add("sde", CARD_MIB, rm=1)
        self.bench.disks = self.bench.disks.replace(f'"{reader}" SIZE="{CARD_MIB * MIB}"', f'"{reader}" SIZE="0"')
        self.refused(self.bench.write(card=reader), "there is no card in", reader)
        with open(self.bench.image, "r+b") as image:
            image.truncate((CARD_MIB + 1) * MIB)
        self.refused(self.bench.write(), f"a box needs {CARD_MIB + 1}")

    def test_wrong_words_are_told_in_a_sentence(self):
        card, image = self.bench.card, self.bench.image
        self.refused(self.bench.flash("rpi-arm65", card), "no board is called 'rpi-arm65'")
        self.refused(self.bench.flash("rpi-arm64", "/dev/none", "--yes-overwrite", "/dev/none", "--image", image), "is no disk")
        self.refused(self.bench.flash("rpi-arm64", self.bench.folder, "--image", image), "is no disk")
        self.refused(self.bench.flash("rpi-arm64", card, card), "one device at a time")
        self.refused(self.bench.flash("rpi-arm64", card, "--force"), "what is '--force'?")
        self.refused(self.bench.flash("rpi-arm64", card, "--image"), "--image needs something behind it")
        missing = self.bench.folder / "none.img"
        self.refused(self.bench.flash("rpi-arm64", card, "--image", missing), "'scripts/image rpi-arm64' makes it")
        self.refused(self.bench.flash("rpi-arm64", card, "--image", ROOT / "Cargo.lock"), "is not an image that")
        self.assertEqual(self.bench.flash().returncode, 64)

    def test_a_claim_code_is_on_card_and_label(self):
        done = self.bench.write("--claim")
        self.assertEqual(done.returncode, 0, done.stderr)
        code = self.bench.on_card("claim.txt").strip()
        self.assertRegex(code, "^[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}$")
        self.assertRegex(done.stdout, rf"(?m)^\|  Claim code: {code} +\|$")
        self.assertEqual(len({len(line) for line in done.stdout.splitlines()}), 1, done.stdout)
        other = self.bench.write("--claim", "k7qm-2xhd")
        self.assertEqual((other.returncode, self.bench.on_card("claim.txt")), (0, "K7QM-2XHD\n"))
        with open(self.bench.image, "rb") as image:
            self.assertNotIn(b"K7QM-2XHD", image.read(), "the next card would have the same")
        third = self.bench.write("--claim")
        self.assertNotIn(code, third.stdout, "no two alike")

    def test_a_claim_code_nobody_could_type_is_refused(self):
        for code in ("K7QM", "K7QM-2XHU", "K7QM 2XHD!", "x" * 65):
            with self.subTest(code):
                self.refused(self.bench.write("--claim", code), "is no claim code")

    def test_a_site_is_checked_and_put_on_the_card(self):
        site = self.bench.folder / "my site"
        site.mkdir()
        (site / "tags.yaml").write_text("level:\n  desc: Level\n  type: float\n")
        done = self.bench.write("--site", site, "--claim", "K7QM-2XHD")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.bench.on_card("site/tags.yaml"), (site / "tags.yaml").read_text())
        self.assertEqual(self.bench.on_card("claim.txt"), "K7QM-2XHD\n")

    def test_what_a_sites_names_stand_for_goes_with_it(self):
        site = self.bench.folder / "site"
        site.mkdir()
        (site / "tags.yaml").write_text("level: {type: float}\n")
        (site / "modbusclient.yaml").write_text(
            "rtus: [{name: P, serial: '${FAN_LINE}', baud: 9600}]\ntags: {level: {type: float32, read: 'P:1:4x:1'}}\n")
        self.assertIn("${FAN_LINE} is not set", self.bench.write("--site", site).stderr)
        names = self.bench.folder / "names"
        names.write_text("# the fan's line\nFAN_LINE=/dev/ttyUSB0\r\n")
        done = self.bench.write("--site", site, "--environment", names)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("is not set", done.stderr)
        self.assertIn("FAN_LINE=/dev/ttyUSB0", self.bench.on_card("environment.txt"))
        card = self.bench.add("sdf", CARD_MIB, rm=1)
        self.refused(self.bench.write("--environment", names, card=card), "goes with --site", card)
        done = self.bench.write("--site", site, "--environment", self.bench.folder / "none", card=card)
        self.refused(done, "none isn't there; nothing was written", card)

    def test_a_bad_site_leaves_the_card_alone(self):
        site = self.bench.folder / "site"
        self.refused(self.bench.write("--site", site), "is no folder; nothing was written")
        site.mkdir()
        (site / "tags.yaml").write_text("level: {type: flaot}\n")
        done = self.bench.write("--site", site)
        self.refused(done, "has mistakes; nothing was written")
        self.assertIn("tags.yaml:1:", done.stderr, "which mistakes")

    def test_a_site_too_large_leaves_the_card_alone(self):
        site = self.bench.folder / "site"
        site.mkdir()
        (site / "tags.yaml").write_text("level: {type: float}\n")
        (site / "notes.txt").write_bytes(os.urandom(40 * MIB))
        before = set((ROOT / ".cache").glob("card.*"))
        self.refused(self.bench.write("--site", site), "doesn't fit")
        self.assertEqual(set((ROOT / ".cache").glob("card.*")) - before, set(), "its copy is removed")

    def test_removable_disks_are_listed(self):
        self.bench.add("sda", CARD_MIB, tran="sata", model="inside")
        done = self.bench.flash("rpi-arm64")
        self.assertEqual(done.stdout.split(), [str(self.bench.card), str(CARD_MIB), "MiB", "Generic", "Mass", "Storage"])

    def test_this_machines_own_disks_are_refused(self):
        # The real lsblk. Told once only, so that not even a mistake would write.
        own = subprocess.run(["findmnt", "--noheadings", "--output", "SOURCE", "/"], capture_output=True, text=True, check=True).stdout.strip()
        devices = [path for path in (own, "/dev/loop0", "/dev/zram0") if pathlib.Path(path).is_block_device()]
        for device in [*devices, self.bench.card, "/dev/null"]:
            with self.subTest(device):
                done = self.bench.flash("rpi-arm64", device, "--image", self.bench.image, pretend="")
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, "is not a removable disk|is no disk|is in use|there is no card")

    def test_a_pretended_device_is_never_a_disk(self):
        for device in ("/dev/null", "/dev/zero"):
            self.refused(self.bench.write(card=device), "is no disk")


if __name__ == "__main__":
    unittest.main(verbosity=1)
