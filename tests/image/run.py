"""Boots the image and does to it what happens to a box: polls a plant, loses daemons, power, a slot, its data.

usage: run.py IMAGE WORK PLANT_BINARY SEED CUTS PORT_TCP1 PORT_TCP2; called by scripts/test-image.
"""

import base64
import http.cookies
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from machine import ROOT, START_S, Failed, Machine, Plant

# Where the disk's parts begin, as scripts/lib/image/disk.sh lays them out.
MIB = 1 << 20
DAEMONS = ("bus", "modbus", "history", "www")
# A measurement over TCP, one over the serial line, and a set-point with the place it has in the plant.
TCP_TAG, RTU_TAG = "Forebay_Level", "Hall_Temp"
SET_TAG, SET_VALUE, SET_AT = "Forebay_LevelSet", "3.75", "value station 4x:101 float32 abcd"

times = {}


def say(text):
    print(f"forebay: image: {text}", flush=True)


def good(box, tag):
    """The tag's reading is good, as the box's own command line sees it."""
    return box.run(f"forebay get {tag} --runtime /run/forebay")[0] == 0


def claim_and_open(box):
    """A browser that types the code from the serial log, and gets the page."""
    code = box.wait_for("the claim code on the serial log",
                        lambda: [line.split(":")[1].strip() for line in box.said().splitlines() if "claim code:" in line])[0]
    origin = f"http://127.0.0.1:{box.port}"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    request = urllib.request.Request(f"{origin}/claim", urllib.parse.urlencode({"code": code}).encode(), {"Origin": origin})
    opener.open(request, timeout=20).read()
    page = opener.open(f"{origin}/", timeout=20).read().decode()
    if "<script" not in page:
        raise Failed(f"the claim code {code} doesn't open the page: {page[:300]}")


def boots_to_the_page(box, plant):
    box.start()
    times["power-on to the page"] = box.wait_page()
    box.wait_for("the shell", lambda: box.ask("true") == "")
    box.wait_for(f"{TCP_TAG} is good", lambda: good(box, TCP_TAG))
    times["power-on to a good value over TCP"] = box.seconds()
    box.wait_for(f"{RTU_TAG} is good", lambda: good(box, RTU_TAG))
    times["power-on to a good value over RTU"] = box.seconds()
    box.wait_good()
    times["power-on to slot marked good"] = box.seconds()
    claim_and_open(box)
    failed = box.ask("systemctl --failed --no-legend --plain --no-pager")
    if failed:
        raise Failed(f"units failed: {failed}")


def is_what_it_should_be(box, _):
    """Mounts, growth, memory, watchdog."""
    size = int(box.ask("df --output=size --block-size=1M /data | tail -n 1"))
    box.wait_for("data has grown to the card's end", lambda: int(box.ask("df --output=size --block-size=1M /data | tail -n 1")) > 1000)
    say(f"data grew to more than 1000 MiB (first seen: {size} MiB)")
    options = box.ask("findmnt --noheadings --output OPTIONS /data")
    for option in ("nodev", "nosuid", "noexec"):
        if option not in options:
            raise Failed(f"/data is mounted {options}")
    writable = box.ask("findmnt --noheadings --real --options rw --output TARGET").split()
    if not set(writable) <= {"/data", "/var/lib/forebay", "/var/lib/systemd"}:
        raise Failed(f"writable on the card: {writable}")
    memory = dict(line.split(":") for line in box.ask("grep -E '^(MemTotal|MemAvailable)' /proc/meminfo").splitlines())
    total, free = (int(memory[name].split()[0]) // 1024 for name in ("MemTotal", "MemAvailable"))
    times["memory in use, MiB"] = total - free
    watchdog = box.ask("systemctl show --property RuntimeWatchdogUSec --value")
    say(f"hardware watchdog: {watchdog}")
    for name in DAEMONS:
        box.ask(f"systemctl show --property WatchdogUSec --value forebay-{name}.service | grep --quiet 20s")


def sets_a_value(box, plant):
    box.ask(f"forebay set {SET_TAG} {SET_VALUE} --runtime /run/forebay --within 20")
    held = plant.say(SET_AT)
    if float(held.split()[-1]) != float(SET_VALUE):
        raise Failed(f"the plant holds {held!r}, not {SET_VALUE}")


def daemons_come_back(box, _):
    for name in DAEMONS:
        before = box.ask(f"systemctl show --property MainPID --value forebay-{name}.service")
        began = time.monotonic()
        box.ask(f"kill -KILL {before}")

        def back():
            pid, state = box.ask(f"systemctl show --property MainPID --property ActiveState --value forebay-{name}.service").split()
            return state == "active" and pid not in ("0", before)
        box.wait_for(f"{name} comes back", back)
        box.wait_for(f"{TCP_TAG} is good again after {name} was killed", lambda: good(box, TCP_TAG))
        times[f"{name} killed to good again"] = time.monotonic() - began
    # Stands still instead of ending: the watchdog's case.
    pid = box.ask("systemctl show --property MainPID --value forebay-modbus.service")
    box.ask(f"kill -STOP {pid}")
    box.wait_for("the watchdog replaces a daemon that stands still",
                 lambda: box.ask("systemctl show --property MainPID --value forebay-modbus.service") not in ("0", pid))


def history_of(box):
    """How many samples the history holds, by a database that must be whole. Copied out, read here."""
    folder = box.folder / "history"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = box.ask("cd /var/lib/forebay/history && find . -type f -size -20M").splitlines()
    for name in files:
        data = base64.b64decode(box.ask(f"base64 /var/lib/forebay/history/{name}", 120))
        (folder / pathlib.Path(name).name).write_bytes(data)
    count = 0
    for path in folder.iterdir():
        if path.read_bytes()[:15] != b"SQLite format 3":
            continue
        base = sqlite3.connect(path)
        answer = base.execute("PRAGMA integrity_check").fetchone()[0]
        if answer != "ok":
            raise Failed(f"{path.name}: {answer}")
        tables = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        count += sum(base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)
    return count


def survives_power_cuts(box, dice, cuts):
    held = history_of(box)
    if not held:
        raise Failed("the history is empty before the first cut")
    identity = box.ask("cat /etc/machine-id /etc/hostname")
    for cut in range(cuts):
        wait = dice.uniform(1, 40)
        time.sleep(wait)
        box.cut_power()
        box.start()
        # Every third time it gets as far as recording before the next cut; so no slot runs out of tries by this alone.
        if cut % 2 == 1 or cut == cuts - 1:
            box.wait_page()
            box.wait_good()
            now = history_of(box)
            say(f"cut {cut + 1} of {cuts} after {wait:.0f} s: {now} rows, {box.seconds():.0f} s to good")
            if now < held:
                raise Failed(f"the history had {held} rows before the cuts and has {now}")
            held = now
    if box.ask("cat /etc/machine-id /etc/hostname") != identity:
        raise Failed("another machine-id or name after the cuts")
    box.wait_for(f"{TCP_TAG} is good", lambda: good(box, TCP_TAG))


def offset(image, number):
    """Where a partition starts, in bytes."""
    lines = subprocess.run(["sfdisk", "--dump", image], check=True, capture_output=True, text=True).stdout.splitlines()
    line = next(line for line in lines if line.startswith(f"{image}{number} "))
    return int(line.split("start=")[1].split(",")[0]) * 512


def changed(image, work, name):
    copy = pathlib.Path(work) / f"{name}.img"
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    return str(copy)


def write_at(path, where, data):
    with open(path, "r+b") as disk:
        disk.seek(where)
        disk.write(data)


def three_cuts_turn_to_the_other_slot(image, work):
    box = Machine(work, image, "cuts")
    try:
        for left in (2, 1, 0):
            box.start()
            box.wait_said(f"trying slot A, order A B, left A={left} B=3")
            box.wait_said("Starting kernel")
            box.cut_power()
        box.start()
        box.wait_said("trying slot B, order A B, left A=0 B=2")
        box.wait_page()
        box.wait_good()
        if box.slot() != "B" or box.slot_tries()["BOOT_B_LEFT"] != "3":
            raise Failed(f"slot {box.slot()}, {box.slot_tries()}")
    finally:
        box.cut_power()


def a_slot_without_systemd_is_left(image, work):
    copy = changed(image, work, "broken")
    empty = pathlib.Path(work) / "empty"
    empty.mkdir(exist_ok=True)
    for name in ("data", "boot", "usr"):
        (empty / name).mkdir(exist_ok=True)
    squashfs = pathlib.Path(work) / "empty.squashfs"
    squashfs.unlink(missing_ok=True)
    subprocess.run(["mksquashfs", empty, squashfs, "-quiet", "-no-progress"], check=True, capture_output=True)
    write_at(copy, offset(copy, 7), squashfs.read_bytes())
    box = Machine(work, copy, "broken")
    try:
        box.start()
        box.wait_said("trying slot B")
        if box.said().count("trying slot A") != 3:
            raise Failed("slot A didn't get its three tries")
        box.wait_page()
        times["slot A without systemd: power-on to B's page"] = box.seconds()
    finally:
        box.cut_power()


def with_both_exhausted_it_goes_on(image, work):
    copy = changed(image, work, "exhausted")
    text = "BOOT_ORDER=A B\nBOOT_A_LEFT=0\nBOOT_B_LEFT=0\n"
    environment = pathlib.Path(work) / "exhausted.env"
    subprocess.run(["mkenvimage", "-s", "0x4000", "-o", environment, "-"], input=text.encode(), check=True)
    subprocess.run(["mcopy", "-o", "-i", f"{copy}@@1M", environment, "::forebay.env"], check=True)
    box = Machine(work, copy, "exhausted")
    try:
        box.start()
        box.wait_said("no slot has tries left, refilling")
        box.wait_said("trying slot A, order A B, left A=2 B=3")
    finally:
        box.cut_power()


def without_data_and_with_junk_it_serves_a_page(image, work):
    copy = changed(image, work, "nodata")
    write_at(copy, offset(copy, 3), bytes(MIB))
    subprocess.run(["mdeltree", "-i", f"{copy}@@1M", "::site"], check=False, capture_output=True)
    subprocess.run(["mmd", "-i", f"{copy}@@1M", "::site"], check=True)
    junk = pathlib.Path(work) / "tags.yaml"
    junk.write_bytes(random.Random(1).randbytes(4000))
    subprocess.run(["mcopy", "-i", f"{copy}@@1M", junk, "::site/tags.yaml"], check=True)
    box = Machine(work, copy, "nodata")
    try:
        box.start()
        box.wait_page()
        box.wait_said("does not mount")
        box.wait_said("no good site")
        findings = box.ask("cat /run/forebay/findings")
        if "does not mount" not in findings or "tags.yaml" not in findings:
            raise Failed(f"the page's findings: {findings}")
    finally:
        box.cut_power()


def main():
    image, work, plant_binary, seed, cuts, *only = sys.argv[1:]
    dice = random.Random(int(seed))
    plant = Plant(work, plant_binary, ROOT / "config/plant.yaml", [int(port) for port in pathlib.Path(work, "ports").read_text().split()])
    box = Machine(work, image, "box", serial=plant.tty)
    steps = [
        ("boots to the page", lambda: boots_to_the_page(box, plant)),
        ("mounts, growth, memory", lambda: is_what_it_should_be(box, plant)),
        ("sets a value and reads it back in the plant", lambda: sets_a_value(box, plant)),
        ("killed daemons come back", lambda: daemons_come_back(box, plant)),
        (f"{cuts} power cuts", lambda: survives_power_cuts(box, dice, int(cuts))),
        ("(off)", box.cut_power),
        ("three cuts turn to the other slot", lambda: three_cuts_turn_to_the_other_slot(image, work)),
        ("a slot without systemd is left", lambda: a_slot_without_systemd_is_left(image, work)),
        ("with both slots exhausted it goes on", lambda: with_both_exhausted_it_goes_on(image, work)),
        ("no data, junk for a site: a page", lambda: without_data_and_with_junk_it_serves_a_page(image, work)),
    ]
    if only:
        steps = [step for step in steps if any(word in step[0] for word in only)]
    say(f"seed {seed}")
    try:
        for name, step in steps:
            began = time.monotonic()
            step()
            say(f"ok    {name} ({time.monotonic() - began:.0f} s)")
    except Failed as failed:
        say(f"FAILED {name}, seed {seed}: {failed}")
        return 1
    finally:
        box.cut_power()
        plant.stop()
        for what, figure in times.items():
            print(f"{what:<48} {figure:6.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
