"""pymscada's own BusClient, Tag and typed tags in one process, watched by a raw client on the same bus.

Each check is something a site's Python script relies on. With no --bus it runs against pymscada's own bus server.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import client_common
import frames as f
import report
from pymscada.bus_client import BusClient
from pymscada.bus_client_tag import TagBytes, TagDict, TagFloat, TagInt, TagList, TagStr
from pymscada.tag import Tag
from pymscada_process import START_S

P = f"sem{os.getpid()}."
T0 = 1_700_000_000_000_000
UNICODE = "Grüße 水 🙂"


class Heard:
    """Counts what a tag's callback was told."""

    def __init__(self, tag):
        self.tag, self.values = tag, []
        tag.add_callback(self)

    def __call__(self, tag):
        self.values.append(tag.value)


async def next_set(raw, tag_id, seconds=20):
    """The next whole SET of one tag at the raw client."""
    while True:
        got = await raw.recv_message(seconds)
        assert got is not None, "the bus hung up on the watcher"
        if got.command == f.SET and got.tag_id == tag_id:
            return got


class Settle:
    """Waits until the bus has carried out what both the watcher and Python's client asked so far.

    Requests are ordered per connection only, so each needs a mark of its own: a LIST for the watcher, a SET for Python.
    """

    def __init__(self, raw):
        self.raw = raw
        self.tag = None

    async def __call__(self):
        """Frames that came to the watcher meanwhile, in order, without the marks."""
        got, end = await self.raw.until_barrier(time.time_ns() // 1000, 20)
        assert end == "open", f"the watcher's connection is {end}"
        if self.tag is None:
            return got
        self.tag.value = self.tag.value + 1 if not self.tag.is_none else 1
        mark = f.int_value(self.tag.value)
        while True:
            part = await self.raw.recv(20)
            assert part is not None, "the bus hung up on the watcher"
            if part.tag_id != self.tag.id:
                got.append(part)
            elif part.payload == mark:
                return got

    async def watch(self):
        """Once Python's client is connected: its mark is a tag of its own."""
        tag = TagInt(P + "mark")
        await client_common.ids_of([tag])
        self.raw.send(f.SUB, tag.id)
        await next_set(self.raw, tag.id)
        self.tag = tag


async def hex_examples(r, raw):
    """The reference's byte examples, with this bus's ids written in."""
    name = (P + "hex").encode()
    raw.send(f.ID, 0, 0, name)
    err, answer = await raw.recv(), await raw.recv()
    r.equal("ID of an unknown name: ERR first, as text", (err.command, err.payload), (f.ERR, f"ID {name!r} undefined".encode()))
    r.equal("then the ID", (answer.command, answer.payload, answer.time_us), (f.ID, name, 0))
    tag_id = answer.tag_id
    two = tag_id.to_bytes(2, "big").hex()
    table = {
        "int -5": f"0102{two}000900060a24181e400001fffffffffffffffb",
        "float 1.5": f"0102{two}000900060a24181e4000023ff8000000000000",
        "str ok": f"0102{two}000300060a24181e4000036f6b",
    }
    raw.send_bytes(bytes.fromhex(f"0105{two}00000000000000000000"))
    got = await raw.recv()
    r.equal("SUB answers with an empty SET", str(got), str(f.Frame(f.SET, tag_id, 0, b"")))
    for what, text in table.items():
        raw.send_bytes(bytes.fromhex(text))
        raw.send_bytes(bytes.fromhex(f"0103{two}00000000000000000000"))
        got = await raw.recv()
        r.equal(f"{what} comes back byte for byte", f.frame(got.command, got.tag_id, got.time_us, got.payload).hex(), text)
    raw.send_bytes(bytes.fromhex(f"0104{two}000900060a24181e4000057b2261223a20317d"))
    got = await raw.recv()
    r.equal("RTA reaches the author (here: itself)", str(got), str(f.Frame(f.RTA, tag_id, T0, b'\x05{"a": 1}')))


async def error_texts(r, raw):
    """ERR for ids that nobody has."""
    texts = {f.SET: "SET KeyError {}", f.GET: "GET KeyError for {}", f.SUB: "SUBscribe KeyError {}",
             f.UNSUB: "UNSubscribe KeyError for {}", f.RTA: "RTA KeyError {}"}
    for command, text in texts.items():
        raw.send(command, 65000, T0, f.int_value(1) if command == f.SET else b"\x05{}" if command == f.RTA else b"")
        got = await raw.recv()
        r.equal(f"unknown id in {f.NAMES[command]}", (got.command, got.tag_id, got.time_us, got.payload.decode()),
                (f.ERR, 65000, T0, text.format(65000)))


async def connect_and_log(r, raw, host, port):
    """Start of a client: LOG in the bus tag, tags known before get their ids and publish."""
    client = BusClient(host, port, module="Semantics")
    early = Tag(P + "early", int)
    early.value = 17
    early_typed = TagStr(P + "early_typed")
    early_typed.value = UNICODE
    await client.start()
    await client_common.ids_of([early, early_typed])
    bus = await raw.tag("__bus__")
    raw.send(f.GET, bus)
    got = await raw.recv()
    expected = f"\x03{client.addr}: Semantics connected".encode()
    r.equal("the connect line stands in __bus__", got.payload, expected)
    for tag, payload in ((early, f.int_value(17)), (early_typed, f.str_value(UNICODE))):
        tag_id = await raw.tag(tag.name)
        r.equal(f"{tag.name[len(P):]} has one id for everybody", tag.id, tag_id)
        await raw.settle()
        raw.send(f.GET, tag_id)
        r.equal(f"{tag.name[len(P):]} was set before the connection and is on the bus", (await raw.recv()).payload, payload)
    return client


def make_tags():
    """One tag of every kind, in both generations."""
    legacy = {kind: Tag(P + f"legacy_{kind.__name__}", kind) for kind in (int, float, str, list, dict, bytes)}
    typed = {int: TagInt(P + "typed_int"), float: TagFloat(P + "typed_float"), str: TagStr(P + "typed_str"),
             bytes: TagBytes(P + "typed_bytes"), list: TagList(P + "typed_list"), dict: TagDict(P + "typed_dict")}
    return legacy, typed


SAMPLES = {
    int: (-5, f.int_value(-5)),
    float: (1.5, f.float_value(1.5)),
    str: ("plain text", f.str_value("plain text")),
    list: ([1, 2.5, "x", None, {"y": []}], b'\x05[1, 2.5, "x", null, {"y": []}]'),
    dict: ({"a": [1], "é": UNICODE}, b"\x05" + json.dumps({"a": [1], "é": UNICODE}).encode()),
    bytes: (bytes(range(256)), b"\x04" + bytes(range(256))),
}


FROM_THE_BUS = {
    int: (2**63 - 1, f.int_value(2**63 - 1)),
    float: (-0.25, f.float_value(-0.25)),
    str: (UNICODE, f.str_value(UNICODE)),
    list: ([[], "é"], "\x05[[],\"é\"]".encode()),
    dict: ({"n": 1e300}, b'\x05{"n":1e300}'),
    bytes: (b"\x00\x01", b"\x04\x00\x01"),
}


async def both_ways(r, raw, legacy, typed):
    """Every type from Python to the bus and back, with times, without echo."""
    await client_common.ids_of([*legacy.values(), *typed.values()])
    for generation, tags in (("Tag", legacy), ("typed", typed)):
        for kind, tag in tags.items():
            what = f"{generation} {kind.__name__}"
            value, payload = SAMPLES[kind]
            heard = Heard(tag)
            raw.send(f.SUB, tag.id)
            await next_set(raw, tag.id)
            tag.value = value
            got = await next_set(raw, tag.id)
            r.check(f"{what}: set reaches a subscriber", got.payload == payload, payload, got.payload)
            r.check(f"{what}: with the setter's time", got.time_us == tag.time_us, tag.time_us, got.time_us)
            back, back_payload = FROM_THE_BUS[kind]
            raw.send(f.SET, tag.id, T0, back_payload)
            await report.wait_until(lambda t=tag: t.time_us == T0, 10, f"{what} from the bus")
            # A callback hears what comes from the bus; an echo of the value set above would be a second one.
            r.equal(f"{what}: update from the bus, and no echo of its own", heard.values, [back])
            raw.send(f.UNSUB, tag.id)
            await raw.settle()


async def unicode_and_size(r, raw, typed):
    """Text beyond ASCII, and values of several MB, both ways."""
    large = {
        str: UNICODE * 200_000,
        bytes: os.urandom(5_000_000),
        list: list(range(400_000)),
        dict: {f"key {i}": UNICODE for i in range(50_000)},
    }
    for kind, value in {**{str: UNICODE}, **large}.items():
        tag = typed[kind]
        raw.send(f.SUB, tag.id)
        await next_set(raw, tag.id)
        tag.value = value
        got = await next_set(raw, tag.id)
        expected = tag.packed_value
        r.check(f"{kind.__name__} of {len(expected)} bytes: Python to bus", got.payload == expected, len(expected), len(got.payload))
        time_us = T0 + len(expected)
        raw.send(f.SET, tag.id, T0, expected[:1] + {str: b"", bytes: b"", list: b"[]", dict: b"{}"}[kind])
        raw.send(f.SET, tag.id, time_us, expected)
        await raw.writer.drain()
        await report.wait_until(lambda t=tag, us=time_us: t.time_us == us, 60, f"large {kind.__name__}")
        r.check(f"{kind.__name__} of {len(expected)} bytes: bus to Python", tag.value == value, "the same value", "another")
        raw.send(f.UNSUB, tag.id)
        await raw.settle()
    tag = typed[str]
    tag.value = UNICODE
    await raw.settle()
    raw.send(f.GET, tag.id)
    r.equal("TagStr keeps every character", (await next_set(raw, tag.id)).payload, f.str_value(UNICODE))


async def exact_frames(r, raw, typed, own):
    """Payloads of exactly n full frames, which pymscada's own bus loses."""
    tag = typed[bytes]
    for n in (1, 2, 4):
        raw.send(f.SUB, tag.id)
        await next_set(raw, tag.id)
        value = bytes([n]) * (n * f.MAX_LEN - 1)
        tag.value = value
        got = (await raw.settle())
        whole = b"".join(part.payload for part in got if part.tag_id == tag.id)
        right = whole == b"\x04" + value
        # The reference must show its defect, else this row proves nothing.
        r.check(f"{n} * 65521 bytes: {'lost by this bus, as known' if own else 'whole'}", right != own, n * f.MAX_LEN, len(whole))
        tag.value = b"next"
        got = [part.payload for part in await raw.settle()]
        r.check(f"the value after {n} * 65521 bytes: {'spoilt, as known' if own else 'alone'}", (got == [b"\x04next"]) != own,
                [b"\x04next"], got)
        tag.value = b"once more"
        raw.send(f.UNSUB, tag.id)
        await raw.settle()


async def limits_in_the_client(r, raw, typed):
    """Deadband and limits are the client's; the bus just sees fewer SETs."""
    tag = typed[float]
    tag.deadband, tag.value_min, tag.value_max = 1.0, 0.0, 10.0
    await raw.settle()
    raw.send(f.SUB, tag.id)
    await next_set(raw, tag.id)
    for value in (5.0, 5.5, 6.0, 20.0, -3.0):
        tag.value = value
    got = [part.payload for part in await raw.settle() if part.tag_id == tag.id]
    r.equal("deadband and limits decide what is published", got, [f.float_value(v) for v in (5.0, 6.0, 10.0, 0.0)])
    raw.send(f.UNSUB, tag.id)
    # Without a deadband every assignment is published, also an unchanged one.
    plain = typed[int]
    raw.send(f.SUB, plain.id)
    await next_set(raw, plain.id)
    for _ in range(3):
        plain.value = 9
    got = [part.payload for part in await raw.settle() if part.tag_id == plain.id]
    r.equal("equal values are pushed", got, [f.int_value(9)] * 3)
    raw.send(f.UNSUB, plain.id)
    await raw.settle()


async def request_to_author(r, raw, client, typed):
    """RTA in both directions."""
    mine, asked = typed[dict], []
    client.add_callback_rta(mine.name, asked.append)
    mine.value = {"author": "python"}
    await raw.settle()
    raw.send(f.RTA, mine.id, 5, b'\x05{"__rta_id__": 3, "text": "\\u00e9"}')
    await report.wait_until(lambda: asked, 10, "RTA at the Python author")
    r.equal("RTA from the bus reaches the Python author", asked, [{"__rta_id__": 3, "text": "é"}])
    theirs = TagBytes(P + "rta_theirs")
    await client_common.ids_of([theirs])
    raw.send(f.SET, theirs.id, T0, b"\x04" + bytes(6))
    await report.wait_until(lambda: not theirs.is_none, 10, "the author's first value")
    client.rta(theirs.name, {"tagname": "x", "start_ms": 1})
    got = await raw.recv()
    r.equal("RTA from Python reaches the author, with the tag's time", str(got),
            str(f.Frame(f.RTA, theirs.id, T0, b'\x05{"tagname": "x", "start_ms": 1}')))
    answer = b"\x04" + b"\x00\x03\x00\x01\x00\x02" + bytes(300_000)
    heard = Heard(theirs)
    raw.send_bytes(f.message(f.SET, theirs.id, T0 + 1, answer) + f.message(f.SET, theirs.id, T0 + 2, b"\x04" + bytes(6)))
    await report.wait_until(lambda: len(heard.values) >= 2, 10, "answer and reset")
    r.equal("the answer and its reset both arrive", [len(value) for value in heard.values], [len(answer) - 1, 6])


async def emptied_and_initial(r, raw, client):
    """An empty SET is 'no value': with an init the client publishes that, without one nothing happens."""
    client.tag_info = {P + "init_new": {"init": 21}, P + "init_old": {"init": 22}, P + "no_init": {}}
    old = await raw.tag(P + "init_old")
    raw.send(f.SET, old, T0, f.int_value(1))
    watched = {}
    for name in ("init_new", "init_old", "no_init"):
        watched[name] = await raw.tag(P + name)
        raw.send(f.SUB, watched[name])
    await raw.settle()
    tags = [Tag(P + name, int) for name in watched]
    await client_common.ids_of(tags)
    await report.wait_until(lambda: tags[0].value == 21, 10, "init")
    got = {part.tag_id: part.payload for part in await raw.settle()}
    r.equal("init is published where the bus has no value, and only there", got, {watched["init_new"]: f.int_value(21)})
    r.equal("a value on the bus wins over init", tags[1].value, 1)
    raw.send(f.SET, watched["init_new"], T0)
    got = await next_set(raw, watched["init_new"])
    r.equal("an emptied tag gets its init again", got.payload, f.int_value(21))
    for tag_id in watched.values():
        raw.send(f.UNSUB, tag_id)
    client.tag_info = None


async def lists(r, raw):
    """LIST in its forms, by a raw client: the package never sends one."""
    ids = {name: await raw.tag(P + name) for name in ("l.aa", "l.ab", "l.ba")}
    await raw.settle()
    prefix = P.encode()
    for pattern, expected in ((b"^" + prefix + b"l.a", ["l.aa", "l.ab"]), (prefix + b"l.", ["l.aa", "l.ab", "l.ba"]),
                              (b"l.ba$", ["l.ba"])):
        raw.send(f.LIST, 0, 99, pattern)
        got = await raw.recv()
        names = [name for name in got.payload.decode().split(" ") if name.startswith(P)]
        r.equal(f"LIST {pattern.decode().replace(P, '')}", (got.command, got.tag_id, got.time_us, names),
                (f.LIST, 0, 99, [P + name for name in expected]))
    return ids


async def list_newer(r, raw, ids):
    """The fourth form; pymscada's own bus goes deaf on it."""
    future = 2**63
    raw.send(f.SET, ids["l.ab"], future + 1, f.int_value(1))
    raw.send(f.LIST, 0, future)
    got = await raw.recv()
    r.equal("LIST newer than a time", (got.command, got.time_us, got.payload.decode()), (f.LIST, future, P + "l.ab"))


async def many_tags(r, raw):
    """Five hundred names in one go, and a burst through all of them."""
    tags = [TagInt(f"{P}many.{i}") for i in range(500)]
    await client_common.ids_of(tags, 20)
    r.equal("500 names, 500 ids", len({tag.id for tag in tags}), 500)
    for tag in tags:
        raw.send(f.SUB, tag.id)
    await raw.settle()
    for round_number in range(5):
        for tag in tags:
            tag.value = round_number
    got = await raw.settle()
    order = [part.payload for part in got if part.tag_id == tags[7].id]
    r.equal("2500 updates, none lost", len(got), 2500)
    r.equal("in order", order, [f.int_value(i) for i in range(5)])


def initvalues(r, host, port):
    """pymscada's own initvalues module, as its users start it."""
    with tempfile.TemporaryDirectory() as folder:
        tags, config = os.path.join(folder, "tags.yaml"), os.path.join(folder, "initvalues.yaml")
        with open(tags, "w", encoding="utf-8") as out:
            out.write(f"{P}iv_int: {{desc: i, type: int, init: 4}}\n{P}iv_str: {{desc: s, type: str, init: text}}\n")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"bus_ip: {host}\nbus_port: {port}\n")
        done = subprocess.run(
            [sys.executable, "-m", "pymscada", "initvalues", "--config", config, "--tags", tags],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_S, check=False,
        )
        return r.check("pymscada initvalues ran to its end", done.returncode == 0, 0, done.stderr.decode()[-400:])


async def main(parsed, host, port):
    """All of it, in order."""
    r = report.Report()
    raw = await f.Raw.open(host, port)
    raw.settle = Settle(raw)
    await hex_examples(r, raw)
    await error_texts(r, raw)
    client = await connect_and_log(r, raw, host, port)
    await raw.settle.watch()
    legacy, typed = make_tags()
    await both_ways(r, raw, legacy, typed)
    await unicode_and_size(r, raw, typed)
    await limits_in_the_client(r, raw, typed)
    await request_to_author(r, raw, client, typed)
    await emptied_and_initial(r, raw, client)
    ids = await lists(r, raw)
    await many_tags(r, raw)
    if initvalues(r, host, port):
        for name, payload in (("iv_int", f.int_value(4)), ("iv_str", f.str_value("text"))):
            raw.send(f.GET, await raw.tag(P + name))
            r.equal(f"initvalues set {name}", (await raw.recv()).payload, payload)
    await exact_frames(r, raw, typed, own=parsed.bus is None)
    if parsed.bus:
        await list_newer(r, raw, ids)
    raw.send(f.GET, typed[int].id)
    r.equal("at the end everybody is still there", (await raw.recv()).payload, f.int_value(9))
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 600, main)
