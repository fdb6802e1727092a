"""Peers that mean no good on the bus port, and a check after each that everybody else goes on as if nothing happened.

pymscada's own bus does not survive this (its listener stops at the first HTTP request), so --bus is needed.

    hostile.py --bus HOST:PORT [--pid PID]     with --pid, the memory of that process is watched too
"""

import asyncio
import os
import random
import socket
import time

import client_common
import frames as f
import report
from pymscada.bus_client import BusClient
from pymscada.bus_client_tag import TagInt

P = f"hos{os.getpid()}."
# How long an update may take while others misbehave. Far above normal (well under a millisecond), far below "stalled".
UPDATE_S_MAX = 1.0
# Growth that would be a leak and not a cache: the stalled reader alone may have 16 MB waiting.
RSS_GROWTH_KIB_MAX = 100_000


def more(parser):
    """Its own arguments."""
    parser.add_argument("--pid", type=int, help="the bus's process, to watch its memory")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--connections", type=int, default=300)


class Neighbours:
    """The honest clients: pymscada's BusClient, and two raw ones that exchange values."""

    def __init__(self, r, host, port):
        self.r, self.host, self.port = r, host, port
        self.count = 0
        self.slowest_s = 0.0

    async def start(self):
        """Connects them all before the trouble begins."""
        self.writer = await f.Raw.open(self.host, self.port, "writer")
        self.reader = await f.Raw.open(self.host, self.port, "reader")
        self.client = BusClient(self.host, self.port, module="Neighbour")
        await self.client.start()
        self.tag = TagInt(P + "neighbour")
        await client_common.ids_of([self.tag])
        self.reader.send(f.SUB, await self.reader.tag(P + "neighbour"))
        await self.reader.until_barrier(1, 20)
        await self.writer.tag(P + "neighbour")

    async def go_on(self, after):
        """One value through the bus to a raw subscriber and to pymscada's client; a new client can connect."""
        self.count += 1
        began = time.perf_counter()
        self.writer.send(f.SET, self.tag.id, self.count, f.int_value(self.count))
        try:
            got = await self.reader.recv()
            took = time.perf_counter() - began
            await report.wait_until(lambda: not self.tag.is_none and self.tag.value == self.count, 20, "pymscada's client")
            new = await f.Raw.open(self.host, self.port, "new")
            new.send(f.GET, self.tag.id)
            answer = await new.recv()
            await new.close()
        except (TimeoutError, OSError) as error:
            return self.r.check(f"after {after}: the others go on", False, "an update", f"{type(error).__name__} {error}")
        self.slowest_s = max(self.slowest_s, took)
        fine = got and got.payload == answer.payload == f.int_value(self.count) and took < UPDATE_S_MAX
        return self.r.check(f"after {after}: the others go on", fine, f"{self.count} within {UPDATE_S_MAX} s", (got, answer, took))


async def say_and_see(host, port, data, seconds=20):
    """Sends bytes on a new connection; returns 'closed' when the bus hangs up within `seconds`, else 'open'."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(data)
        await writer.drain()
        while await asyncio.wait_for(reader.read(65536), seconds):
            pass
        return "closed"
    except ConnectionError:
        return "closed"
    except TimeoutError:
        return "open"
    finally:
        writer.close()


# What is sent, and whether the bus must hang up: None leaves both open as long as the peer isn't deaf.
RUBBISH = {
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "closed"),
    "a TLS hello": (bytes.fromhex("16030100c8010000c40303") + bytes(200), "closed"),
    "an SSH greeting": (b"SSH-2.0-OpenSSH_9.2\r\n", "closed"),
    "fourteen bytes 0xff": (b"\xff" * 14, "closed"),
    "one byte 0": (b"\x00", "closed"),
    "version 2": (f.frame(f.GET, 1, version=2), "closed"),
    "good frame, then version 0": (f.frame(f.ID, 0, 0, P.encode() + b"x") + f.frame(f.GET, 1, version=0), "closed"),
}


async def rubbish(neighbours):
    """Everything that is no protocol 1 ends in a hang-up."""
    for what, (data, wanted) in RUBBISH.items():
        got = await say_and_see(neighbours.host, neighbours.port, data)
        neighbours.r.equal(f"{what}: that peer is closed", got, wanted)
        await neighbours.go_on(what)


async def half_frames(neighbours):
    """Frames that never end: three bytes of a header, a header that promises bytes that never come, and a hang-up in between."""
    held = []
    for data in (b"\x01\x02\x00", f.frame(f.SET, 1, 0, b"", size=65535), f.frame(f.SET, 1, 0, b"short", size=1000)):
        reader, writer = await asyncio.open_connection(neighbours.host, neighbours.port)
        writer.write(data)
        await writer.drain()
        held.append(writer)
    await neighbours.go_on("half frames, held open")
    for writer in held:
        writer.transport.abort()
    await neighbours.go_on("half frames, then a reset")


async def oversize(neighbours):
    """Messages that grow for ever: refused, or the peer closed, and nothing else suffers."""
    raw = await f.Raw.open(neighbours.host, neighbours.port)
    tag = await raw.tag(P + "oversize")
    full = f.frame(f.SET, tag, 0, b"\x04" * f.MAX_LEN)
    sent = 0
    try:
        # 48 MB for one tag, past any single value's limit.
        while sent < 48_000_000 and not raw.closed:
            raw.send_bytes(full)
            await raw.writer.drain()
            sent += len(full)
        raw.send_bytes(f.frame(f.SET, tag, 0, b"end"))
    except ConnectionError:
        pass
    await neighbours.go_on("a value of 48 MB")
    before, end = await raw.until_barrier(9, 20)
    refused = end == "closed" or any(frame.command == f.ERR for frame in before)
    neighbours.r.check("a value of 48 MB is refused with ERR or the peer closed", refused, "ERR or closed", (before[:2], end))
    await raw.close()
    # Unfinished messages of many tags at once.
    raw = await f.Raw.open(neighbours.host, neighbours.port)
    ids = [await raw.tag(f"{P}many{i}") for i in range(40)]
    try:
        for _ in range(30):
            for tag_id in ids:
                raw.send_bytes(f.frame(f.SET, tag_id, 0, b"\x04" * f.MAX_LEN))
            await raw.writer.drain()
    except ConnectionError:
        pass
    before, end = await raw.until_barrier(10, 20)
    refused = end == "closed" or any(frame.command == f.ERR for frame in before)
    neighbours.r.check("78 MB of unfinished messages: refused or closed", refused, "ERR or closed", (before[:2], end))
    await raw.close()
    await neighbours.go_on("78 MB of unfinished messages")


async def unknown_commands(neighbours):
    """All command numbers there are not, with and without payload: the peer is answered or closed, never deaf."""
    for command in (0, 10, 77, 255):
        raw = await f.Raw.open(neighbours.host, neighbours.port)
        raw.send_bytes(f.frame(command, 1, 5, b"payload") + f.frame(command, 1, 5))
        _, end = await raw.until_barrier(11, 20)
        neighbours.r.check(f"command {command}: answered or closed, not deaf", end != "deaf", "open or closed", end)
        await raw.close()
    await neighbours.go_on("unknown commands")


async def random_bytes(neighbours, seed):
    """Random frames with a right first byte, and random bytes; the seed is printed."""
    chance = random.Random(seed)
    # Never the neighbours' own tag: a value of an unknown type ends every pymscada client that listens, on any bus.
    victim = await neighbours.writer.tag(P + "victim")
    for round_number in range(40):
        data = b"".join(
            f.frame(chance.randrange(256), chance.choice((0, 1, victim, 65535)), chance.getrandbits(64),
                    chance.randbytes(chance.randrange(60)))
            for _ in range(chance.randrange(1, 60))
        )
        if round_number % 2:
            data += b"\x01" + chance.randbytes(chance.randrange(200))
        try:
            _, writer = await asyncio.open_connection(neighbours.host, neighbours.port)
            writer.write(data)
            await writer.drain()
            if chance.random() < 0.5:
                writer.transport.abort()
            else:
                writer.close()
        except ConnectionError:
            pass
    await neighbours.go_on(f"random frames, seed {seed}")


async def never_reads(neighbours):
    """A subscriber that stops reading while values of 1 MB pass: the others are not held up, and it is dropped."""
    quiet = socket.create_connection((neighbours.host, neighbours.port))
    tag = await neighbours.writer.tag(P + "big")
    quiet.sendall(f.frame(f.SUB, tag))
    other = await f.Raw.open(neighbours.host, neighbours.port)
    other.send(f.SUB, await other.tag(P + "big"))
    await other.until_barrier(12, 20)
    value = b"\x04" + bytes(1_000_000)
    received = 0
    for number in range(40):
        neighbours.writer.send(f.SET, tag, number, value)
        await neighbours.writer.writer.drain()
        got = await other.recv_message()
        received += got is not None and len(got.payload) == len(value)
    neighbours.r.equal("beside a reader that stopped, another one got 40 values of 1 MB", received, 40)
    await neighbours.go_on("a subscriber that never reads")

    def hung_up():
        # What stood in the two socket buffers still comes, a little at a time; the end of it is the hang-up.
        try:
            while quiet.recv(1 << 20):
                pass
            return True
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    quiet.setblocking(False)
    try:
        await report.wait_until(hung_up, 20, "the bus to drop the reader that 40 MB wait for")
        neighbours.r.check("past 16 MB it is dropped", True)
    except TimeoutError as error:
        neighbours.r.check("past 16 MB it is dropped", False, "closed", str(error))
    quiet.close()
    await other.close()


async def many_connections(neighbours, count):
    """More connections than the bus takes: the surplus is turned away, those inside stay."""
    held = []
    for number in range(count):
        try:
            held.append(await asyncio.wait_for(f.Raw.open(neighbours.host, neighbours.port, str(number)), 20))
        except (OSError, TimeoutError):
            break
    ends = await asyncio.gather(*(raw.until_barrier(13, 20) for raw in held))
    answered = sum(end == "open" for _, end in ends)
    report.say(connections=len(held), answered=answered)
    neighbours.r.check(f"of {count} connections at least 200 are served", answered >= min(200, count), 200, answered)
    began = time.perf_counter()
    neighbours.count += 1
    neighbours.writer.send(f.SET, neighbours.tag.id, 0, f.int_value(neighbours.count))
    got = await neighbours.reader.recv()
    neighbours.r.check("with all of them connected, values still pass",
                       got is not None and time.perf_counter() - began < UPDATE_S_MAX, "an update", got)
    for raw in held:
        await raw.close()
    # Those that were turned away must be able to come back once there is room.
    end = time.monotonic() + 20
    while time.monotonic() < end:
        late = await f.Raw.open(neighbours.host, neighbours.port)
        _, how = await late.until_barrier(14, 1)
        await late.close()
        if how == "open":
            break
        await asyncio.sleep(0.05)
    await neighbours.go_on(f"{count} connections")


def rss_kib(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def main(parsed, host, port):
    """All of it; the neighbours are connected throughout."""
    r = report.Report()
    seed = parsed.seed if parsed.seed is not None else random.randrange(2**32)
    report.say(seed=seed)
    neighbours = Neighbours(r, host, port)
    await neighbours.start()
    await neighbours.go_on("nothing yet")
    before = rss_kib(parsed.pid) if parsed.pid else None
    await rubbish(neighbours)
    await half_frames(neighbours)
    await oversize(neighbours)
    await unknown_commands(neighbours)
    await random_bytes(neighbours, seed)
    await never_reads(neighbours)
    await many_connections(neighbours, parsed.connections)
    if parsed.pid:
        after = rss_kib(parsed.pid)
        report.say(rss_kib_before=before, rss_kib_after=after)
        r.check("the bus's memory is bounded", after - before < RSS_GROWTH_KIB_MAX, RSS_GROWTH_KIB_MAX, after - before)
    r.check("the neighbours' connections were never touched",
            not neighbours.writer.closed and not neighbours.reader.closed and not neighbours.client.writer.is_closing())
    report.say(slowest_update_ms=round(neighbours.slowest_s * 1000, 2))
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 600, main, more)
