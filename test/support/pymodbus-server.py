"""A Modbus server by pymodbus (3.0 of Debian 12, 3.8 of Debian 13) on loopback or on a serial line.

    pymodbus-server.py tcp PORT | rtu+tcp PORT | rtu PATH BAUD

It reads from stdin one line of JSON {"UNIT": {"coil": [..], "discrete": [..], "holding": [..], "input": [..]}}, each table
from wire address 0 on, and says "ready" on stderr when it can be asked.
"""

import asyncio
import json
import sys

from pymodbus.datastore import (
    ModbusSequentialDataBlock,
    ModbusServerContext,
    ModbusSlaveContext,
)
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer

try:
    from pymodbus.framer import FramerType

    SOCKET, RTU = FramerType.SOCKET, FramerType.RTU
except ImportError:
    from pymodbus.transaction import ModbusRtuFramer as RTU
    from pymodbus.transaction import ModbusSocketFramer as SOCKET


def block(values):
    # Without its "zero mode", which later versions lack, a store counts from 1.
    return ModbusSequentialDataBlock(1, values)


def context(units):
    slaves = {
        int(unit): ModbusSlaveContext(
            co=block(tables["coil"]),
            di=block(tables["discrete"]),
            hr=block(tables["holding"]),
            ir=block(tables["input"]),
        )
        for unit, tables in units.items()
    }
    return ModbusServerContext(slaves=slaves, single=False)


async def say_ready(port):
    while port is not None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.02)
    print("ready", file=sys.stderr, flush=True)


async def main():
    mode, where, *baud = sys.argv[1:]
    store = context(json.loads(sys.stdin.readline()))
    if mode == "rtu":
        serving = StartAsyncSerialServer(
            context=store, framer=RTU, port=where, baudrate=int(baud[0])
        )
        ready = say_ready(None)
    else:
        framer = RTU if mode == "rtu+tcp" else SOCKET
        serving = StartAsyncTcpServer(
            context=store, framer=framer, address=("127.0.0.1", int(where))
        )
        ready = say_ready(int(where))
    await asyncio.gather(serving, ready)


asyncio.run(main())
