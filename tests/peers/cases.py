"""The table of compare.py: each case is a script, and whether our bus must do the same as pymscada's or better, and why.

A `same` case holds when the two transcripts are equal. A `better` case names pymscada's defect; its function returns what our
bus must show instead, as a list of lines of the transcript, or checks it itself and returns None.
"""

import json
import struct
from dataclasses import dataclass
from typing import Awaitable, Callable

import frames as f
from frames import GET, ID, LIST, LOG, RTA, SET, SUB, UNSUB

T0 = 1_700_000_000_000_000
CASES = []


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    script: Callable[..., Awaitable]
    better: str | None
    # pymscada's bus is of no use after this one.
    breaks: bool


def same(script):
    """Our bus must be indistinguishable here."""
    CASES.append(Case(script.__name__, script, None, False))
    return script


def better(reason, breaks=False):
    """Our bus does the right thing here, and pymscada's doesn't."""

    def keep(script):
        CASES.append(Case(script.__name__, script, reason, breaks))
        return script

    return keep


# --- ids and names ---------------------------------------------------------------------------------------------


@same
async def unknown_id_gets_err_then_id(x):
    a, b = await x.client("a"), await x.client("b")
    a.send(ID, 77, T0, x.name("new"))
    await x.sync("first asker, with a tag id and a time of its own")
    b.send(ID, 0, 0, x.name("new"))
    a.send(ID, 9, 9, x.name("new"))
    await x.sync("asked again by both")


@same
async def err_shows_odd_names_as_python_does(x):
    a = await x.client("a")
    for odd in (b"it's", b'say "hi"', b"both ' and \"", b"back\\slash", b"tab\tnewline\nreturn\r", b"\x00\x1b\x7f\x80\xff",
                "Grüße 水".encode(), b"with space"):
        a.send(ID, 0, 0, x.name(odd))
    await x.sync()


@same
async def ids_count_up(x):
    a = await x.client("a")
    first = await x.tag(a, "t0")
    ids = [await x.tag(a, f"t{i}") - first for i in range(1, 5)]
    x.transcript.append(f"then {ids}")


@same
async def id_answer_carries_the_tags_time(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(SET, tag, T0, f.int_value(1))
    a.send(ID, 0, 5, x.name("t"))
    await x.sync()


@same
async def names_may_be_255_bytes(x):
    a = await x.client("a")
    name = "n" * (255 - len(x.prefix))
    tag = await x.tag(a, name)
    a.send(SET, tag, T0, f.int_value(1))
    a.send(GET, tag)
    await x.sync()


# --- set, get, values ------------------------------------------------------------------------------------------


@same
async def get_before_any_set(x):
    a = await x.client("a")
    a.send(GET, await x.tag(a, "t"), T0)
    await x.sync()


@same
async def every_type_comes_back_byte_for_byte(x):
    a, b = await x.client("a"), await x.client("b")
    values = {
        "int": f.int_value(-(2**63)), "float": f.float_value(1.5), "nan": f.float_value(float("nan")),
        "inf": f.float_value(float("-inf")), "str": f.str_value("ok"), "unicode": f.str_value("Grüße 水 🙂"),
        "empty text": f.str_value(""), "bytes": bytes([f.BYTES]) + bytes(range(64)),
        "json": bytes([f.JSON]) + json.dumps({"a": [1, 2.5, None, "é"]}).encode(),
        "unknown type": b"\x63whatever", "type byte only": b"\x01", "short int": b"\x01\x00", "bad utf-8": b"\x03\xff\xfe",
    }
    for i, (short, payload) in enumerate(values.items()):
        tag = await x.tag(a, short)
        a.send(SET, tag, T0 + i, payload)
        a.send(GET, tag)
    await x.sync()
    for short in values:
        b.send(GET, await x.tag(b, short))
    await x.sync("another client reads the same")


@same
async def empty_payload_means_no_value(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(5))
    await x.sync()
    a.send(SET, tag, T0 + 1)
    await x.sync("emptied")
    a.send(GET, tag)
    await x.sync()


@same
async def payload_of_get_and_sub_is_ignored(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(SET, tag, T0, f.int_value(5))
    a.send(GET, tag, 3, b"xyz")
    a.send(SUB, tag, 3, b"xyz")
    a.send(UNSUB, tag, 3, b"xyz")
    await x.sync()


@same
async def times_are_taken_as_they_are(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    for time_us in (T0, T0, T0 - 1, 0, 2**64 - 1, 1):
        a.send(SET, tag, time_us, f.int_value(7))
    await x.sync("equal values, equal, older, zero and largest times are all pushed")
    a.send(GET, tag)
    await x.sync()


# --- subscriptions ---------------------------------------------------------------------------------------------


@same
async def no_echo_to_the_author(x):
    a, b, c = await x.client("a"), await x.client("b"), await x.client("c")
    tag = await x.tag(a, "t")
    for client in (a, b, c):
        client.send(SUB, tag)
    await x.sync("answers to SUB, empty")
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync("a wrote")
    b.send(SET, tag, T0 + 1, f.int_value(2))
    await x.sync("b wrote")
    a.send(SET, tag, T0 + 2, f.int_value(3))
    await x.sync("a wrote again")
    b.send(GET, tag)
    await x.sync("b asked")


@same
async def second_sub_answers_but_is_not_pushed_twice(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync()
    b.send(SUB, tag)
    await x.sync("second SUB")
    a.send(SET, tag, T0, f.int_value(2))
    await x.sync("one push")
    b.send(UNSUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(3))
    await x.sync("one UNSUB ends it")


@same
async def unsub_and_sub_again(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(UNSUB, tag)
    await x.sync("UNSUB of what was never subscribed")
    b.send(SUB, tag)
    b.send(UNSUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync("silent")
    b.send(SUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(2))
    await x.sync("heard again")


@same
async def author_may_subscribe_later(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    a.send(SET, tag, T0, f.int_value(1))
    a.send(SUB, tag)
    await x.sync()
    b.send(SET, tag, T0, f.int_value(2))
    await x.sync()


@same
async def value_survives_its_author(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    a.send(SUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync()
    await x.leave("a")
    b.send(GET, tag)
    b.send(SET, tag, T0 + 1, f.int_value(2))
    b.send(GET, tag)
    await x.sync()
    a = await x.client("a again")
    a.send(SUB, tag)
    await x.sync("back: not subscribed any more, value still there")


@same
async def many_sets_in_one_write_keep_their_order(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    a.send_bytes(b"".join(f.frame(SET, tag, T0 + i, f.int_value(i)) for i in range(2000)))
    await x.sync("2000 of them, none conflated")


@same
async def interleaved_requests_are_answered_in_order(x):
    a = await x.client("a")
    t1, t2 = await x.tag(a, "t1"), await x.tag(a, "t2")
    a.send_bytes(
        f.frame(SUB, t1) + f.frame(SET, t1, T0, f.int_value(1)) + f.frame(GET, t1) + f.frame(GET, t2)
        + f.frame(ID, 0, 0, x.name("t2")) + f.frame(LIST, 0, 4, b"^" + x.name("")) + f.frame(SET, t2, T0, f.int_value(9))
        + f.frame(GET, t2) + f.frame(UNSUB, t2) + f.frame(SUB, t2)
    )
    await x.sync()


@same
async def one_byte_at_a_time(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    for byte in f.frame(SET, tag, T0, f.str_value("slowly")) + f.frame(GET, tag):
        a.send_bytes(bytes([byte]))
        await a.writer.drain()
    await x.sync()


# --- errors ----------------------------------------------------------------------------------------------------


@same
async def unknown_ids_are_answered_with_err(x):
    a = await x.client("a")
    for tag_id in (0, 65535):
        for command in (SET, GET, SUB, UNSUB, RTA):
            payload = {SET: f.int_value(1), RTA: b"\x05{}"}.get(command, b"")
            a.send(command, tag_id, T0 + command, payload)
    await x.sync()


@same
async def err_from_a_client_is_ignored(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(f.ERR, tag, T0, b"whatever")
    a.send(f.ERR, 0, T0, b"")
    a.send(GET, tag)
    await x.sync()


# --- request to author -----------------------------------------------------------------------------------------


@same
async def rta_goes_to_the_latest_author_only(x):
    a, b, c = await x.client("a"), await x.client("b"), await x.client("c")
    tag = await x.tag(a, "t")
    for client in (a, b, c):
        client.send(SUB, tag)
    await x.sync()
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync()
    c.send(RTA, tag, T0 + 50, b'\x05{"a": 1}')
    await x.sync("a is the author; the time is the tag's")
    b.send(SET, tag, T0 + 1, f.int_value(2))
    await x.sync()
    c.send(RTA, tag, 0, b"\x05[]")
    await x.sync("now b is")
    b.send(RTA, tag, 0, b"\x05{}")
    await x.sync("asking oneself")


@same
async def rta_payload_is_not_looked_at(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync()
    for payload in (b"", b"\x05not json", b"\x01", bytes(range(256))):
        b.send(RTA, tag, 1, payload)
    await x.sync()


@same
async def rta_without_an_author_is_dropped(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(b, "t")
    b.send(RTA, tag, T0, b"\x05{}")
    await x.sync("never set")
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync()
    await x.leave("a")
    b.send(RTA, tag, T0, b"\x05{}")
    await x.sync("author gone")


@same
async def rta_longer_than_a_frame(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    a.send(SET, tag, T0, f.int_value(1))
    await x.sync()
    b.send(RTA, tag, T0, b"\x05" + json.dumps({"x": "y" * 150_000}).encode())
    await x.sync()


@same
async def answer_and_reset_in_one_write_both_arrive(x):
    """What a history module does: a large answer, then six zero bytes, with nothing in between."""
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    a.send(SET, tag, T0, b"\x04" + bytes(6))
    await x.sync()
    b.send(RTA, tag, T0, b"\x05{}")
    await x.sync()
    answer = b"\x04" + struct.pack(">HHH", 1, 2, 2) + bytes(16 * 20_000)
    a.send_bytes(f.message(SET, tag, T0 + 1, answer) + f.message(SET, tag, T0 + 2, b"\x04" + bytes(6)))
    await x.sync()


# --- LIST ------------------------------------------------------------------------------------------------------


@same
async def list_in_three_forms(x):
    a = await x.client("a")
    for short in ("pump.flow", "pump.level", "gate.flow", "flow"):
        await x.tag(a, short)
    for pattern in (b"^" + x.name("pump"), b"flow$", b".", b"nothing matches", b"^", b"$", b"^$", x.name("gate.flow"),
                    b"flow", b"^" + x.name("flow") + b"$", b"$flow", b"flow^"):
        a.send(LIST, 0, T0, pattern)
    a.send(LIST, 12, 5, b"flow$")
    await x.sync("in the order of ids, header time copied, tag id 0")


@same
async def list_sees_names_made_by_others(x):
    a, b = await x.client("a"), await x.client("b")
    await x.tag(b, "one")
    await x.tag(a, "two")
    b.send(LIST, 0, 0, b"^" + x.name(""))
    a.send(LIST, 0, 0, b"^" + x.name(""))
    await x.sync()


@better("LIST with an empty payload raises and leaves the connection deaf; documented: names newer than the header's time")
async def list_newer_than(x):
    a = await x.client("a")
    old, new, never = await x.tag(a, "old"), await x.tag(a, "new"), await x.tag(a, "never")
    del never
    a.send(SET, old, T0, f.int_value(1))
    a.send(SET, new, T0 + 1, f.int_value(1))
    a.send(LIST, 0, T0)
    a.send(LIST, 0, T0 + 1)
    a.send(LIST, 0, 0)
    await x.sync()
    return [
        f"a < LIST tag=0 time={T0} b'new'",
        f"a < LIST tag=0 time={T0 + 1} b''",
        "a < LIST tag=0 time=0 b'old new'",
    ]


# --- LOG and the bus tag ---------------------------------------------------------------------------------------


@same
async def log_lands_in_the_bus_tag(x):
    a, b = await x.client("a"), await x.client("b")
    bus = await a.tag("__bus__")
    x.names[bus] = "__bus__"
    await b.tag("__bus__")
    a.send(LOG, 0, 0, "History connected é".encode())
    a.send(GET, bus)
    await x.sync()
    b.send(SUB, bus)
    await x.sync()
    a.send(LOG, 5, 6, b"again")
    await x.sync("subscribers are not pushed a LOG")
    b.send(GET, bus)
    await x.sync()


@same
async def log_is_at_most_300_bytes(x):
    a = await x.client("a")
    bus = await a.tag("__bus__")
    x.names[bus] = "__bus__"
    a.send(LOG, 0, 0, b"x" * 300)
    a.send(GET, bus)
    a.send(LOG, 0, 0, b"y" * 301)
    a.send(GET, bus)
    await x.sync("300 is stored, 301 is dropped")


@better("LOG with an empty payload leaves the connection deaf")
async def log_empty(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(LOG)
    a.send(GET, tag)
    await x.sync()
    return ["a < SET tag=t time=0 b''"]


@better("LOG that is no UTF-8 leaves the connection deaf")
async def log_bad_utf8(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(LOG, 0, 0, b"\xff\xfe")
    a.send(GET, tag)
    await x.sync()
    return ["a < SET tag=t time=0 b''"]


# --- long values -----------------------------------------------------------------------------------------------


@same
async def long_values_are_cut_the_same_way(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    for size in (f.MAX_LEN - 1, f.MAX_LEN + 1, 2 * f.MAX_LEN - 1, 2 * f.MAX_LEN + 1, 200_000, 5_000_000):
        a.send(SET, tag, T0 + size, b"\x04" + b"z" * (size - 1))
        a.send(GET, tag)
        await x.sync(f"{size} bytes")


@same
async def parts_of_other_tags_may_come_between(x):
    a = await x.client("a")
    t1, t2 = await x.tag(a, "t1"), await x.tag(a, "t2")
    full = b"\x04" + b"p" * (f.MAX_LEN - 1)
    a.send_bytes(f.frame(SET, t1, T0, full) + f.frame(SET, t2, T0, f.int_value(2)) + f.frame(GET, t2)
                 + f.frame(SET, t2, T0, full) + f.frame(SET, t1, T0 + 1, b"end1") + f.frame(SET, t2, T0 + 2, b"end2"))
    a.send(GET, t1)
    a.send(GET, t2)
    await x.sync()


@same
async def last_frame_names_command_and_time(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send_bytes(f.frame(GET, tag, 1, b"\x04" + b"p" * (f.MAX_LEN - 1)) + f.frame(SET, tag, T0, b"end"))
    a.send(GET, tag)
    await x.sync()


@same
async def sizes_past_a_full_frame(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    for size in (f.MAX_LEN + 1, 65535):
        a.send_bytes(f.frame(SET, tag, T0 + size, b"\x04" + b"q" * (size - 1)))
        a.send(GET, tag)
    await x.sync("a lone frame with more than a full payload is a message")
    a.send_bytes(f.frame(SET, tag, 1, b"\x04" + b"p" * (f.MAX_LEN - 1)) + f.frame(SET, tag, T0, b"q" * 65535))
    a.send(GET, tag)
    await x.sync("and after a full frame it is the last one of its message")


@same
async def half_a_message_dies_with_its_sender(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    a.send_bytes(f.frame(SET, tag, T0, b"\x04" + b"p" * (f.MAX_LEN - 1)))
    await x.sync()
    await x.leave("a")
    b.send(GET, tag)
    await x.sync()
    a = await x.client("a again")
    a.send(SET, tag, T0, b"\x04fresh")
    await x.sync("nothing is glued in front")


@better("a payload of exactly n * 65521 bytes empties the tag and is glued in front of its next value", breaks=True)
async def exact_multiples(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(a, "t")
    b.send(SUB, tag)
    await x.sync()
    for n in (1, 2, 3):
        x.transcript.clear()
        value = b"\x04" + bytes([n]) * (n * f.MAX_LEN - 1)
        a.send(SET, tag, T0 + n, value)
        got = (await x.sync()).get("b", [])
        a.send(SET, tag, T0, f.int_value(n))
        after = (await x.sync()).get("b", [])
        whole = b"".join(frame.payload for frame in got)
        x.transcript = [f"{n}: {'whole' if whole == value else f'{len(whole)} bytes'}, then {len(after)} frame(s)"
                        f" {after[0].payload[:9].hex() if after else ''}"]
        if whole != value or len(after) != 1 or after[0].payload != f.int_value(n):
            return ["the value whole, and the next one alone"]
    return x.transcript


# --- rubbish ---------------------------------------------------------------------------------------------------


@better("an unknown command leaves the connection deaf: open, but nothing is read any more")
async def unknown_command(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(b, "t")
    a.send(77, tag, T0, b"what")
    await x.sync()
    b.send(GET, tag)
    await x.sync()
    # Answered or hung up: either is honest, deaf is not.
    others = [line for line in x.transcript if not line.startswith("a <") and line != "a is closed"]
    x.transcript = others
    return ["b < SET tag=t time=0 b''"]


@better("a first byte other than 1 in a header that is no text leaves the connection deaf")
async def wrong_version(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(b, "t")
    a.send_bytes(f.frame(GET, tag, 2**64 - 1, version=0xFF))
    await x.sync()
    b.send(GET, tag)
    await x.sync()
    return ["a is closed", "b < SET tag=t time=0 b''"]


@better("a name of no bytes is stored as None, after which every LIST with a pattern breaks its connection", breaks=True)
async def empty_name(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(ID)
    await x.sync()
    x.transcript.clear()
    if a.end != "open":
        a = await x.client("a")
    a.send(LIST, 0, 1, b"^" + x.name(""))
    a.send(GET, tag)
    await x.sync()
    return ["a < LIST tag=0 time=1 b't'", "a < SET tag=t time=0 b''"]


@better("names have no length limit: ours are refused past 255 bytes, with an ERR and no ID")
async def name_of_256_bytes(x):
    a = await x.client("a")
    tag = await x.tag(a, "t")
    a.send(ID, 0, T0, x.name("n" * (256 - len(x.prefix))))
    got = (await x.sync()).get("a", [])
    a.send(GET, tag)
    x.transcript = ["refused" if [frame.command for frame in got] == [f.ERR] else f"answered {[str(g) for g in got]}"]
    await x.sync()
    return ["refused", "a < SET tag=t time=0 b''"]


@better("one HTTP request stops the whole bus: listener closed, process stays", breaks=True)
async def http_request(x):
    a, b = await x.client("a"), await x.client("b")
    tag = await x.tag(b, "t")
    a.send_bytes(b"GET / HTTP/1.1\r\nHost: bus\r\n\r\n")
    try:
        await x.sync()
        c = await x.client("c")
        c.send(GET, tag)
        b.send(GET, tag)
        await x.sync()
    except OSError as error:
        x.transcript.append(f"no new connection: {type(error).__name__}")
    return ["a is closed", "b < SET tag=t time=0 b''", "c < SET tag=t time=0 b''"]
