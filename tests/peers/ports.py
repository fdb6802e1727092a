"""Ports for programs that can't be told "any that is free", as pymscada's can't."""

import os
import socket

# Below those that the kernel hands out by itself: such a one could be somebody's by the time it is listened at, and who waits
# for it by connecting may be given that very port, and meets himself.
PORTS = range(12_000, 32_000)
# So many belong to one program at a time; the test programs in Rust keep to the same blocks (tests/stage/port.rs).
BLOCK = 100

_left = iter(())
# The names of our blocks, held until the program ends.
_held = []


def _next_block():
    """The ports of a block that nobody has."""
    count = len(PORTS) // BLOCK
    for n in range(count):
        number = (os.getpid() + n) % count
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0forebay-test-ports-{number}")
        except OSError:
            name.close()
            continue
        _held.append(name)
        return iter(PORTS[number * BLOCK : (number + 1) * BLOCK])
    raise RuntimeError("no block of ports is left that no other test has")


def free_port():
    """A port on loopback that nobody listens at, and that no other test is given."""
    global _left
    while True:
        for port in _left:
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        _left = _next_block()
