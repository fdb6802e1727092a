"""Two Python processes exchange values of every kind through the bus; this one asks, exchange_b.py (which it starts) answers.

    exchange_a.py [--bus HOST:PORT] [--rounds N]
"""

import asyncio
import json
import os
import sys
import time

import client_common
import report
from exchange_b import CHANGE, KINDS
from pymscada.bus_client import BusClient
from pymscada_process import START_S

# The question of round i, by kind.
ASK = {
    "int": lambda i: i * 1_000_003 - 2**40,
    "float": lambda i: i * 0.1 + 1e-9,
    "str": lambda i: f"Runde {i} grüßt 水 🙂",
    "bytes": lambda i: bytes([i % 256]) * (i * 700 + 1),
    "list": lambda i: [i, "x" * i, [None, i / 3]],
    "dict": lambda i: {"round": i, "text": "é" * i, "inner": {"list": list(range(i))}},
}


def more(parser):
    """Its own arguments."""
    parser.add_argument("--rounds", type=int, default=200, help="rounds per kind")


async def start_b(parsed, host, port, prefix):
    """Starts the other process and waits until it listens."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "exchange_b.py")
    b = await asyncio.create_subprocess_exec(
        sys.executable, program, "--bus", f"{host}:{port}", "--prefix", prefix, "--deadline", str(parsed.deadline),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )
    line = await asyncio.wait_for(b.stdout.readline(), START_S)
    assert line and json.loads(line).get("ready"), f"exchange_b.py said {line!r}"
    return b


async def main(parsed, host, port):
    """Asks one kind after the other, each round waiting for its answer."""
    r = report.Report()
    prefix = f"xc{os.getpid()}"
    b = await start_b(parsed, host, port, prefix)
    client = BusClient(host, port, module="Exchange A")
    await client.start()
    tags = {side: {kind: make(f"{prefix}.{side}.{kind}") for kind, make in KINDS.items()} for side in "ab"}
    await client_common.ids_of([tag for side in tags.values() for tag in side.values()])
    for kind in KINDS:
        question, answer = tags["a"][kind], tags["b"][kind]
        heard = asyncio.Queue()
        answer.add_callback(lambda tag, heard=heard: heard.put_nowait((tag.value, tag.time_us)))
        wrong, began = None, time.perf_counter()
        for i in range(1, parsed.rounds + 1):
            asked = ASK[kind](i)
            question.value = asked
            got, time_us = await asyncio.wait_for(heard.get(), 20)
            if wrong is None and (got != CHANGE[kind](asked) or abs(time_us - time.time() * 1e6) > 30e6):
                wrong = (i, CHANGE[kind](asked), got, time_us)
        took = time.perf_counter() - began
        r.check(f"{parsed.rounds} rounds of {kind}", wrong is None and heard.empty(), wrong and wrong[1], wrong)
        report.say(kind=kind, rounds=parsed.rounds, us_per_round=round(took / parsed.rounds * 1e6))
    tags["a"]["str"].value = "quit"
    said, _ = await asyncio.wait_for(b.communicate(), 20)
    answered = json.loads(said.decode().strip().splitlines()[-1]).get("answered")
    r.equal("the other process answered each question once", answered, parsed.rounds * len(KINDS))
    r.equal("and came to its end", b.returncode, 0)
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 300, main, more)
