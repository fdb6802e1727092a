"""Reads a `kas dump` on standard input: is it for the machine its file is named after, and is every layer locked?

usage: locked.py machine-NAME
"""

import json
import re
import sys

OURS = "forebay"


def faults(name, dump):
    """Yields what is wrong, one sentence each."""
    machine = name.removeprefix("machine-")
    if dump.get("machine") != machine:
        yield f"{name}.yml is for machine {dump.get('machine')}"
    locked = dump.get("overrides", {}).get("repos", {})
    for repo in dump["repos"]:
        commit = locked.get(repo, {}).get("commit", "")
        if repo != OURS and not re.fullmatch("[0-9a-f]{40}", commit):
            yield f"{name}.yml: {repo} is not locked to a commit"


if __name__ == "__main__":
    found = list(faults(sys.argv[1], json.load(sys.stdin)))
    for sentence in found:
        print(f"forebay: {sentence}", file=sys.stderr)
    sys.exit(1 if found else 0)
