"""BusClient.get_history filling `age_us`, in two Python processes at the same time, each asking for both tags.

    get_history.py --bus HOST:PORT --tag level:float --tag count:int --age-s 3600 [--processes 2] [--at-least N]

Each process prints {"tag": …, "filled": N, "first": [time_us, value], "last": …, "in_order": true}; the checks compare the
processes with each other. Without --bus it starts pymscada's own bus and history with a little data: there it runs one process,
because pymscada's history answers everybody at once and two askers get each other's answers.
"""

import argparse
import asyncio
import json
import os
import struct
import sys
import tempfile
import time

import client_common
import frames as f
import report
from pymscada.bus_client import BusClient
from pymscada.bus_client_tag import TagBytes, TagFloat, TagInt
from pymscada_process import START_S, Module

KINDS = {"int": TagInt, "float": TagFloat}


def more(parser):
    """Its own arguments."""
    parser.add_argument("--tag", action="append", default=[], metavar="NAME:int|float")
    parser.add_argument("--age-s", type=float, default=3600)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--at-least", type=int, default=1, help="records that each tag must have got")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)


async def worker(parsed, host, port):
    """One process: ask, and print what was filled."""
    client = BusClient(host, port, module="GetHistory")
    await client.start()
    client.history_tag = TagBytes("__history__")
    tags = []
    for text in parsed.tag:
        name, _, kind = text.rpartition(":")
        tag = KINDS[kind](name)
        tag.age_us = int(parsed.age_s * 1e6)
        tags.append(tag)
    await client_common.ids_of([*tags, client.history_tag])
    # All start asking together: get_history itself waits a second first.
    await asyncio.wait_for(client.get_history(), 20)
    for tag in tags:
        # The live value may stand in front of what history brought; times are what counts.
        pairs = sorted(set(zip(tag.times_us, tag.values)))
        report.say(
            tag=tag.name, filled=len(pairs), first=pairs[0] if pairs else None, last=pairs[-1] if pairs else None,
            pairs=pairs if len(pairs) <= 20 else None, newest_wins=tag.get(2**63) if pairs else None,
        )


async def run_worker(parsed, host, port):
    """Starts one process and returns what it printed."""
    argv = [sys.executable, os.path.abspath(__file__), "--worker", "--bus", f"{host}:{port}", "--age-s", str(parsed.age_s),
            "--deadline", str(parsed.deadline), *(part for text in parsed.tag for part in ("--tag", text))]
    process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), START_S)
    return process.returncode, [json.loads(line) for line in said.decode().splitlines()]


def own_history(folder, host, port):
    """pymscada's history module with five records of two tags."""
    store = os.path.join(folder, "history")
    os.mkdir(store)
    now = int(time.time() * 1e6)
    for name, form, values in (("hist_f", ">Qd", [1.0, 2.5, 3.0]), ("hist_i", ">Qq", [7, 8])):
        with open(os.path.join(store, f"{name}_{now - 60_000_000}.dat"), "wb") as out:
            for i, value in enumerate(values):
                out.write(struct.pack(form, now - 60_000_000 + i * 1_000_000, value))
    for name, text in (("tags.yaml", "hist_f: {desc: f, type: float}\nhist_i: {desc: i, type: int}\n"),
                       ("history.yaml", f"bus_ip: {host}\nbus_port: {port}\npath: {store}\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)
    return Module(folder, "history", os.path.join(folder, "history.yaml"), os.path.join(folder, "tags.yaml"))


async def wait_for_history(host, port):
    """Returns once somebody has put a value on `__history__`: then its author is there to be asked."""
    raw = await f.Raw.open(host, port)
    tag_id = await raw.tag("__history__")
    end = time.monotonic() + START_S
    while True:
        raw.send(f.GET, tag_id)
        if (await raw.recv()).payload:
            break
        if time.monotonic() > end:
            raise TimeoutError("nobody authors __history__ on this bus")
        await asyncio.sleep(0.05)
    await raw.close()


async def main(parsed, host, port):
    """Two processes at once, then compares."""
    if parsed.worker:
        await worker(parsed, host, port)
        return None
    r = report.Report()
    with tempfile.TemporaryDirectory() as folder:
        module, processes = None, parsed.processes
        if parsed.bus is None:
            module, processes = own_history(folder, host, port), 1
            parsed.tag = parsed.tag or ["hist_f:float", "hist_i:int"]
        try:
            if module:
                await wait_for_history(host, port)
            results = await asyncio.gather(*(run_worker(parsed, host, port) for _ in range(processes)))
        finally:
            if module:
                module.stop()
    for number, (code, said) in enumerate(results, 1):
        r.equal(f"process {number} came to its end", code, 0)
        by_tag = {line["tag"]: line for line in said if "tag" in line}
        for text in parsed.tag:
            name = text.rpartition(":")[0]
            line = by_tag.get(name, {})
            report.say(process=number, **line)
            r.check(f"process {number}: {name} got at least {parsed.at_least}", line.get("filled", 0) >= parsed.at_least,
                    parsed.at_least, line)
            if parsed.bus is None:
                r.equal(f"{name}: the records themselves", [pair[1] for pair in line.get("pairs") or []],
                        {"hist_f": [1.0, 2.5, 3.0], "hist_i": [7, 8]}[name])
        if number > 1:
            first = {line["tag"]: line.get("first") for line in results[0][1] if "tag" in line}
            r.equal(f"process {number} got the same first records as process 1",
                    {tag: line.get("first") for tag, line in by_tag.items()}, first)
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 300, main, more)
