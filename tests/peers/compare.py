"""Sends the same bytes to pymscada's bus and to another, and compares what comes back.

    compare.py --bus HOST:PORT      against a bus that already runs
    compare.py                      pymscada's bus against itself: every `same` case must hold, every `better` one must not
    compare.py --only NAME          one case, with its transcripts

The table is in cases.py.
"""

import argparse
import asyncio
import os

import cases
import frames
import report
from exchange import BARRIER_S, DEAF_S, Exchange
from pymscada_process import OwnBus

DEADLINE_S = 900


async def run_case(case, address, prefix, barrier_s):
    """One case on one bus: (transcript, what our bus must show or None)."""
    x = Exchange(address, prefix, barrier_s)
    wanted = None
    try:
        async with asyncio.timeout(120):
            wanted = await case.script(x)
    except (OSError, TimeoutError) as error:
        x.transcript.append(f"gave up: {type(error).__name__} {error}")
    finally:
        await x.close()
    return x.transcript, wanted


def first_difference(theirs, ours):
    """The first lines that differ, in the words of the transcripts."""
    for i in range(max(len(theirs), len(ours))):
        left = theirs[i] if i < len(theirs) else "(nothing)"
        right = ours[i] if i < len(ours) else "(nothing)"
        if left != right:
            return i + 1, left, right
    return None


async def fresh_bus(results, address):
    """What a bus says before anybody else has spoken; only sensible on one that has just been started."""
    x = Exchange(address, "fresh.")
    a = await x.client("a")
    a.send(frames.ID, 0, 0, b"__bus__")
    a.send(frames.GET, 1)
    await x.sync()
    await x.close()
    results.equal(
        "fresh bus: __bus__ has id 1 and says started",
        x.transcript,
        ["a < ID tag=__bus__ time=<now> b'__bus__'", "a < SET tag=__bus__ time=<now> b'\\x03started'"],
    )


async def main(arguments):
    """Runs the table."""
    results = report.Report()
    itself = arguments.bus is None
    chosen = [case for case in cases.CASES if arguments.only in (None, case.name)]
    if not chosen:
        raise SystemExit(f"no case is called {arguments.only}")
    reference, second = OwnBus(), OwnBus()
    their_address = reference.start()
    our_address = second.start() if itself else frames.parse_address(arguments.bus)
    if arguments.fresh or itself:
        await fresh_bus(results, our_address)
    for number, case in enumerate(chosen):
        # The process id keeps two runs against one long-lived bus apart.
        prefix = f"c{os.getpid()}.{number}."
        # Only pymscada's bus is ever deaf, and only where it is known to be.
        deaf_s = DEAF_S if case.better else BARRIER_S
        theirs, _ = await run_case(case, their_address, prefix, deaf_s)
        ours, wanted = await run_case(case, our_address, prefix, deaf_s if itself else BARRIER_S)
        if arguments.only:
            report.say(case=case.name, pymscada=theirs, other=ours, wanted=wanted)
        if case.better is None:
            difference = first_difference(theirs, ours)
            results.check(
                f"same: {case.name}", difference is None and bool(theirs),
                difference and f"line {difference[0]}: {difference[1]}", difference and difference[2],
            )
        elif itself:
            # The reference must show its defect, else the row proves nothing.
            results.check(f"defect shown: {case.name}", theirs != wanted, "something else", theirs)
        else:
            if theirs == wanted:
                report.say(note=f"{case.name}: this pymscada does it right as well")
            results.check(f"better: {case.name} ({case.better})", ours == wanted, wanted, ours)
        if case.breaks:
            reference.stop()
            their_address = reference.start()
            if itself:
                second.stop()
                our_address = second.start()
    reference.stop()
    second.stop()
    results.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", metavar="HOST:PORT", help="the bus to compare; default: pymscada's own")
    parser.add_argument("--fresh", action="store_true", help="the bus was just started and nobody has spoken to it")
    parser.add_argument("--only", metavar="CASE", help="one case, with its transcripts")
    parser.add_argument("--deadline", type=float, default=DEADLINE_S)
    parsed = parser.parse_args()
    report.deadline(parsed.deadline)
    asyncio.run(main(parsed))
