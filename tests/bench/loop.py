"""pymodbus's client as fast as it goes: reads all registers of a device in requests of 125, again and again, until it is killed.

    loop.py PORT REGISTERS
"""

import sys

from pymodbus.client import ModbusTcpClient

WORDS_MAX = 125


def main(port, registers):
    """Reads until something goes wrong."""
    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect(), f"nothing listens at {port}"
    while True:
        for first in range(0, registers - WORDS_MAX + 1, WORDS_MAX):
            answer = client.read_holding_registers(first, count=WORDS_MAX)
            assert not answer.isError(), answer


main(*(int(word) for word in sys.argv[1:]))
