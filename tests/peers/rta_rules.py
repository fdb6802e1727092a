"""The rules of asking `__history__` (request to author), frame by frame, with somebody else listening.

    rta_rules.py --bus HOST:PORT --tag NAME:PACKTYPE:VALUE … [--unknown NAME]

Each tag must have exactly this as its last record. Checked: the header with its own id, the tag's id and the packtype of `tags.yaml`;
the last record before a span in which there is none; the reset right behind; a header alone where nothing can come, so that nobody
waits for ever; and that a second connection, which subscribes the same tag, hears none of it.
"""

import json
import struct
import time

import client_common
import frames as f
import report

HEAD = struct.Struct(">HHH")
RECORD = {1: struct.Struct(">Qq"), 2: struct.Struct(">Qd")}
RESET = bytes([f.BYTES]) + bytes(6)


def more(parser):
    """Its own arguments."""
    parser.add_argument("--tag", action="append", default=[], metavar="NAME:PACKTYPE:VALUE")
    parser.add_argument("--unknown", action="append", default=[], metavar="NAME", help="a tag that history doesn't keep")


async def ask(connection, history, rta_id, **question):
    """One question, the answer's bytes and what came right behind it."""
    question["__rta_id__"] = rta_id
    connection.send(f.RTA, history, 0, bytes([f.JSON]) + json.dumps(question).encode())
    got = []
    while len(got) < 2:
        frame = await connection.recv_message()
        if frame.tag_id == history and frame.command == f.SET:
            got.append(frame.payload)
    return got


async def main(parsed, host, port):
    """Asks on one connection, listens on another."""
    r = report.Report()
    asker, stranger = await f.Raw.open(host, port, "asker"), await f.Raw.open(host, port, "stranger")
    history = await asker.tag("__history__")
    ids = {text.split(":")[0]: await asker.tag(text.split(":")[0]) for text in parsed.tag}
    for connection in (asker, stranger):
        connection.send(f.SUB, history)
        await connection.until_barrier(1, 5)
    now = int(time.time() * 1e6)
    rta_id = 40
    for text in parsed.tag:
        name, pack, value = text.split(":")
        pack, rta_id = int(pack), rta_id + 1
        record = RECORD[pack]
        # From now to the end, and a span long before the present: in neither lies a record.
        for what, span in (("from now on", {"start_us": now, "end_us": -1}), ("an empty span", {"start_ms": now / 1000, "end_ms": now / 1000})):
            answer, reset = await ask(asker, history, rta_id, tagname=name, **span)
            r.equal(f"{name}, {what}: bytes", answer[:1], bytes([f.BYTES]))
            r.equal(f"{name}, {what}: its header", HEAD.unpack(answer[1:7]), (rta_id, ids[name], pack))
            r.equal(f"{name}, {what}: one record", len(answer), 7 + record.size)
            at, found = record.unpack(answer[7 : 7 + record.size])
            r.check(f"{name}, {what}: the last one before", found == float(value) and at <= now, value, (at, found))
            r.equal(f"{name}, {what}: the reset is right behind", reset, RESET)
        answer, reset = await ask(asker, history, rta_id, tagname=name, start_us=0, end_us=1)
        r.equal(f"{name}, before everything: a header alone", (HEAD.unpack(answer[1:]), reset), ((rta_id, ids[name], pack), RESET))
        answer, _ = await ask(asker, history, rta_id, tagname=name, start_us=0, end_us=-1)
        times = [record.unpack(answer[i : i + record.size])[0] for i in range(7, len(answer), record.size)]
        r.check(f"{name}: all records, in order", times == sorted(times) and len(times) >= 1, "rising times", times)
    for name in [*parsed.unknown, "there.is.no.such.tag"]:
        answer, reset = await ask(asker, history, 9, tagname=name, start_us=0, end_us=-1)
        r.equal(f"{name}: an answer all the same", (HEAD.unpack(answer[1:]), reset), ((9, 0, 0), RESET))
    heard, end = await stranger.until_barrier(2, 5)
    r.equal("who didn't ask hears nothing of it", ([str(frame) for frame in heard if frame.tag_id == history], end), ([], "open"))
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 180, main, more)
