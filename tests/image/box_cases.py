"""A box that is well, and what it takes: its page, its plant, its daemons killed and frozen, its power cut."""

import base64
import math
import time

from browser import GOOD, HELD, Browser
from machine import Failed

DAEMONS = ("bus", "modbus", "modbusserver", "history", "www")
# A measurement over TCP, one over the serial line, and a set-point with the place it has in the plant.
TCP_TAG, RTU_TAG = "Forebay_Level", "Hall_Temp"
SET_TAG, SET_VALUE, SET_AT = "Forebay_LevelSet", 3.75, "value station 4x:101 float32 abcd"
TAGS = (TCP_TAG, RTU_TAG, SET_TAG)
HISTORY_TAG = "Meter_Frequency"
# The test's site writes every two seconds (flush_s); the rest is for a loaded machine. What is older than this survives a cut.
DURABLE_MS = 10_000
RECORDS_S = 15
# Of the meter's registers 1 to 17 the last isn't there: what is written down of that, and the request that it saves.
LEARNED_FILE = "/var/lib/forebay/modbus/modbus.learned"
LEARNED = "block\tMETER\t2\t3\t0\t17\t0-8 8-9!"
WHOLE_BLOCK = bytes([2, 4, 0, 0, 0, 17])
# Two more than the daemons' WatchdogSec=20s in which a loaded machine may notice.
WATCHDOG_S = 120
TIME_ZONE = "Pacific/Auckland"


def wait_page(box, browser):
    box.wait_for("the page answers", browser.page_answers)
    return box.seconds()


def wait_good(box, browser, *tags):
    box.wait_for(f"{', '.join(tags)} good on the page", lambda: browser.sees_good(*tags))
    return box.seconds()


class Well:
    """The box of the first boot, and the browser that claimed it."""

    def __init__(self, box, plant, report, claim):
        self.box, self.plant, self.report, self.claim_code = box, plant, report, claim
        self.browser = Browser(box.port)
        self.since_ms = int(time.time() * 1000)
        self.identity = None

    def boots_to_the_page(self):
        box, browser = self.box, self.browser
        box.start()
        self.report("power-on to the page", wait_page(box, browser), "s")
        if browser.claim("0000-0000"):
            raise Failed("a wrong claim code lets a browser in")
        box.wait_for("the claim code lets a browser in", lambda: browser.claim(self.claim_code))
        self.report("power-on to the first good value on the page", wait_good(box, browser, TCP_TAG), "s")
        self.report("power-on to a good value over RTU", wait_good(box, browser, TCP_TAG, RTU_TAG, SET_TAG), "s")
        box.wait_good()
        self.report("power-on to the slot marked good", box.seconds(), "s")
        if box.tries() != {"BOOT_ORDER": "A B", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "3"}:
            raise Failed(f"good, and yet {box.tries()}")
        failed = box.ask("systemctl --failed --no-legend --plain --no-pager")
        if failed:
            raise Failed(f"units failed: {failed}")

    def is_what_it_should_be(self):
        """Mounts, growth, memory, watchdogs, the site's report, no way in."""
        box = self.box
        def grown():
            return int(box.ask("df --output=size --block-size=1M /data | tail -n 1")) > 1000
        box.wait_for("data has grown to the card's end", grown)
        options = box.ask("findmnt --noheadings --output OPTIONS /data").split(",")
        missing = {"nodev", "nosuid", "noexec"} - set(options)
        if missing:
            raise Failed(f"/data is mounted without {missing}")
        writable = set(box.ask("findmnt --noheadings --real --options rw --output TARGET").split())
        if not writable <= {"/data", "/var/lib/forebay", "/var/lib/systemd"}:
            raise Failed(f"writable on the card: {writable}")
        if box.run("touch /etc/forebay /usr/forebay")[0] == 0:
            raise Failed("the root can be written")
        memory = dict(line.split(":") for line in box.ask("grep -E '^(MemTotal|MemAvailable)' /proc/meminfo").splitlines())
        total, free = (int(memory[name].split()[0]) / 1024 for name in ("MemTotal", "MemAvailable"))
        self.report("memory in use", total - free, "MiB")
        pages = box.ask("for n in bus modbus modbusserver history www; do grep ^Pss: /proc/$(systemctl show --property MainPID --value forebay-$n.service)/smaps_rollup; done")
        self.report("memory of the five daemons (PSS)", sum(int(line.split()[1]) for line in pages.splitlines()) / 1024, "MiB")
        if box.ask("systemctl show --property RuntimeWatchdogUSec --value") in ("0", "infinity"):
            raise Failed("no hardware watchdog")
        for name in DAEMONS:
            box.ask(f"systemctl show --property WatchdogUSec --value forebay-{name}.service | grep --quiet 20s")
        if box.ask("stat --format=%U:%a /data/forebay/modbus").strip() != "forebay-modbus:750":
            raise Failed("what is learned of the devices has no place on the data partition")
        if "LD_PRELOAD" in box.ask("cat /run/forebay.env"):
            raise Failed("the card's environment.txt reaches the loader")
        if not self.asked_the_whole_block():
            raise Failed("nobody asked the meter for its whole block before it was known what it refuses")
        report = box.ask("cat /boot/site-report.txt")
        if "taken over" not in report or "taken over" not in box.said():
            raise Failed(f"the site's report: {report!r}")
        if box.ask("ss --listening --tcp --numeric --no-header 2>/dev/null | grep -c ':22 ' || true").strip() not in ("0", ""):
            raise Failed("something listens where SSH does")

    def sets_a_value(self):
        """Set on the page, confirmed on the page, and there in the plant."""
        outcome = self.browser.set(SET_TAG, SET_VALUE)
        if outcome["state"] != "confirmed":
            raise Failed(f"setting {SET_TAG}: {outcome}")
        self.plant_holds()

    def plant_holds(self):
        held = self.plant.say(SET_AT)
        if float(held.split()[-1]) != SET_VALUE:
            raise Failed(f"the plant holds {held!r}, not {SET_VALUE}")

    # --- daemons

    def pid(self, name):
        return self.box.ask(f"systemctl show --property MainPID --value forebay-{name}.service")

    def restarts(self, name):
        return int(self.box.ask(f"systemctl show --property NRestarts --value forebay-{name}.service"))

    def back(self, name, before):
        state, pid = (self.box.ask(f"systemctl show --property {what} --value forebay-{name}.service")
                              for what in ("ActiveState", "MainPID"))
        return state == "active" and pid not in ("0", before)

    # --- the history, as the page's trends ask for it

    def held(self, until_ms=None):
        """(until, the points of the tag that always changes, up to then)."""
        until_ms = until_ms or int(time.time() * 1000)
        points = self.browser.trend(HISTORY_TAG, self.since_ms, until_ms)
        return until_ms, {point for point in points if not math.isnan(point[1])}

    def nothing_lost(self, held, what):
        """What the history held it still holds, it goes on, and the plant is as it was set."""
        box, (until_ms, points) = self.box, held
        _, now = box.wait_for(f"the history after {what}", lambda: self.held(until_ms))
        gone = points - now
        if gone:
            raise Failed(f"after {what} the history lacks {len(gone)} of {len(points)} points, such as {sorted(gone)[0]}")
        began_ms = time.time() * 1000
        box.wait_for(f"the history goes on after {what}", lambda: max(self.held()[1])[0] > began_ms)
        self.plant_holds()

    def daemons_come_back(self):
        box = self.box
        for name in DAEMONS:
            # What the history had not yet written when it was killed itself is lost, and only that.
            until_ms = int(time.time() * 1000) - (DURABLE_MS if name == "history" else 0)
            held = box.wait_for("the history", lambda until_ms=until_ms: self.held(until_ms))
            before = self.pid(name)
            began = time.monotonic()
            box.ask(f"kill -KILL {before}")
            box.wait_for(f"{name} comes back", lambda name=name, before=before: self.back(name, before))
            # A fresh socket: what was there before is not what the page shows now.
            self.browser.close()
            wait_good(box, self.browser, *TAGS)
            self.report(f"{name} killed to all good on the page", time.monotonic() - began, "s")
            self.nothing_lost(held, f"{name} was killed")

    def watchdogs_bite(self):
        """All stand still instead of ending; systemd's watchdog replaces each."""
        box = self.box
        held = self.held(int(time.time() * 1000) - DURABLE_MS)
        before = {name: self.pid(name) for name in DAEMONS}
        restarts = {name: self.restarts(name) for name in DAEMONS}
        began = time.monotonic()
        box.ask(f"kill -STOP {' '.join(before.values())}")
        for name in DAEMONS:
            box.wait_for(f"the watchdog replaces {name}", lambda name=name: self.back(name, before[name]), WATCHDOG_S)
            if self.restarts(name) <= restarts[name]:
                raise Failed(f"{name} was not restarted by systemd")
        said = box.ask("journalctl --boot --no-pager --output cat --grep 'Watchdog timeout' | sort -u | wc -l")
        if int(said) < 1:
            raise Failed("systemd doesn't speak of its watchdog")
        self.browser.close()
        wait_good(box, self.browser, *TAGS)
        self.report("five daemons frozen to all good on the page", time.monotonic() - began, "s")
        self.nothing_lost(held, "the watchdog")

    def adapter_comes_back(self):
        """The serial adapter is pulled and put back: its tag is held meanwhile, the others stay good."""
        box, browser = self.box, self.browser
        box.unplug_adapter()
        def only_that():
            return browser.readings[RTU_TAG][1] == HELD and browser.readings[TCP_TAG][1] == GOOD
        box.wait_for(f"{RTU_TAG} held, {TCP_TAG} good", lambda: browser.hear_for(5, only_that))
        box.plug_adapter()
        wait_good(box, browser, *TAGS)

    def board_port_switches_rs485(self):
        """The fan is moved from the adapter to the board's own port, whose driver (PL011) has an RS-485 mode, then back."""
        box, browser = self.box, self.browser
        said = "FAN: /dev/ttyAMA0 is in RS-485 mode, its driver says"
        box.unplug_adapter()
        # The console moves to the screen's terminal, so that the port is a line like another.
        box.ask("echo N >/sys/class/tty/ttyAMA0/console")
        box.ask("chgrp dialout /dev/ttyAMA0 && chmod g+rw /dev/ttyAMA0")
        box.ask("cp --archive /run/forebay-site/. /run/rs485-site")
        box.ask(r"sed --in-place 's|^\(  serial:\) .*|\1 /dev/ttyAMA0\n  rs485: true|' /run/rs485-site/modbusclient.yaml")
        drop_in = "/run/systemd/system/forebay-modbus.service.d"
        box.ask(f"mkdir --parents {drop_in} && printf '[Service]\\nWorkingDirectory=/run/rs485-site\\n' >{drop_in}/rs485.conf")
        take_away = box.wire_board_port(self.plant.tty)
        try:
            box.ask("systemctl daemon-reload && systemctl restart forebay-modbus.service")
            browser.close()
            wait_good(box, browser, *TAGS)
            box.ask(f"journalctl --boot --no-pager --output cat --unit forebay-modbus.service | grep --quiet --fixed-strings '{said}'")
            count = box.ask("forebay get --runtime /run/forebay sys.modbus.FAN.crc_errors").split()[1]
            if count != "0":
                raise Failed(f"{count} frames came damaged over the RS-485 port")
        finally:
            take_away()
        box.plug_adapter()
        box.ask(f"rm -r {drop_in} /run/rs485-site && systemctl daemon-reload && systemctl restart forebay-modbus.service")
        browser.close()
        wait_good(box, browser, *TAGS)

    # --- what was learned of the devices

    def asked_the_whole_block(self):
        """Is the meter's block as the site has it among the last frames of its line?"""
        self.box.ask("forebay modbus frames METER /run/meter.pcap --runtime /run/forebay")
        return WHOLE_BLOCK in base64.b64decode(self.box.ask("base64 --wrap=0 /run/meter.pcap"))

    def still_knows(self, what):
        """The refused part of the meter's block is on the card, and nobody looked for it again."""
        if LEARNED not in self.box.ask(f"cat {LEARNED_FILE}").splitlines():
            raise Failed(f"after {what} nobody knows any more what the meter refuses")
        # A unit that was away may be another one, of which nothing is known.
        away = self.box.ask("forebay get --runtime /run/forebay sys.modbus.METER:2.timeouts").split()[1] != "0"
        if not away and self.asked_the_whole_block():
            raise Failed(f"after {what} the meter was asked for what it was known to refuse")

    # --- power

    def goes_to_sleep(self):
        """A name and a time zone of its own, to be found again; then off, as boxes go off."""
        box = self.box
        box.wait_for("what the meter refuses is written down", lambda: LEARNED in box.ask(f"cat {LEARNED_FILE}").splitlines())
        box.ask(f"ln --symbolic --force --no-dereference /usr/share/zoneinfo/{TIME_ZONE} /data/system/localtime")
        box.ask("sync")
        self.identity = box.identity()
        if "NZ" not in self.identity:
            raise Failed(f"the time zone isn't taken: {self.identity!r}")
        box.cut_power()

    def moves_to(self, box):
        """The same card in another machine: the same cookie, another port."""
        cookie = self.browser.cookie
        self.box, self.browser = box, Browser(box.port)
        self.browser.cookie = cookie

    def comes_back(self, what):
        """Boots with its history, its identity, its browser; polls."""
        box = self.box
        box.start()
        wait_page(box, self.browser)
        self.browser.close()
        wait_good(box, self.browser, *TAGS)
        if box.identity() != self.identity:
            raise Failed(f"{what}: another identity: {box.identity()!r}, not {self.identity!r}")
        self.still_knows(what)
        box.wait_said("Forebay. The page:")
        if "claim code:" in box.said():
            raise Failed(f"{what}: the claim code of a box that was claimed is on its console")

    def survives_a_cut(self, dice, number, count):
        """Records for a while, loses its power at a moment nobody chose, and has all but the last moments afterwards."""
        box = self.box
        seconds = dice.uniform(1, RECORDS_S)
        time.sleep(seconds)
        cut_ms = int(time.time() * 1000)
        held = self.held(cut_ms - DURABLE_MS)
        box.cut_power()
        self.comes_back(f"cut {number}")
        self.nothing_lost(held, f"cut {number}")
        last_ms = max(self.held(cut_ms)[1])[0]
        self.report.say(f"cut {number} of {count} after {seconds:.1f} s of recording: {len(held[1])} samples still there, the last "
                        f"{(cut_ms - last_ms) / 1000:.1f} s before it; good again {box.seconds():.0f} s after power-on")
