"""A Modbus server by libmodbus 3.1, driven through ctypes so that no compiler is needed.

    libmodbus-server.py LIBRARY tcp PORT | LIBRARY rtu PATH BAUD UNIT

It reads its tables from stdin, one line of JSON {"coil": [..], "discrete": [..], "holding": [..], "input": [..]}, each
from wire address 0 on, and says "ready" on stderr when it can be asked. One connection at a time, each until it ends.
"""

import ctypes
import json
import sys

MAX_ADU = 260


class Mapping(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int)
        for name in (
            "nb_bits start_bits nb_input_bits start_input_bits "
            "nb_input_registers start_input_registers nb_registers start_registers"
        ).split()
    ] + [
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    ]


library, mode, where, *serial = sys.argv[1:]
modbus = ctypes.CDLL(library, use_errno=True)
modbus.modbus_new_tcp.restype = ctypes.c_void_p
modbus.modbus_new_rtu.restype = ctypes.c_void_p
modbus.modbus_mapping_new.restype = ctypes.POINTER(Mapping)

tables = json.loads(sys.stdin.readline())
mapping = modbus.modbus_mapping_new(
    *(len(tables[name]) for name in ("coil", "discrete", "holding", "input"))
)
for name, cells in (
    ("coil", mapping.contents.tab_bits),
    ("discrete", mapping.contents.tab_input_bits),
    ("holding", mapping.contents.tab_registers),
    ("input", mapping.contents.tab_input_registers),
):
    for i, value in enumerate(tables[name]):
        cells[i] = value


def check(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), "libmodbus")
    return result


def serve(context):
    query = (ctypes.c_uint8 * MAX_ADU)()
    while True:
        length = modbus.modbus_receive(context, query)
        if length == -1:
            return
        # 0: a request that is for another unit of the line.
        if length > 0:
            modbus.modbus_reply(context, query, length, mapping)


if mode == "tcp":
    context = ctypes.c_void_p(modbus.modbus_new_tcp(b"127.0.0.1", int(where)))
    listening = ctypes.c_int(check(modbus.modbus_tcp_listen(context, 1)))
    print("ready", file=sys.stderr, flush=True)
    while True:
        check(modbus.modbus_tcp_accept(context, ctypes.byref(listening)))
        serve(context)
        modbus.modbus_close(context)
else:
    baud, unit = serial
    context = ctypes.c_void_p(
        modbus.modbus_new_rtu(where.encode(), int(baud), ctypes.c_char(b"N"), 8, 1)
    )
    check(modbus.modbus_set_slave(context, int(unit)))
    check(modbus.modbus_connect(context))
    print("ready", file=sys.stderr, flush=True)
    while True:
        serve(context)
