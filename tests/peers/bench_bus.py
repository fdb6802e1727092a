"""Starts pymscada on a generated site, so that a bench can measure it beside ours in the same run.

    bench_bus.py --modules bus,modbusclient,history,wwwserver --tags 10000 [--plc HOST:PORT] [--site DIR]

Prints {"ready": true, "bus_port": …, "www_port": …, "pids": {…}, "site": DIR, "began_us": …, "listening_us": {…}} when everything
listens, then obeys lines on stdin:

    memory    → {"memory": {"bus": {"rss_kib": …, "pss_kib": …}, …}, "total_pss_kib": …}
    alive     → {"alive": {"bus": true, …}}
    tail NAME → {"tail": "…"} the end of that module's log
    quit      ends them all; so do the end of stdin, SIGTERM and SIGINT

The site is plain pymscada YAML: `forebay check` and `forebay run` take the same folder. Tag i is `t00000`…, int16, holding register
i + 1 of unit 1 when --plc is given; with --per-block 5 only that many of each block of 125 are tags, its first and its last among them.
"""

import argparse
import os
import signal
import sys
import tempfile
import time

import report
from ports import free_port
from pymscada_process import Module

# What ends it from outside, and its modules with it: they are in sessions of their own, where no signal to ours gets.
ENDINGS = (signal.SIGTERM, signal.SIGINT)
# The most registers one Modbus read may ask for.
READ_WORDS_MAX = 125
SHOWN_TAGS = 50
NEEDS_TAGS = {"history", "wwwserver"}


def tag_name(number):
    """The name of tag `number`."""
    return f"t{number:05}"


def write_site(folder, tags, bus_port, www_port, plc, rate=1.0, per_block=READ_WORDS_MAX):
    """All the YAML a site of `tags` tags needs."""
    os.makedirs(os.path.join(folder, "history"), exist_ok=True)

    def put(name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)

    bus = f"bus_ip: 127.0.0.1\nbus_port: {bus_port}\n"
    put("bus.yaml", f"ip: 127.0.0.1\nport: {bus_port}\n")
    put("tags.yaml", "".join(f"{tag_name(i)}: {{desc: Tag {i}, type: int, min: -32768, max: 32767}}\n" for i in range(tags)))
    put("history.yaml", f"{bus}path: {os.path.join(folder, 'history')}\n")
    items = "".join(f"  - {{type: value, tagname: {tag_name(i)}}}\n" for i in range(min(tags, SHOWN_TAGS)))
    put("wwwserver.yaml",
        f"{bus}ip: 127.0.0.1\nport: {www_port}\nget_path:\nserve_path:\nconfig: {{}}\npages:\n- name: Bench\n  parent:\n  items:\n{items}")
    if plc:
        host, _, port = plc.rpartition(":")

        def register(tag):
            block, place = divmod(tag, per_block)
            return block * READ_WORDS_MAX + place * (READ_WORDS_MAX - 1) // (per_block - 1) + 1

        reads = "".join(
            f"  - {{unit: 1, file: 4x, start: {register(first)}, end: {register(min(first + per_block, tags) - 1)}}}\n"
            for first in range(0, tags, per_block)
        )
        mapped = "".join(f"  {tag_name(i)}: {{type: int16, read: 'PLC:1:4x:{register(i)}'}}\n" for i in range(tags))
        put("modbusclient.yaml",
            f"{bus}rtus:\n- name: PLC\n  ip: {host}\n  port: {port}\n  rate: {rate}\n  reads:\n{reads}  writes: []\ntags:\n{mapped}")


def memory_of(pid):
    """RSS and PSS of a process in KiB; PSS shares out what several processes map."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            word = line.split()
            if word[0] in ("Rss:", "Pss:"):
                found[word[0][:-1].lower() + "_kib"] = int(word[1])
    return found


class Site:
    """The modules of one site, started in order."""

    def __init__(self, folder, bus_port, www_port):
        self.folder = folder
        self.ports = {"bus": bus_port, "wwwserver": www_port}
        self.modules = {}
        self.listening_us = {}

    def start(self, names):
        """Starts them; those with a port are waited for."""
        for name in names:
            config = os.path.join(self.folder, f"{name}.yaml")
            tags = os.path.join(self.folder, "tags.yaml") if name in NEEDS_TAGS else None
            module = Module(self.folder, name, config, tags, listening=self.ports.get(name))
            self.modules[name] = module
            if module.port:
                module.wait_listening(60)
                self.listening_us[name] = time.time_ns() // 1000

    def memory(self):
        """RSS and PSS of each module."""
        return {name: memory_of(module.pid) for name, module in self.modules.items() if module.alive()}

    def stop(self):
        """Stops them, the bus last."""
        for module in reversed(self.modules.values()):
            module.stop()


def serve(site):
    """Obeys stdin until it ends."""
    for line in sys.stdin:
        match line.split():
            case ["memory"]:
                memory = site.memory()
                report.say(memory=memory, total_pss_kib=sum(each["pss_kib"] for each in memory.values()))
            case ["alive"]:
                report.say(alive={name: module.alive() for name, module in site.modules.items()})
            case ["tail", name] if name in site.modules:
                report.say(tail=site.modules[name].tail())
            case ["quit"]:
                return
            case _:
                report.say(error=f"not understood: {line.strip()}")


def main(parsed):
    """Writes the site, starts it, serves."""
    with tempfile.TemporaryDirectory(prefix="bench-pymscada-") as temporary:
        folder = os.path.abspath(parsed.site or temporary)
        bus_port, www_port = parsed.bus_port or free_port(), parsed.www_port or free_port()
        write_site(folder, parsed.tags, bus_port, www_port, parsed.plc, parsed.rate, parsed.per_block)
        names = [name for name in parsed.modules.split(",") if name]
        site = Site(folder, bus_port, www_port)
        began_us = time.time_ns() // 1000
        try:
            site.start(names)
            report.say(
                ready=True, bus_port=bus_port, www_port=www_port, site=folder, began_us=began_us,
                listening_us=site.listening_us, pids={name: module.pid for name, module in site.modules.items()},
            )
            serve(site)
        finally:
            # The end of stdin and a signal come together when a whole run is cut off; the second must not stop the stopping.
            for ending in ENDINGS:
                signal.signal(ending, signal.SIG_IGN)
            site.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", default="bus", help="comma separated, in starting order")
    parser.add_argument("--tags", type=int, default=10_000)
    parser.add_argument("--plc", metavar="HOST:PORT", help="a Modbus TCP server for modbusclient")
    parser.add_argument("--rate", type=float, default=1.0, help="seconds between two polls")
    parser.add_argument("--per-block", type=int, default=READ_WORDS_MAX, help="tags in each block of 125 registers, at least 2")
    parser.add_argument("--bus-port", type=int)
    parser.add_argument("--www-port", type=int)
    parser.add_argument("--site", metavar="DIR", help="where to write the YAML; default: a folder that goes away")
    parser.add_argument("--deadline", type=float, default=1800)
    arguments = parser.parse_args()
    report.deadline(arguments.deadline)
    for sign in ENDINGS:
        signal.signal(sign, lambda number, _: sys.exit(f"ended by signal {number}"))
    main(arguments)
