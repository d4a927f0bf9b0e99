/**
 * A Modbus TCP device that answers as fast as a process can: every read of holding registers with the register's own
 * address, of any unit, over any number of connections. It says `{ ready, port }` to its parent, and ends with it.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const HEADER_BYTES = 7;
const REQUEST_BYTES = 12;
const MAX_REGISTERS = 125;

/** Two bytes for each register: its own address. */
const registers = Buffer.alloc((65_536 + MAX_REGISTERS) * 2);
for (let address = 0; address < 65_536 + MAX_REGISTERS; address++) {
  registers.writeUInt16BE(address & 0xffff, address * 2);
}

function answer(socket: Socket, request: Buffer): void {
  const address = request.readUInt16BE(8);
  const bytes = request.readUInt16BE(10) * 2;
  const reply = Buffer.allocUnsafe(HEADER_BYTES + 2 + bytes);
  request.copy(reply, 0, 0, HEADER_BYTES + 1);
  reply.writeUInt16BE(3 + bytes, 4);
  reply.writeUInt8(bytes, HEADER_BYTES + 1);
  registers.copy(reply, HEADER_BYTES + 2, address * 2, address * 2 + bytes);
  socket.write(reply);
}

const server = createServer((socket) => {
  let rest = Buffer.alloc(0);
  socket.setNoDelay();
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    const given = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + REQUEST_BYTES <= given.length; at += REQUEST_BYTES) {
      answer(socket, given.subarray(at, at + REQUEST_BYTES));
    }
    rest = given.subarray(at);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ ready: true, port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit());
