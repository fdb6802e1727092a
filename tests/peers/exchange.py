"""The script language of compare.py: several raw clients on one bus, what each was sent, normalised so that two buses compare.

Normalised: tag ids become names, the clock becomes <now>, a client's address becomes <address of NAME>, LIST answers keep
only this case's own tags, payloads over 80 bytes become a length and a digest. Nothing else.

Requests of one client are carried out in order; between two clients nothing orders them, so a case puts a `sync` wherever one
client's request must come before another's.
"""

import hashlib
import time

import frames as f

# A barrier is answered in under a millisecond; two cores under load need patience.
BARRIER_S = 20.0
# Where a bus is known to leave a connection deaf, each such connection costs this.
DEAF_S = 2.0


class Exchange:
    """One case on one bus."""

    def __init__(self, address, prefix, barrier_s=BARRIER_S):
        self.host, self.port = address
        self.barrier_s = barrier_s
        self.prefix = prefix
        self.clients = {}
        self.names = {}
        self.transcript = []
        self.marks = 0

    # --- what a case may do ---------------------------------------------------------------------------------

    async def client(self, name):
        """Connects a client; `name` is how the transcript calls it."""
        raw = await f.Raw.open(self.host, self.port, name)
        raw.end = "open"
        self.clients[name] = raw
        return raw

    def name(self, short):
        """This case's own tag name for `short`, as bytes."""
        return self.prefix.encode() + (short if isinstance(short, bytes) else short.encode())

    async def tag(self, client, short):
        """Makes (or finds) a tag quietly and returns its id."""
        name = self.name(short)
        tag_id = await client.tag(name)
        self.names[tag_id] = short if isinstance(short, str) else repr(short)
        return tag_id

    async def sync(self, note=""):
        """Waits until each client has got all that was caused so far, and writes it down. Returns the new frames by client."""
        if note:
            self.transcript.append(f"-- {note}")
        got = {}
        # Twice: the first round makes sure that every request was carried out, the second collects what it caused
        # at clients whose own barrier was answered earlier.
        for _ in range(2):
            for name, raw in self.clients.items():
                if raw.end != "open":
                    continue
                self.marks += 1
                arrived, raw.end = await raw.until_barrier(0xB000_0000_0000_0000 + self.marks, self.barrier_s)
                got.setdefault(name, []).extend(arrived)
                if raw.end != "open":
                    got[name].append(raw.end)
        for name, arrived in got.items():
            for entry in arrived:
                self.transcript.append(f"{name} {'is ' + entry if isinstance(entry, str) else '< ' + self.normal(entry)}")
        return got

    async def leave(self, name):
        """A client hangs up, and the bus has noticed."""
        await self.clients.pop(name).close()
        await self.sync()

    async def close(self):
        """Hangs up all."""
        for raw in self.clients.values():
            await raw.close()

    # --- normalising ----------------------------------------------------------------------------------------

    def normal(self, frame):
        """One frame as a line that is the same on every bus that behaves the same."""
        tag = self.names.get(frame.tag_id, str(frame.tag_id))
        if frame.command == f.ID:
            short = self.unprefixed(frame.payload)
            self.names.setdefault(frame.tag_id, short.decode(errors="backslashreplace"))
            tag = self.names[frame.tag_id]
        return f"{f.NAMES.get(frame.command, frame.command)} tag={tag} time={self.clock(frame.time_us)} {self.payload(frame)}"

    def clock(self, time_us):
        """A time: as it is, or <now> when it's the bus's own clock."""
        return "<now>" if abs(time_us - time.time() * 1e6) < 60e6 else str(time_us)

    def unprefixed(self, data):
        """`data` without this case's tag prefix."""
        return data.replace(self.prefix.encode(), b"")

    def payload(self, frame):
        """A payload as text."""
        data = frame.payload
        if frame.command == f.LIST:
            own = [name for name in data.split(b" ") if name.startswith(self.prefix.encode())]
            return repr(b" ".join(self.unprefixed(name) for name in own))
        for name, raw in self.clients.items():
            data = data.replace(repr(raw.address).encode(), f"<address of {name}>".encode())
        data = self.unprefixed(data)
        for tag_id, short in self.names.items():
            if frame.command == f.ERR and data.endswith(f" {tag_id}".encode()):
                data = data[: -len(str(tag_id))] + short.encode()
        if len(data) > 80:
            return f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:16]}"
        return repr(data)
