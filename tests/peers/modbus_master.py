"""A master nobody here wrote: pymodbus's client, asking the gateway's own Modbus server.

    modbus_master.py --port N

The site it expects: `level` (float32, only read) in 4x:1, `gate_sp` (int16, up to 100, written) in 4x:3, nothing in 4x:5,
`level` again at 3x:1, and 4x:100 not there at all.
"""

import argparse

import report
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient

DEADLINE_S = 120


def main():
    """Reads, writes, and is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parsed = parser.parse_args()
    report.deadline(DEADLINE_S)
    r = report.Report()
    client = ModbusTcpClient("127.0.0.1", port=parsed.port, framer=FramerType.SOCKET, timeout=5)
    r.check("connected", client.connect())

    def words(answer):
        return None if answer.isError() else answer.registers

    level = client.convert_to_registers(12.5, client.DATATYPE.FLOAT32)
    r.equal("a float's two words", words(client.read_holding_registers(0, count=2)), level)
    r.equal("the whole span", words(client.read_holding_registers(0, count=5)), [*level, 7, 0, 0])
    r.equal("a set-point is written", client.write_register(2, 42).isError(), False)
    r.equal("and reads back", words(client.read_holding_registers(2, count=1)), [42])
    r.equal("several registers at once", client.write_registers(2, [43]).isError(), False)
    over = client.write_register(2, 101)
    r.equal("over its limit: the owner refuses", over.isError() and over.exception_code, 4)
    r.equal("what was refused isn't there", words(client.read_holding_registers(2, count=1)), [43])
    gone = client.read_holding_registers(99, count=1)
    r.equal("no such register", gone.isError() and gone.exception_code, 2)
    half = client.write_register(0, 1)
    r.equal("a tag that is only read", half.isError() and half.exception_code in (2, 3), True)
    odd = client.mask_write_register(address=2, and_mask=0xFFFF, or_mask=1)
    r.equal("no such function", odd.isError() and odd.exception_code, 1)
    client.close()
    r.finish()


main()
