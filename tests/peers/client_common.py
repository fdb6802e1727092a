"""What the peers built on pymscada's own client share."""

import argparse
import asyncio
import contextlib
import importlib.metadata
import importlib.util
import logging
import sys

import frames
import report
from pymscada_process import OwnBus

# The exit code by which a test harness knows "could not be tried here".
SKIPPED = 77

# On a Python older than 3.12 the set-up falls back to a pymscada that has no typed tags; then only compare.py can be run.
if importlib.util.find_spec("pymscada.bus_client_tag") is None:
    report.say(skipped=f"pymscada {importlib.metadata.version('pymscada')} has no typed tags; this peer needs 0.2.8")
    sys.exit(SKIPPED)


def arguments(doc, deadline_s, more=None):
    """The command line every peer takes: which bus, how long; `more` adds its own."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", metavar="HOST:PORT", help="the bus to talk to; default: start pymscada's own")
    parser.add_argument("--deadline", type=float, default=deadline_s, help="give up after so many seconds")
    if more:
        more(parser)
    return parser.parse_args()


@contextlib.contextmanager
def bus_of(parsed):
    """The address to connect to, with pymscada's own bus started when none was named."""
    if parsed.bus:
        yield frames.parse_address(parsed.bus)
    else:
        with OwnBus() as address:
            yield address


def start(doc, deadline_s, body, more=None):
    """Runs `await body(parsed, host, port)` under the deadline; a Report it returns ends the program."""
    parsed = arguments(doc, deadline_s, more)
    report.deadline(parsed.deadline)
    # pymscada logs each connection as a warning; stdout is for results, stderr for what surprises.
    logging.basicConfig(level=logging.ERROR)
    with bus_of(parsed) as (host, port):
        try:
            results = asyncio.run(body(parsed, host, port))
        except (TimeoutError, ConnectionError, OSError) as error:
            results = report.Report()
            results.check("the peer came to its end", False, "no exception", f"{type(error).__name__}: {error}")
    if results is not None:
        results.finish()


async def ids_of(tags, seconds=20):
    """Waits until the bus has told the id of each tag."""
    await report.wait_until(
        lambda: all(tag.id is not None for tag in tags), seconds,
        f"ids of {[tag.name for tag in tags if tag.id is None][:5]}",
    )
