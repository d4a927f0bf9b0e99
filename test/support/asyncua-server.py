"""An OPC UA server by asyncua 2.1 on loopback.

It reads from stdin one line of JSON {"port", "namespace", "policy": "Basic256Sha256_SignAndEncrypt", "uri",
"certificate": path of a DER file, "key": path of a PEM file, "users": {name: password}, "nodes": {name: {"node": "s=..",
"type": "Double", "value": ..}}} and says "ready" on stderr when it can be asked. Each further line sets a node: {"name",
"value", "status": "Good"}, and is answered by "done" on stderr.
"""

import asyncio
import datetime
import json
import logging
import sys

from asyncua import Server, ua
from asyncua.server.user_managers import UserManager
from asyncua.crypto.permission_rules import User, UserRole


class Users(UserManager):
    def __init__(self, passwords):
        self.passwords = passwords

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is not None and self.passwords.get(username) == password:
            return User(role=UserRole.User, name=username)
        return None


def data_value(kind, value, status):
    return ua.DataValue(
        ua.Variant(value, getattr(ua.VariantType, kind)),
        StatusCode=ua.StatusCode(getattr(ua.StatusCodes, status)),
        SourceTimestamp=datetime.datetime.now(datetime.timezone.utc),
    )


async def next_line():
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return json.loads(line) if line else None


def say(word):
    print(word, file=sys.stderr, flush=True)


async def main():
    logging.disable(logging.CRITICAL)
    plan = await next_line()
    server = Server(user_manager=Users(plan["users"]))
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{plan['port']}/UA")
    await server.set_application_uri(plan["uri"])
    server.set_security_policy([getattr(ua.SecurityPolicyType, plan["policy"])])
    server.set_identity_tokens([ua.UserNameIdentityToken])
    await server.load_certificate(plan["certificate"])
    await server.load_private_key(plan["key"])
    await server.register_namespace("urn:spare")
    index = await server.register_namespace(plan["namespace"])
    nodes = {}
    for name, told in plan["nodes"].items():
        node_id = ua.NodeId.from_string(f"ns={index};{told['node']}")
        kind = getattr(ua.VariantType, told["type"])
        nodes[name] = (await server.nodes.objects.add_variable(node_id, name, told["value"], kind), told["type"])
    async with server:
        say("ready")
        while (order := await next_line()) is not None:
            node, kind = nodes[order["name"]]
            await server.write_attribute_value(node.nodeid, data_value(kind, order["value"], order["status"]))
            say("done")


asyncio.run(main())
