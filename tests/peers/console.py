"""Drives pymscada's own console through a terminal, as a person would: list, get, set, sub, unsub, quit.

A raw client on the same bus sees what the console sets, and sets what the console should see.
"""

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import tempfile
import termios
import time

import client_common
import frames as f
import report
from pymscada_process import START_S

P = f"con{os.getpid()}_"
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A console process on a terminal of its own."""

    def __init__(self, argv, folder):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execv(argv[0], argv)
        # Wide enough that no line is wrapped.
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
        os.set_blocking(self.fd, False)
        self.mark = 0

    def read(self):
        """Takes in what the terminal shows; returns what came since the last command, without escapes."""
        try:
            while chunk := os.read(self.fd, 65536):
                self.seen += chunk
        except BlockingIOError:
            pass
        except OSError:
            # The console closed its side.
            pass
        return ESCAPES.sub(b"", self.seen[self.mark :]).decode(errors="replace")

    def type(self, line):
        """Types a line and Enter."""
        self.read()
        self.mark = len(self.seen)
        os.write(self.fd, line.encode() + b"\r")

    async def retype(self, line, text):
        """Types a line until the terminal answers with `text`: the console may still be starting, or what it is asked for on its way."""
        end = time.monotonic() + START_S
        while True:
            self.type(line)
            try:
                return await self.shows(text, 0.25)
            except TimeoutError:
                if time.monotonic() > end:
                    raise

    async def shows(self, text, seconds=20):
        """Waits until `text` is on the screen after the last command."""
        await report.wait_until(lambda: text in self.read(), seconds, f"{text!r} on the console")
        return True

    def kill(self):
        """Ends it, however it is."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


async def session(r, terminal, raw):
    """What the person does."""
    ids = {short: await raw.tag(P + short) for short in ("int", "float", "text")}
    raw.send(f.SET, ids["float"], 1, f.float_value(2.5))
    await raw.until_barrier(1, 20)
    # The prompt is an empty line; only an answer tells that the console is there.
    r.check("list names the tags", await terminal.retype("list", f"{P}int {P}float {P}text"))
    terminal.type("list text")
    r.check("list takes a part of a name", await terminal.shows(f"{P}text") and P + "int" not in terminal.read())
    r.check("get shows what the bus holds", await terminal.retype(f"get {P}float", f"{P}float 2.5"))
    raw.send(f.SUB, ids["int"])
    raw.send(f.SUB, ids["text"])
    await raw.until_barrier(2, 20)
    terminal.type(f"set {P}int 42")
    got = await raw.recv()
    r.equal("set reaches the bus", (got.tag_id, got.payload), (ids["int"], f.int_value(42)))
    terminal.type(f"set {P}text two words")
    got = await raw.recv()
    r.equal("set of a text with a space", (got.tag_id, got.payload), (ids["text"], f.str_value("two words")))
    terminal.type(f"set {P}int nonsense")
    r.check("a wrong value is refused by the console", await terminal.shows("error setting"))
    terminal.type(f"sub {P}int")
    r.check("sub shows the present value", await terminal.shows(f"{P}int 42"))
    raw.send(f.SET, ids["int"], 5, f.int_value(43))
    r.check("and each change", await terminal.shows(f"{P}int 43"))
    raw.send(f.SET, ids["int"], 6, f.int_value(44))
    r.check("and the next", await terminal.shows(f"{P}int 44"))
    terminal.type(f"unsub {P}int")
    terminal.type(f"get {P}float")
    await terminal.shows(f"{P}float 2.5")
    # One update for a tag it still would show, then one it can be asked for: the second has come when the first had to.
    raw.send(f.SET, ids["int"], 7, f.int_value(45))
    raw.send(f.SET, ids["float"], 8, f.float_value(9.5))
    start = len(terminal.seen)
    await terminal.retype(f"get {P}float", f"{P}float 9.5")
    after = ESCAPES.sub(b"", terminal.seen[start:]).decode(errors="replace")
    r.check("unsub ends it", f"{P}int 45" not in after, "no 45", after)
    r.check("while get still knows the value", await terminal.retype(f"get {P}int", f"{P}int 45"))
    terminal.type("quit")
    status = await report.wait_until(lambda: os.waitpid(terminal.pid, os.WNOHANG)[0] and "gone", 20, "quit")
    r.equal("quit ends the console", status, "gone")


async def main(_parsed, host, port):
    """One session."""
    r = report.Report()
    raw = await f.Raw.open(host, port)
    with tempfile.TemporaryDirectory() as folder:
        tags = os.path.join(folder, "tags.yaml")
        with open(tags, "w", encoding="utf-8") as out:
            for short, kind in (("int", "int"), ("float", "float"), ("text", "str")):
                out.write(f"{P}{short}: {{desc: {short}, type: {kind}}}\n")
        argv = [sys.executable, "-m", "pymscada", "console", "-i", host, "-p", str(port), "--tags", tags]
        terminal = Terminal(argv, folder)
        try:
            await session(r, terminal, raw)
        except TimeoutError as error:
            r.check("the session", False, str(error), terminal.read()[-400:])
        finally:
            terminal.kill()
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 400, main)
