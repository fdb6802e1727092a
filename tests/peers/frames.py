"""Protocol 1 by hand: frames as bytes, and a client that hides nothing. Uses no pymscada code, so that it can judge both sides."""

import asyncio
import struct
from dataclasses import dataclass

ID, SET, GET, RTA, SUB, UNSUB, LIST, ERR, LOG = range(1, 10)
NAMES = {1: "ID", 2: "SET", 3: "GET", 4: "RTA", 5: "SUB", 6: "UNSUB", 7: "LIST", 8: "ERR", 9: "LOG"}
INT, FLOAT, STR, BYTES, JSON = range(1, 6)
HEADER = struct.Struct(">BBHHQ")
MAX_LEN = 65521


@dataclass(frozen=True)
class Frame:
    """One frame as it stood on the wire, continuation frames not joined."""

    command: int
    tag_id: int
    time_us: int
    payload: bytes

    def __str__(self):
        body = self.payload.hex() if len(self.payload) <= 40 else f"{len(self.payload)} bytes"
        return f"{NAMES.get(self.command, self.command)} id={self.tag_id} time={self.time_us} [{body}]"


def frame(command, tag_id=0, time_us=0, payload=b"", version=1, size=None):
    """The bytes of one frame; `version` and `size` can be told to lie."""
    return HEADER.pack(version, command, tag_id, len(payload) if size is None else size, time_us) + payload


def message(command, tag_id=0, time_us=0, payload=b""):
    """The bytes of a message, cut into frames as pymscada cuts it: a full last frame is followed by an empty one."""
    return b"".join(
        frame(command, tag_id, time_us, payload[i : i + MAX_LEN]) for i in range(0, len(payload) + 1, MAX_LEN)
    )


def int_value(value):
    """The payload of an integer."""
    return struct.pack(">Bq", INT, value)


def float_value(value):
    """The payload of a float."""
    return struct.pack(">Bd", FLOAT, value)


def str_value(text):
    """The payload of a text."""
    return bytes([STR]) + text.encode()


class Raw:
    """A connection that sends what it is told and keeps every frame that arrives, in order."""

    def __init__(self, name, reader, writer):
        self.name = name
        self.reader, self.writer = reader, writer
        self.frames = asyncio.Queue()
        self.closed = False
        self.address = writer.get_extra_info("sockname")
        self.pump = asyncio.create_task(self._pump())

    @classmethod
    async def open(cls, host, port, name="raw"):
        """Connects; nothing is sent."""
        reader, writer = await asyncio.open_connection(host, port)
        return cls(name, reader, writer)

    async def _pump(self):
        try:
            while True:
                version, command, tag_id, size, time_us = HEADER.unpack(await self.reader.readexactly(HEADER.size))
                payload = await self.reader.readexactly(size)
                assert version == 1, f"the bus sent version {version}"
                self.frames.put_nowait(Frame(command, tag_id, time_us, payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            self.frames.put_nowait(None)

    def send(self, command, tag_id=0, time_us=0, payload=b""):
        """Sends a message, cut into frames where needed."""
        self.writer.write(message(command, tag_id, time_us, payload))

    def send_bytes(self, data):
        """Sends exactly these bytes."""
        self.writer.write(data)

    async def recv(self, seconds=20.0):
        """The next frame; None once the bus has closed the connection; TimeoutError when nothing comes."""
        return await asyncio.wait_for(self.frames.get(), seconds)

    async def recv_message(self, seconds=20.0):
        """The next message with its continuation frames joined, as (command, tag_id, time_us, payload)."""
        first = await self.recv(seconds)
        if first is None:
            return None
        whole, last = bytearray(first.payload), first
        while len(last.payload) == MAX_LEN:
            last = await self.recv(seconds)
            if last is None:
                return None
            whole += last.payload
        return Frame(last.command, last.tag_id, last.time_us, bytes(whole))

    async def until_barrier(self, mark, seconds):
        """Sends a LIST that nothing matches and returns (frames before its answer, how it ended).

        A connection's requests are answered in order, so whatever was caused earlier has arrived by then. Ends are
        'open', 'closed' (the bus hung up) and 'deaf' (connected, but no answer within `seconds`).
        """
        before = []
        try:
            self.writer.write(frame(LIST, 0, mark, b"^\x00no tag is called this\x00"))
            await self.writer.drain()
            while True:
                got = await asyncio.wait_for(self.frames.get(), seconds)
                if got is None:
                    return before, "closed"
                if got.command == LIST and got.time_us == mark:
                    return before, "open"
                before.append(got)
        except ConnectionError:
            # What came before the bus hung up still counts.
            await asyncio.wait([self.pump], timeout=seconds)
            while not self.frames.empty():
                got = self.frames.get_nowait()
                if got is not None:
                    before.append(got)
            return before, "closed"
        except TimeoutError:
            return before, "deaf"

    async def tag(self, name, seconds=20.0):
        """The id of a tag, created when it is new; frames of other kinds are skipped."""
        raw = name if isinstance(name, bytes) else name.encode()
        self.send(ID, 0, 0, raw)
        while True:
            got = await self.recv(seconds)
            if got is None:
                raise ConnectionError("the bus hung up on an ID request")
            if got.command == ID and got.payload == raw:
                return got.tag_id

    async def close(self):
        """Hangs up."""
        self.pump.cancel()
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass


def parse_address(text):
    """`HOST:PORT` → (host, port)."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)
