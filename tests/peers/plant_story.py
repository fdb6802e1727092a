"""From a PLC through Forebay to Python and back: pymodbus as the PLC, pymscada's client as the site's script.

    plant_story.py --forebay BINARY

Writes a pymscada site of four tags, starts `forebay run` on it, and lets a value pass in each direction; then the PLC refuses,
falls silent, dies and comes back. Registers are always judged in the PLC itself.
"""

import argparse
import asyncio
import json
import os
import struct
import sys
import tempfile
import time

import frames as f
import report
from forebay_process import Forebay
from ports import free_port
from pymscada_process import START_S

HERE = os.path.dirname(os.path.abspath(__file__))
RATE_S = 0.2
# "Within one poll period plus one second of its return", and a second for two busy cores.
BACK_S = RATE_S + 1.0 + 1.0
# What takes milliseconds when the machine is idle.
SOON_S = 20

SITE = {
    "bus.yaml": "ip: 127.0.0.1\nport: {bus}\n",
    "tags.yaml": """level: {{desc: Level, type: float}}
count: {{desc: Count, type: int}}
pump_sp: {{desc: Pump, type: float, min: 0, max: 100}}
gate_sp: {{desc: Gate, type: int}}
""",
    "modbusclient.yaml": """bus_ip: 127.0.0.1
bus_port: {bus}
rtus:
- name: RTU
  ip: 127.0.0.1
  port: {plc}
  rate: {rate}
  reads:
  - {{unit: 1, file: 4x, start: 1, end: 20}}
  writes:
  - {{unit: 1, file: 4x, start: 101, end: 110}}
tags:
  level: {{type: float32, read: 'RTU:1:4x:1'}}
  count: {{type: int16, read: 'RTU:1:4x:3'}}
  pump_sp: {{type: float32, write: 'RTU:1:4x:101'}}
  gate_sp: {{type: int16, write: 'RTU:1:4x:103'}}
""",
    "history.yaml": "bus_ip: 127.0.0.1\nbus_port: {bus}\npath: {history}\n",
}


class Plc:
    """plc.py in its own process, asked through its stdin."""

    @classmethod
    async def start(cls, port):
        """Starts it and waits until it listens."""
        self = cls()
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, os.path.join(HERE, "plc.py"), "--port", str(port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
        )
        ready = await asyncio.wait_for(self.process.stdout.readline(), START_S)
        assert ready and json.loads(ready).get("ready"), f"plc.py said {ready!r}"
        return self

    async def ask(self, line):
        """One command, its answer."""
        self.process.stdin.write(line.encode() + b"\n")
        answer = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 10))
        assert "error" not in answer, f"{line}: {answer}"
        return answer

    async def words(self, word, count=1):
        """Holding registers of unit 1."""
        return (await self.ask(f"peek 1 4x {word} {count}"))["words"]

    async def float(self, word):
        """A float32, low word first, as pymscada 0.2.8 lays it out."""
        low, high = await self.words(word, 2)
        return struct.unpack(">f", struct.pack(">HH", high, low))[0]

    async def put_level(self, level, count):
        """What the PLC's own program would do."""
        high, low = struct.unpack(">HH", struct.pack(">f", level))
        await self.ask(f"poke 1 4x 1 {low} {high} {count}")

    async def kill(self):
        """Gone without a word."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Watcher:
    """A raw client that keeps the last value of each tag."""

    @classmethod
    async def start(cls, port, names):
        """Subscribes to all of them."""
        self = cls()
        self.raw = await f.Raw.open("127.0.0.1", port)
        self.ids = {name: await self.raw.tag(name) for name in names}
        self.last, self.errs = {}, []
        for tag_id in self.ids.values():
            self.raw.send(f.SUB, tag_id)
        self.task = asyncio.create_task(self.follow())
        return self

    async def follow(self):
        """Takes in all that comes."""
        names = {tag_id: name for name, tag_id in self.ids.items()}
        while (got := await self.raw.frames.get()) is not None:
            if got.command == f.SET and got.payload:
                form = ">q" if got.payload[0] == f.INT else ">d"
                self.last[names[got.tag_id]] = struct.unpack(form, got.payload[1:])[0]
            elif got.command == f.ERR:
                self.errs.append(got.payload.decode())

    async def sees(self, name, value, seconds):
        """True once the tag's last value is this, False when it isn't within `seconds`."""
        try:
            await report.wait_until(lambda: self.last.get(name) == value, seconds, name)
        except TimeoutError:
            return False
        return True

    async def check(self, r, what, name, value, seconds):
        """One check of the report: this tag gets this value in time."""
        began = time.monotonic()
        seen = await self.sees(name, value, seconds)
        if r.check(what, seen, f"{name} = {value} within {seconds} s", self.last):
            report.say(after_s=round(time.monotonic() - began, 2))


async def peer(r, what, program, *words):
    """Runs another peer and takes over its verdict; returns its lines."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, os.path.join(HERE, program), *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 2 * START_S)
    lines = [json.loads(line) for line in said.decode().splitlines()]
    failed = [line for line in lines if line.get("ok") is False]
    r.check(what, process.returncode == 0, "exit 0", failed or lines[-3:])
    return lines


async def story(r, plc, watcher, bus, plc_port):
    """What happens, in order; returns the PLC that is alive at the end."""
    address = ("--bus", f"127.0.0.1:{bus}")

    def setpoint(tag, kind, value, expect, *more):
        return (*address, "--tag", tag, "--type", kind, "--value", str(value), "--expect", str(expect), *more)

    await plc.put_level(12.5, 77)
    await watcher.check(r, "a float in two registers reaches the bus", "level", 12.5, SOON_S)
    await watcher.check(r, "an integer reaches the bus", "count", 77, SOON_S)
    await watcher.check(r, "a set-point starts as the PLC holds it", "pump_sp", 0.0, SOON_S)
    await peer(r, "Python sets a set-point", "setpoint_writer.py", *setpoint("pump_sp", "float", 42.5, 42.5))
    r.equal("it stands in the PLC's registers", await plc.float(101), 42.5)
    await watcher.check(r, "and every other client hears it", "pump_sp", 42.5, SOON_S)
    await peer(r, "the older Tag class as well", "setpoint_writer.py", *setpoint("gate_sp", "int", -7, -7, "--legacy"))
    r.equal("it stands in the PLC's register", await plc.words(103), [65529])

    lines = await peer(r, "a value over max: the writer gets the old one back", "setpoint_writer.py",
                       *setpoint("pump_sp", "float", 1000, 42.5))
    r.check("with a reason", any("refused" in line.get("err", "") for line in lines), "an ERR text", lines)
    r.equal("the PLC never saw it", await plc.float(101), 42.5)

    await plc.ask("exception 4")
    await peer(r, "the PLC refuses: the old value back", "setpoint_writer.py", *setpoint("gate_sp", "int", 5, -7))
    await plc.ask("exception off")
    r.equal("nothing was kept for later", await plc.words(103), [65529])

    await plc.ask("silence on")
    await peer(r, "the PLC is silent: the old value back", "setpoint_writer.py", *setpoint("gate_sp", "int", 6, -7))
    await plc.put_level(13.5, 78)
    await plc.ask("silence off")
    await watcher.check(r, "what it did meanwhile is heard when it speaks again", "level", 13.5, BACK_S)
    r.equal("nothing was kept for later", await plc.words(103), [65529])

    await plc.ask("mute on")
    await peer(r, "the answer is lost: the old value back", "setpoint_writer.py", *setpoint("gate_sp", "int", 7, -7))
    await plc.ask("mute off")
    # The PLC may or may not have carried it out; what the bus says must be what the PLC holds.
    held = struct.unpack(">h", struct.pack(">H", (await plc.words(103))[0]))[0]
    await watcher.check(r, "afterwards the bus says what the PLC holds", "gate_sp", held, BACK_S)
    r.equal("and the register stays so", await plc.words(103), [held & 0xFFFF])

    await plc.kill()
    await asyncio.sleep(1.5)
    plc = await Plc.start(plc_port)
    await plc.put_level(14.5, 79)
    await watcher.check(r, "a PLC that died and came back is read again", "level", 14.5, BACK_S)

    for i in range(6):
        await plc.put_level(20.0 + i, 100 + i)
        if not await watcher.sees("count", 100 + i, SOON_S):
            r.check("values go on coming", False, 100 + i, watcher.last)
    # History writes in batches; asking is what must bring them all.
    await peer(r, "get_history fills age_us, in two processes", "get_history.py", *address,
               "--tag", "level:float", "--tag", "count:int", "--at-least", "6")
    return plc


async def main(parsed):
    """Sets the stage."""
    r = report.Report()
    with tempfile.TemporaryDirectory(prefix="plant-story-") as folder:
        bus, plc_port, site = free_port(), free_port(), os.path.join(folder, "site")
        os.makedirs(site)
        os.makedirs(os.path.join(folder, "history"))
        for name, text in SITE.items():
            with open(os.path.join(site, name), "w", encoding="utf-8") as out:
                out.write(text.format(bus=bus, plc=plc_port, rate=RATE_S, history=os.path.join(folder, "history")))
        plc = await Plc.start(plc_port)
        forebay = Forebay(parsed.forebay, folder, bus, "run", site)
        try:
            forebay.wait_listening()
            watcher = await Watcher.start(bus, ["level", "count", "pump_sp", "gate_sp"])
            plc = await story(r, plc, watcher, bus, plc_port)
        except (TimeoutError, AssertionError, OSError, RuntimeError) as error:
            r.check("the story came to its end", False, "no exception", f"{type(error).__name__}: {error}")
        finally:
            await plc.kill()
            r.equal("forebay ended cleanly on SIGTERM", forebay.stop(), 0)
            if r.failed:
                report.say(log=forebay.tail())
    r.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forebay", required=True, metavar="BINARY")
    parser.add_argument("--deadline", type=float, default=600)
    arguments = parser.parse_args()
    report.deadline(arguments.deadline)
    asyncio.run(main(arguments))
