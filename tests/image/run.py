"""Boots the image and does to it what happens to a box: a plant to poll, daemons that die, power that fails, slots, cards
and sites that are no good.

usage: run.py IMAGE WORK PLANT_BINARY SEED CUTS short|long [STEP...]; called by scripts/test-image.
"""

import pathlib
import random
import signal
import sys
import threading
import time
import traceback

import bad_day_cases as bad
from box_cases import Well
from card import Card
from machine import ROOT, Failed, Machine
from plant import Plant

# A slot without systemd takes its three tries in the long form; one of them shows the same road.
TRIES_SHORT, TRIES_LONG = 1, 3


class Report:
    """What was measured and what was passed, in order, from two threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.figures = []
        self.failures = []
        self.began = time.monotonic()

    def __call__(self, what, figure, unit):
        with self.lock:
            self.figures.append((what, figure, unit))

    def say(self, text):
        with self.lock:
            print(f"forebay: image: {time.monotonic() - self.began:5.0f} s  {text}", flush=True)

    def step(self, name, work):
        """Runs a step; False when it failed."""
        began = time.monotonic()
        try:
            work()
        except Failed as failed:
            self.say(f"FAILED {name}: {failed}")
        except Exception:  # a mistake of the test's own fails it as well
            self.say(f"FAILED {name}: {traceback.format_exc()}")
        else:
            self.say(f"ok     {name} ({time.monotonic() - began:.0f} s)")
            return True
        self.failures.append(name)
        return False


def in_turn(report, steps, wanted):
    """Each step after the other as far as they are wanted; the first failure ends the lane."""
    for name, work in steps:
        if wanted(name) and not report.step(name, work):
            raise Failed(f"it ended at: {name}")


def main():
    image, work, plant_binary, seed, cuts, form, *only = sys.argv[1:]
    is_long = form == "long"
    dice = random.Random(int(seed))
    report = Report()
    claim = pathlib.Path(work, "claim").read_text().strip()
    plant = Plant(work, plant_binary, ROOT / "config/plant.yaml", [int(port) for port in pathlib.Path(work, "ports").read_text().split()])
    boxes = []

    def another(name, after=None, serial=None):
        # Two lanes come here at once: the last of the list may be the other's.
        made = Machine(work, image, name, serial=serial, after=after)
        boxes.append(made)
        if after is None:
            Card(made).slots("A B", 3, 3)
        return made

    box = another("box", serial=plant.tty)
    well = Well(box, plant, report, claim)

    def wanted(name):
        return not only or any(word in name for word in only)

    first = [
        ("boots to the page", well.boots_to_the_page),
        ("mounts, growth, memory, report", well.is_what_it_should_be),
        ("sets a value and reads it back in the plant", well.sets_a_value),
        ("each daemon killed in turn comes back", well.daemons_come_back),
        ("frozen daemons are replaced by the watchdog", well.watchdogs_bite),
    ]
    if is_long:
        first.append(("the serial adapter pulled and put back", well.adapter_comes_back))
        first.append(("the board's own port as an RS-485 line", well.board_port_switches_rs485))
    first.append(("a name and a zone, then off", well.goes_to_sleep))

    def cut(number):
        return lambda: well.survives_a_cut(dice, number, int(cuts))

    def power_lane():
        on = another("cuts", after=box, serial=plant.tty)
        well.moves_to(on)
        # Chosen with the cuts when only these are wanted.
        steps = [("on again for the cuts", lambda: well.comes_back("a reboot"))]
        steps += [(f"power cut {number} at random", cut(number)) for number in range(1, int(cuts) + 1)]
        steps += [("off after the cuts", on.cut_power),
                  ("three cuts turn to the other slot", lambda: bad.three_cuts_turn_to_the_other_slot(well, on)),
                  ("off after three cuts", on.cut_power)]
        in_turn(report, steps, wanted)

    def bad_lane():
        in_turn(report, [
            ("no data partition", lambda: bad.data_missing(another("missing"))),
            ("data that doesn't mount, junk for a site", lambda: bad.data_spoilt_and_junk_for_a_site(another("junk"), random.Random(int(seed)))),
            ("a slot without systemd", lambda: bad.a_slot_without_systemd_is_left(
                another("broken", after=box), well, TRIES_LONG if is_long else TRIES_SHORT, report)),
            ("data full, tries exhausted, a bad site", lambda: bad.full_exhausted_and_a_bad_site(another("full", after=box), well)),
        ], wanted)

    # Told to stop, it takes its boxes and its plant along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report.say(f"{form} form, seed {seed}, {cuts} power cuts")
    try:
        # Alone on the machine, so that its times are a box's.
        if all(report.step(name, step) for name, step in first):
            lanes = [threading.Thread(target=report.step, args=(name, lane), daemon=True)
                     for name, lane in (("all of power", power_lane), ("all of bad days", bad_lane))]
            for lane in lanes:
                lane.start()
            for lane in lanes:
                lane.join()
    finally:
        for one in boxes:
            one.cut_power()
        plant.stop()
        for what, figure, unit in report.figures:
            print(f"{what:<56} {figure:7.1f} {unit}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
