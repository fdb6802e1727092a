"""Runs every peer against a Forebay binary, each against a fresh process of it, and prints one line per peer.

    run_all.py --forebay target/debug/forebay [--only NAME] [--verbose]

Closing line: `N passed, N failed`, counting checks; exit code 0 when none failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from forebay_process import Forebay

HERE = os.path.dirname(os.path.abspath(__file__))
# The peers that talk to a bus, with their own arguments.
ON_THE_BUS = {
    "compare": ["--fresh"],
    "bus_semantics": [],
    "exchange_a": [],
    "console": [],
    "hostile": [],
}
# The longest any one may take; each has a deadline of its own below this.
PEER_S_MAX = 300


def run(name, words, verbose):
    """One peer; returns (passed, failed)."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, f"{name}.py"), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PEER_S_MAX, check=False,
        )
        said, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as error:
        said, code = (error.stdout or b"").decode(errors="replace"), None
    passed = failed = 0
    for line in said.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {}
        if entry.get("ok") is True:
            passed += 1
        elif entry.get("ok") is False:
            failed += 1
        if verbose or entry.get("ok") is False or "out_of_time" in entry or "log" in entry or "skipped" in entry:
            print(f"    {line}", flush=True)
    # A peer that died, or ran no check, has failed even if nothing it printed says so.
    if failed == 0 and (code != 0 or passed == 0):
        failed = 1
    print(f"peer {name}: {passed} passed, {failed} failed, exit {code}, {time.monotonic() - began:.1f} s", flush=True)
    return passed, failed


def main(parsed):
    """One after the other."""
    passed = failed = 0
    for name, words in ON_THE_BUS.items():
        if parsed.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="peers-") as folder, Forebay.bus(parsed.forebay, folder) as forebay:
                extra = ["--pid", str(forebay.process.pid)] if name == "hostile" else []
                got = run(name, ["--bus", f"127.0.0.1:{forebay.bus_port}", *words, *extra], parsed.verbose)
                if forebay.process.poll() is not None:
                    print(f"    the bus ended with {forebay.process.returncode}: {forebay.tail()}", flush=True)
                    got = (got[0], got[1] + 1)
                passed, failed = passed + got[0], failed + got[1]
    if parsed.only in (None, "plant_story"):
        got = run("plant_story", ["--forebay", parsed.forebay], parsed.verbose)
        passed, failed = passed + got[0], failed + got[1]
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forebay", required=True, metavar="BINARY")
    parser.add_argument("--only", choices=[*ON_THE_BUS, "plant_story"])
    parser.add_argument("--verbose", action="store_true")
    sys.exit(main(parser.parse_args()))
