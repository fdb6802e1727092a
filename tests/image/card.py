"""A card outside its box: what a person does to it with another machine, and what wear does to it."""

import contextlib
import hashlib
import pathlib
import subprocess
import tempfile

SECTOR = 512
MIB = 1 << 20
BOOT_PART, DATA_PART, ROOT_A_PART = 1, 3, 7
# Isolating the kernel's page tables, which hides where the kernel lies, empties the emulator's tables at every system call.
EMULATED = "kpti=off"
# The image's own data partition, before the box grew it: where its file system's beginnings lie.
DATA_BYTES = 64 * MIB
# The master boot record's third entry.
DATA_ENTRY = 446 + 2 * 16


class Card:
    """The card of a box that is off. Its partitions are where the image has them; only the last one grew."""

    def __init__(self, box):
        assert box.process is None, "its card is still in use"
        self.disk = box.disk
        self.image = box.image
        self.work = box.folder

    def place(self, number):
        """Where a partition starts and how long it is, in bytes."""
        table = subprocess.run(["sfdisk", "--dump", self.image], check=True, capture_output=True, text=True).stdout
        line = next(line for line in table.splitlines() if line.startswith(f"{self.image}{number} "))
        return tuple(int(line.split(f"{what}=")[1].split(",")[0]) * SECTOR for what in ("start", "size"))

    def read(self, at, length):
        assert at % MIB == 0 and length % MIB == 0
        with tempfile.NamedTemporaryFile(dir=self.work) as out:
            subprocess.run(["qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=1M", f"skip={at // MIB}",
                            f"count={(at + length) // MIB}", f"if={self.disk}", f"of={out.name}"], check=True, capture_output=True)
            return pathlib.Path(out.name).read_bytes()

    def write(self, at, data):
        with tempfile.NamedTemporaryFile(dir=self.work) as source:
            source.write(data + bytes(-len(data) % SECTOR))
            source.flush()
            length = len(data) + -len(data) % SECTOR
            subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -q -s {source.name} {at} {length}", self.disk],
                           check=True, capture_output=True)

    # --- the FAT partition, as any machine shows it

    @contextlib.contextmanager
    def boot_files(self):
        """A function that runs an mtools command on it: files("mcopy", "-o", FILE, "::site/")."""
        start, size = self.place(BOOT_PART)
        with tempfile.NamedTemporaryFile(dir=self.work) as part:
            part.write(self.read(start, size))
            part.flush()

            def files(command, *words, **more):
                return subprocess.run([command, "-i", part.name, *words], check=True, capture_output=True, **more)
            yield files
            self.write(start, pathlib.Path(part.name).read_bytes())

    def put(self, name, data):
        """A file on it: forebay.env, or site/tags.yaml."""
        with self.boot_files() as files:
            files("mcopy", "-o", "-", f"::{name}", input=data)

    def get(self, name):
        with self.boot_files() as files:
            return files("mcopy", f"::{name}", "-").stdout

    def remove(self, name):
        with self.boot_files() as files:
            files("mdeltree" if name == "site" else "mdel", f"::{name}")

    def put_junk(self, dice):
        """A site/ that holds what cards hold: a photo, a folder, an empty file, a tags.yaml of noise."""
        self.remove("site")
        with self.boot_files() as files:
            files("mmd", "::site")
            files("mmd", "::site/DCIM")
            for name, data in (("tags.yaml", dice.randbytes(4000)), ("IMG_0001.JPG", dice.randbytes(90_000)), ("empty.yaml", b"")):
                files("mcopy", "-o", "-", f"::site/{name}", input=data)

    def slots(self, order, a, b):
        """What the boot script finds."""
        made = subprocess.run(["mkenvimage", "-s", "0x4000", "-o", "-", "-"], check=True, capture_output=True,
                              input=f"BOOT_ORDER={order}\nBOOT_A_LEFT={a}\nBOOT_B_LEFT={b}\nFOREBAY_CMDLINE={EMULATED}\n".encode())
        self.put("forebay.env", made.stdout)

    # --- wear

    def replace_root_a(self, squashfs):
        self.write(self.place(ROOT_A_PART)[0], pathlib.Path(squashfs).read_bytes())

    def lose_data_entry(self):
        """No data partition in the table."""
        record = bytearray(self.read(0, MIB))
        record[DATA_ENTRY:DATA_ENTRY + 16] = bytes(16)
        self.write(0, bytes(record[:SECTOR]))

    def spoil_data(self):
        """Nothing there that mounts."""
        self.write(self.place(DATA_PART)[0], bytes(MIB))

    def data_print(self):
        """A hash of the data partition's first part: whoever made a file system there would change it."""
        return hashlib.sha256(self.read(self.place(DATA_PART)[0], DATA_BYTES)).hexdigest()
