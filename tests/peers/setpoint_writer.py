"""A site's own Python script that sets a set-point, and tells what the bus makes of it.

    setpoint_writer.py --bus HOST:PORT --tag pump_sp --type float --value 42.5 [--watch other_tag:float …] [--expect 42.5]
                       [--legacy] [--first-s 20] [--watch-s 20]

Waits up to --first-s for the tag's present value, sets it, then listens for --watch-s seconds and prints every update it hears,
of the tag itself and of those watched: {"update": "pump_sp", "value": 42.5, "time_us": …}. ERR texts come out as {"err": …}.
--expect checks the last value heard (for a refused write that is the owner's own, sent back) and, with --watch, that of the
first watched tag; it ends as soon as that is seen. --silent-ok accepts that nothing is heard, as when the write is simply taken.
"""

import asyncio
import json
import logging

import client_common
import report
from pymscada.bus_client import BusClient
from pymscada.bus_client_tag import TagDict, TagFloat, TagInt, TagList, TagStr
from pymscada.tag import Tag

TYPED = {"int": TagInt, "float": TagFloat, "str": TagStr, "list": TagList, "dict": TagDict}
TYPES = {"int": int, "float": float, "str": str, "list": list, "dict": dict}
PARSE = {"int": int, "float": float, "str": str, "list": json.loads, "dict": json.loads}


def more(parser):
    """Its own arguments."""
    parser.add_argument("--tag", required=True)
    parser.add_argument("--type", choices=TYPES, default="float")
    parser.add_argument("--value", help="what to set; without it the tag is only watched")
    parser.add_argument("--watch", action="append", default=[], metavar="TAG:TYPE")
    parser.add_argument("--expect", help="the value that must be heard last")
    parser.add_argument("--legacy", action="store_true", help="use the older Tag class")
    parser.add_argument("--first-s", type=float, default=20.0)
    parser.add_argument("--watch-s", type=float, default=20.0)
    parser.add_argument("--silent-ok", action="store_true")


class ErrTexts(logging.Handler):
    """pymscada's client only logs what the bus refuses; this makes it a result."""

    def emit(self, record):
        text = record.getMessage()
        if "Bus server error" in text:
            report.say(err=text)


async def main(parsed, host, port):
    """Set, then listen."""
    logging.getLogger().setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.ERROR)
    logging.getLogger().addHandler(ErrTexts())
    r = report.Report()
    client = BusClient(host, port, module="Setpoint")
    await client.start()

    def make(name, kind):
        return Tag(name, TYPES[kind]) if parsed.legacy else TYPED[kind](name)

    heard = {}

    def on_value(tag):
        heard[tag.name] = tag.value
        report.say(update=tag.name, value=tag.value, time_us=tag.time_us)

    tag = make(parsed.tag, parsed.type)
    watched = [(name, kind, make(name, kind)) for name, _, kind in (text.rpartition(":") for text in parsed.watch)]
    for each in [tag, *(entry[2] for entry in watched)]:
        each.add_callback(on_value)
    await client_common.ids_of([tag, *(entry[2] for entry in watched)])
    report.say(ready=True)
    try:
        await report.wait_until(lambda: parsed.tag in heard, parsed.first_s, "the present value")
    except TimeoutError:
        report.say(note=f"{parsed.tag} has no value yet")
    heard.clear()
    if parsed.value is not None:
        tag.value = PARSE[parsed.type](parsed.value)
        report.say(set=parsed.tag, value=tag.value, time_us=tag.time_us)
    judged, kind = (watched[0][0], watched[0][1]) if watched else (parsed.tag, parsed.type)
    expected = None if parsed.expect is None else PARSE[kind](parsed.expect)
    try:
        await report.wait_until(lambda: expected is not None and heard.get(judged) == expected, parsed.watch_s, judged)
    except TimeoutError:
        pass
    # Whatever follows at once belongs to the same story.
    await asyncio.sleep(0.1)
    if expected is not None and not (parsed.silent_ok and judged not in heard):
        r.equal(f"last heard of {judged}", heard.get(judged), expected)
    else:
        r.check(f"{parsed.tag} has its id and the client lives", client.writer is not None and not client.writer.is_closing())
    return r


if __name__ == "__main__":
    client_common.start(__doc__, 180, main, more)
