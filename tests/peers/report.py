"""How every peer program tells what it saw: one JSON object a line on stdout, and an exit code.

    {"check": "second SUB answers again", "ok": true}
    {"check": "...", "ok": false, "expected": "...", "got": "..."}
    {"passed": 31, "failed": 1}

Exit codes: 0 all held, 1 a check failed, 2 wrong use, 3 out of time, 77 can't be tried here. A program never hangs: `deadline` ends it from a signal
handler even when the event loop is stuck.
"""

import json
import os
import signal
import sys
import time

# Long payloads are for machines; a person reads the beginning.
SHOWN_CHARS = 400


def say(**fields):
    """Prints one JSON line at once: the other side may be waiting for it."""
    print(json.dumps(fields, default=repr), flush=True)


def shown(value):
    """`value` as a person wants to read it in a failure."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}… ({len(text)} characters)"


class Report:
    """Counts checks and prints each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, ok, expected=None, got=None):
        """Records one check; returns `ok`."""
        if ok:
            self.passed += 1
            say(check=name, ok=True)
        else:
            self.failed += 1
            say(check=name, ok=False, expected=shown(expected), got=shown(got))
        return ok

    def equal(self, name, got, expected):
        """Checks that two values are the same."""
        return self.check(name, got == expected, expected, got)

    def finish(self):
        """Prints the totals and ends the program. An empty report is a failure: it checked nothing."""
        say(passed=self.passed, failed=self.failed)
        sys.stdout.flush()
        # os._exit: pymscada's tasks and pending sockets have nothing to say any more.
        os._exit(0 if self.passed and not self.failed else 1)


def deadline(seconds):
    """Ends the program with exit code 3 after `seconds`, wherever it is."""

    def out_of_time(_signal, frame):
        where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}" if frame else "?"
        say(out_of_time=f"not finished after {seconds} s", at=where)
        os._exit(3)

    signal.signal(signal.SIGALRM, out_of_time)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def wait_for(level, seconds, what):
    """Blocks until `level()` is true; returns what it returned, or raises saying what was last seen."""
    end = time.monotonic() + seconds
    while True:
        seen = level()
        if seen:
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s, last seen {seen!r}")
        time.sleep(0.02)


async def wait_until(level, seconds, what):
    """The same inside an event loop."""
    import asyncio

    end = time.monotonic() + seconds
    while True:
        seen = level()
        if seen:
            return seen
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s, last seen {seen!r}")
        await asyncio.sleep(0.01)
