"""The second of two Python processes that exchange values through the bus: answers what exchange_a.py sets.

For each kind it hears `<prefix>.a.<kind>` and sets `<prefix>.b.<kind>` to the same value with one thing changed, so that an
answer can't be mistaken for the question. Ends when `<prefix>.a.str` says "quit".
"""

import asyncio

import client_common
import report
from pymscada.bus_client import BusClient
from pymscada.bus_client_tag import TagBytes, TagDict, TagFloat, TagInt, TagList, TagStr

KINDS = {"int": TagInt, "float": TagFloat, "str": TagStr, "bytes": TagBytes, "list": TagList, "dict": TagDict}
# What B does to a value of each kind.
CHANGE = {
    "int": lambda value: value + 1,
    "float": lambda value: value / 2,
    "str": lambda value: value[::-1],
    "bytes": lambda value: value[::-1],
    "list": lambda value: [*value, len(value)],
    "dict": lambda value: {**value, "seen": len(value)},
}


def more(parser):
    """Its own arguments."""
    parser.add_argument("--prefix", required=True, help="what the tags of this pair are called")


async def main(parsed, host, port):
    """Answers until told to quit."""
    client = BusClient(host, port, module="Exchange B")
    await client.start()
    asked = {kind: make(f"{parsed.prefix}.a.{kind}") for kind, make in KINDS.items()}
    answers = {kind: make(f"{parsed.prefix}.b.{kind}") for kind, make in KINDS.items()}
    await client_common.ids_of([*asked.values(), *answers.values()])
    quit_now = asyncio.Event()
    answered = 0

    def on_value(tag):
        nonlocal answered
        kind = tag.name.rsplit(".", 1)[1]
        if kind == "str" and tag.value == "quit":
            quit_now.set()
            return
        answers[kind].value = CHANGE[kind](tag.value)
        answered += 1

    for tag in asked.values():
        tag.add_callback(on_value)
    report.say(ready=True)
    await quit_now.wait()
    report.say(answered=answered)


if __name__ == "__main__":
    client_common.start(__doc__, 300, main, more)
