"""Boxes that have a bad day: slots that don't start, data that isn't there, sites that aren't any."""

import subprocess
import time

from box_cases import SET_TAG, TCP_TAG, wait_good, wait_page
from browser import Browser
from card import Card
from machine import Failed

TRIES = 3


def claim_from_console(box, browser):
    """What a person does who stands before an unclaimed box."""
    def code():
        return [line.split(":")[1].strip() for line in box.said().splitlines() if "claim code:" in line]
    found = box.wait_for("the claim code on the serial log", code)[-1]
    box.wait_for(f"the code {found} lets a browser in", lambda: browser.claim(found))
    return found


def findings(box, browser):
    """What the page says is wrong, and which site runs: ("last", "FILE:LINE TEXT\\n…")."""
    box.wait_for("hello", lambda: browser.open() or True)
    hello = browser.hello
    return hello.get("runs"), "\n".join(f"{one['file']}:{one['line']} {one['text']}" for one in hello.get("findings", []))


def must_say(where, text, *words):
    for word in words:
        if word not in text:
            raise Failed(f"{where} doesn't say {word!r}: {text[-2000:]!r}")


def three_cuts_turn_to_the_other_slot(well, box):
    """Slot A is cut three times before it is good. B runs as the same box, with the same history, and its tries come back."""
    for left in reversed(range(TRIES)):
        box.start()
        box.wait_said(f"trying slot A, order A B, left A={left} B={TRIES}")
        box.wait_said("Starting kernel")
        box.cut_power()
    well.comes_back("slot B")
    box.wait_said(f"trying slot B, order A B, left A=0 B={TRIES - 1}")
    box.wait_good()
    if box.slot() != "B" or box.tries()["BOOT_B_LEFT"] != str(TRIES):
        raise Failed(f"slot {box.slot()}, {box.tries()}")
    if not well.held()[1]:
        raise Failed("slot B has no history of what slot A recorded")


def a_slot_without_systemd_is_left(box, well, tries, report):
    """Slot A's root is whole but has no systemd: each of its tries ends by itself, then B runs with the same data."""
    empty = box.folder / "empty"
    for name in ("data", "boot", "usr", "dev", "proc", "sys", "run", "etc"):
        (empty / name).mkdir(parents=True, exist_ok=True)
    squashfs = box.folder / "empty.squashfs"
    squashfs.unlink(missing_ok=True)
    subprocess.run(["mksquashfs", empty, squashfs, "-quiet", "-no-progress"], check=True, capture_output=True)
    card = Card(box)
    card.replace_root_a(squashfs)
    card.slots("A B", tries, TRIES)
    box.start()
    box.wait_said("trying slot B")
    if box.said().count("trying slot A") != tries:
        raise Failed(f"slot A had {tries} tries and got {box.said().count('trying slot A')}")
    browser = Browser(box.port)
    browser.cookie = well.browser.cookie
    wait_page(box, browser)
    report(f"slot A without systemd, {tries} tries: power-on to B's page", box.seconds(), "s")
    wait_good(box, browser, TCP_TAG)
    box.wait_good()
    if box.identity() != well.identity:
        raise Failed(f"another box in slot B: {box.identity()!r}")
    box.cut_power()


def full_exhausted_and_a_bad_site(box, well):
    """No slot has tries left, the data partition is full, the site on the card has a mistake: it boots, runs the last good
    site with its history, and says on page and console what is wrong."""
    box.start()
    browser = Browser(box.port)
    browser.cookie = well.browser.cookie
    wait_page(box, browser)
    # The history writes meanwhile: what was free may not be any more.
    fill = "fallocate --length $(df --output=avail --block-size=1 /data | tail -n 1) /data/photos"
    box.wait_for("the data partition is filled", lambda: box.run(fill)[0] == 0)
    box.ask("sync")
    box.cut_power()
    card = Card(box)
    card.slots("A B", 0, 0)
    tags = card.get("site/tags.yaml").decode().replace("type: float", "type: flaot", 1)
    card.put("site/tags.yaml", tags.encode())
    box.start()
    box.wait_said("no slot has tries left, refilling")
    box.wait_said(f"trying slot A, order A B, left A={TRIES - 1} B={TRIES}")
    wait_page(box, browser)
    wait_good(box, browser, TCP_TAG, SET_TAG)
    runs, said = findings(box, browser)
    must_say("the page", said, "data partition is full", "tags.yaml:", "flaot")
    if runs != "last":
        raise Failed(f"the site that runs is {runs!r}, not the last good one")
    box.wait_said("data partition is full")
    must_say("the console", box.said(), "flaot", "the last good one runs")
    box.wait_for("the history of before", lambda: browser.trend(TCP_TAG, well.since_ms, int(time.time() * 1000)))
    box.wait_good()
    box.ask("test -e /data/photos")
    box.cut_power()


def data_missing(box):
    """No data partition in the table: the site on the card runs all the same, from RAM, and page and console say so."""
    card = Card(box)
    before = card.data_print()
    card.lose_data_entry()
    box.start()
    browser = Browser(box.port)
    wait_page(box, browser)
    claim_from_console(box, browser)
    wait_good(box, browser, TCP_TAG)
    runs, said = findings(box, browser)
    must_say("the page", said, "data partition does not mount")
    if runs != "last" or "yaml" in said:
        raise Failed(f"a good site, and the page says {runs!r}: {said}")
    box.wait_said("data partition does not mount")
    box.wait_good()
    box.cut_power()
    if Card(box).data_print() != before:
        raise Failed("something was written where the data partition was")


def data_spoilt_and_junk_for_a_site(box, dice):
    """The data partition doesn't mount, site/ is full of junk, claim.txt is no code: a page that says all that; nothing formatted."""
    card = Card(box)
    card.spoil_data()
    card.put_junk(dice)
    card.put("claim.txt", b"what?\r\n")
    before = card.data_print()
    box.start()
    browser = Browser(box.port)
    wait_page(box, browser)
    code = claim_from_console(box, browser)
    if "what" in code.lower():
        raise Failed(f"the claim code is {code!r}")
    runs, said = findings(box, browser)
    must_say("the page", said, "data partition does not mount", "tags.yaml", "IMG_0001.JPG")
    if runs != "none":
        raise Failed(f"the site that runs is {runs!r}")
    box.wait_said("no good site")
    must_say("the console", box.said(), "data partition does not mount", "tags.yaml")
    box.wait_good()
    box.cut_power()
    card = Card(box)
    must_say("site-report.txt on the card", card.get("site-report.txt").decode(), "tags.yaml")
    if card.data_print() != before:
        raise Failed("something was written over the data partition")
