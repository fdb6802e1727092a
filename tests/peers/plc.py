"""A PLC nobody here wrote: pymodbus's server, with its registers open to inspection through stdin.

    plc.py [--port 0] [--units 1,2]           Modbus TCP; prints {"ready": true, "port": N}
    plc.py --serial /dev/pts/3 [--baud 9600]  the same as RTU slaves on a serial line

Lines on stdin, one JSON answer each; words count from 1 as in modbusclient.yaml, files are 0x 1x 3x 4x:

    peek 1 4x 3 2            → {"words": [10, 20]}
    poke 1 4x 3 10 20        writes as the PLC's own program would
    writes                   → {"writes": [[unit, function, word, [values]], …]} since the last time asked
    requests                 → {"requests": N} answered or not, since the start
    silence on|off           requests are lost on their way here
    mute on|off              requests are carried out, their answers are lost
    delay MS                 answers late
    exception CODE|off       answers every request with this exception code
    quit                     ends; so does the end of stdin
"""

import argparse
import asyncio
import functools
import logging
import sys

import report
from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

# The function that reads each file; pymodbus finds its blocks by function.
READ_FUNCTION = {"0x": 1, "1x": 2, "3x": 4, "4x": 3}


class Plc:
    """The registers and the faults one can ask for."""

    def __init__(self, units, words):
        self.silent = False
        self.mute = False
        self.delay_s = 0.0
        self.exception = None
        self.written = []
        self.requests = 0
        # True while stdin reads or writes registers: the faults are for the line only.
        self.inside = False
        # pymodbus packs bits into whole registers.
        bits = (words + 15) // 16 * 16
        self.devices = [
            SimDevice(
                unit,
                simdata=(
                    [SimData(0, values=[False] * bits, datatype=DataType.BITS)],
                    [SimData(0, values=[False] * bits, datatype=DataType.BITS)],
                    [SimData(0, values=[0] * words, datatype=DataType.REGISTERS)],
                    [SimData(0, values=[0] * words, datatype=DataType.REGISTERS)],
                ),
                action=functools.partial(self.on_access, unit),
            )
            for unit in units
        ]
        self.server = None

    async def on_access(self, unit, function, _start, address, _count, _registers, values):
        """Called by pymodbus before each access."""
        if self.inside:
            return None
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.exception is not None:
            return ExcCodes(self.exception)
        if values is not None:
            self.written.append([unit, function, address + 1, [int(value) for value in values]])
        return None

    def on_packet(self, sending, data):
        """Called by pymodbus with what goes over the line; what is lost becomes no bytes."""
        if sending:
            return b"" if self.mute else data
        self.requests += bool(data)
        return b"" if self.silent else data

    async def start(self, arguments):
        """Listens; returns what to tell about it."""
        if arguments.serial:
            self.server = ModbusSerialServer(
                self.devices, framer=FramerType.RTU, port=arguments.serial, baudrate=arguments.baud,
                trace_packet=self.on_packet, ignore_missing_devices=True,
            )
            await self.server.serve_forever(background=True)
            return {"serial": arguments.serial}
        self.server = ModbusTcpServer(
            self.devices, address=(arguments.host, arguments.port), trace_packet=self.on_packet,
        )
        await self.server.serve_forever(background=True)
        return {"port": self.server.transport.sockets[0].getsockname()[1]}

    async def obey(self, words):
        """One line of stdin; returns the answer."""
        match words:
            case ["peek", unit, file, word, *count]:
                number = int(count[0]) if count else 1
                self.inside = True
                got = await self.server.context.async_getValues(
                    int(unit), READ_FUNCTION[file], int(word) - 1, number
                )
                self.inside = False
                if isinstance(got, ExcCodes):
                    return {"error": f"no such register: {got.name}"}
                return {"words": [int(value) for value in got]}
            case ["poke", unit, file, word, *values]:
                bits = file in ("0x", "1x")
                self.inside = True
                failed = await self.server.context.async_setValues(
                    int(unit), READ_FUNCTION[file], int(word) - 1,
                    [bool(int(value)) if bits else int(value) & 0xFFFF for value in values],
                )
                self.inside = False
                return {"error": f"no such register: {failed.name}"} if failed else {"ok": True}
            case ["writes"]:
                seen, self.written = self.written, []
                return {"writes": seen}
            case ["requests"]:
                return {"requests": self.requests}
            case ["silence", "on" | "off" as how]:
                self.silent = how == "on"
            case ["mute", "on" | "off" as how]:
                self.mute = how == "on"
            case ["delay", ms]:
                self.delay_s = float(ms) / 1000
            case ["exception", "off"]:
                self.exception = None
            case ["exception", code]:
                self.exception = int(code)
            case _:
                return {"error": f"not understood: {' '.join(words)}"}
        return {"ok": True}


async def main(arguments):
    """Serves until told to stop."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    plc = Plc([int(unit) for unit in arguments.units.split(",")], arguments.words)
    report.say(ready=True, **await plc.start(arguments))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        words = line.decode().split()
        if words == ["quit"]:
            break
        if words:
            try:
                report.say(**await plc.obey(words))
            except (KeyError, ValueError) as error:
                plc.inside = False
                report.say(error=f"not understood: {line.decode().strip()} ({error!r})")
    await plc.server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--serial", metavar="DEVICE")
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--units", default="1", help="comma separated unit numbers")
    parser.add_argument("--words", type=int, default=2000, help="registers and bits in each of the four files")
    parser.add_argument("--deadline", type=float, default=3600)
    parsed = parser.parse_args()
    report.deadline(parsed.deadline)
    asyncio.run(main(parsed))
