import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import modbusSerial from 'modbus-serial';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { WireFaults } from '../faults/wire-faults.ts';
import { Plant } from '../plant/plant.ts';
import type { UnitMemory } from './memory.ts';
import { type ModbusLinks, startModbusLinks } from './modbus-links.ts';
import { ModbusServer } from './modbus-server.ts';

const START_MS = Date.parse('2026-06-15T20:30+08:00');

let plant: Plant;
let wires: WireFaults;
let links: ModbusLinks;

beforeEach(async () => {
  plant = new Plant(1, START_MS);
  wires = new WireFaults();
  links = await startModbusLinks(plant, wires, () => undefined);
});
afterEach(() => links.stop());

function portOf(link: string): number {
  return Number(links.addresses[link]?.split(':')[1]);
}

async function rawSocket(link: string): Promise<Socket> {
  const socket = connect(portOf(link), '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes and collects as many as are expected back, or all until the other side closes. */
async function exchange(socket: Socket, bytes: string | Buffer, expectedBytes: number): Promise<string> {
  let answer = Buffer.alloc(0);
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= expectedBytes) resolve();
    });
    socket.once('close', () => resolve());
    socket.on('error', () => resolve());
  });
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : bytes);
  await done;
  return answer.toString('hex');
}

async function client(link: string, unit: number): Promise<InstanceType<typeof modbusSerial.default>> {
  const modbus = new modbusSerial.default();
  modbus.setTimeout(3000);
  await modbus.connectTCP('127.0.0.1', { port: portOf(link) });
  onTestFinished(() => {
    modbus.close(() => undefined);
  });
  modbus.setID(unit);
  return modbus;
}

describe('on the wire', () => {
  test('nominal values of a fire pump', async () => {
    const socket = await rawSocket('fire-pump-1');
    expect(await exchange(socket, '1234 0000 0006 01 03 00a0 0003', 15)).toBe('1234000000090103060ed8035101f4');
  });

  test.each([
    ['an unknown function', '01 06 00a0 0003', '0186', '01'],
    ['an address that is not there', '01 03 0000 0001', '0183', '02'],
    ['a read across a gap', '01 03 00a0 0004', '0183', '02'],
    ['a table that is not there', '01 04 00a0 0001', '0184', '02'],
    ['coils that are not there', '01 01 0000 0001', '0181', '02'],
    ['a read of nothing', '01 03 00a0 0000', '0183', '03'],
    ['126 words', '01 03 00a0 007e', '0183', '03'],
    ['a PDU that is too short', '01 03 00a0', '0183', '03'],
    ['addresses beyond the last', '01 03 ffff 0002', '0183', '02'],
    ['a unit that is not there', '07 03 00a0 0001', '0783', '0b'],
  ])('%s is answered with its exception, and the next request as ever', async (_what, body, function_, code) => {
    const socket = await rawSocket('fire-pump-1');
    const bytes = body.replaceAll(' ', '');
    const length = (bytes.length / 2).toString(16).padStart(4, '0');
    expect(await exchange(socket, `0007 0000 ${length} ${bytes}`, 9)).toBe(`000700000003${function_}${code}`);
    expect(await exchange(socket, '0008 0000 0006 01 03 00a2 0001', 11)).toBe('00080000000501030201f4');
  });

  test('requests come in pieces and several at once', async () => {
    const socket = await rawSocket('fire-pump-1');
    const request = (transaction: string) => `${transaction} 0000 0006 01 03 00a2 0001`;
    const all = Buffer.from(['0001', '0002', '0003'].map(request).join('').replaceAll(' ', ''), 'hex');
    socket.write(all.subarray(0, 5));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(all.subarray(5, 17));
    const answer = await exchange(socket, all.subarray(17), 33);
    expect(answer).toBe(['0001', '0002', '0003'].map((t) => `${t}0000000501030201f4`).join(''));
  });

  test.each([
    ['another protocol id', '0001 0001 0006 01 03 00a0 0001'],
    ['a length of nothing', '0001 0000 0001 01 03'],
    ['a length beyond a frame', '0001 0000 00ff 01 03'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')],
  ])('%s is no Modbus: the connection is closed', async (_what, bytes) => {
    expect(await exchange(await rawSocket('fire-pump-1'), bytes, 1)).toBe('');
  });

  test('no rubbish ends the server', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), async (bytes) => {
        const socket = await rawSocket('street-cabinet');
        await new Promise<void>((resolve) => socket.end(bytes, () => resolve()));
        socket.destroy();
      }),
      { numRuns: 60 },
    );
    const socket = await rawSocket('street-cabinet');
    expect(await exchange(socket, '0001 0000 0006 01 02 0000 0003', 10)).toBe('00010000000401020103');
  });

  test('a client that does not read its answers is not read from until it does', async () => {
    const requests = 100_000;
    const answerBytes = 9 + 2 * 125;
    let served = 0;
    const memory: UnitMemory = {
      cell: () => 7,
      refuses: () => {
        served += 1;
        return undefined;
      },
    };
    const server = new ModbusServer(new Map([[1, memory]]));
    await server.listen(0);
    onTestFinished(() => server.stop());
    const greedy = connect(Number(server.address.split(':')[1]), '127.0.0.1');
    await once(greedy, 'connect');
    greedy.pause();
    const request = Buffer.from('00010000000601030000007d', 'hex');
    greedy.write(Buffer.concat(Array.from({ length: requests }, () => request)));
    // It stands still when it serves no more while others are served.
    const other = await client('floor-light', 3);
    for (let before = -1; before !== served || served === 0; ) {
      before = served;
      for (let i = 0; i < 50; i += 1) await other.readHoldingRegisters(0, 1);
    }
    expect(served).toBeLessThan(requests);
    let received = 0;
    greedy.on('data', (chunk) => {
      received += chunk.length;
    });
    greedy.resume();
    await expect.poll(() => received, { timeout: 15_000 }).toBe(requests * answerBytes);
    greedy.destroy();
  });
});

describe('with a client library', () => {
  test('floor lights are read building by building', async () => {
    for (const [i, lit] of [91, 113, 30].entries()) {
      const modbus = await client('floor-light', i + 1);
      const lamps = (await modbus.readHoldingRegisters(0, 1)).data[0] ?? 0;
      const bits = (await modbus.readDiscreteInputs(0, lamps)).data.slice(0, lamps);
      expect(bits.filter(Boolean)).toHaveLength(lit);
      expect(bits).toEqual(plant.buildings[i]?.lamps.map((lamp) => lamp.lit));
      await expect(modbus.readDiscreteInputs(lamps, 1)).rejects.toMatchObject({ modbusCode: 2 });
    }
  });

  test('feeders are read by unit, and follow their lamps', async () => {
    const modbus = await client('street-cabinet', 2);
    const feeder = plant.feeders[1];
    if (feeder === undefined) throw new Error('the estate has no second feeder');
    const read = async () => (await modbus.readHoldingRegisters(0, 11)).data;
    const before = await read();
    expect((before[6] ?? 0) * 65_536 + (before[7] ?? 0)).toBe(Math.round(feeder.activePowerW));
    expect((before[8] ?? 0) * 65_536 + (before[9] ?? 0)).toBe(Math.round(feeder.energyKwh * 10));
    expect(before.slice(0, 3)).toEqual(feeder.voltageV.map((volts) => Math.round(volts * 10)));
    expect(before.slice(3, 6)).toEqual([0, 1, 2].map((phase) => Math.round(feeder.currentA(phase) * 100)));
    expect(before[10]).toBe(1);
    feeder.trip();
    expect((await read()).slice(3, 8)).toEqual([0, 0, 0, 0, 0]);
    expect((await modbus.readDiscreteInputs(0, 3)).data.slice(0, 3)).toEqual([false, true, false]);
  });

  test('a fire pump tells its state', async () => {
    const modbus = await client('fire-pump-2', 1);
    const pump = plant.firePumps[1];
    if (pump === undefined) throw new Error('the estate has no second pump');
    const read = async () => (await modbus.readHoldingRegisters(1000, 9)).data;
    const healthy = await read();
    expect(healthy.slice(0, 5)).toEqual([0, 0, 0b110, Math.round(pump.pressureMpa * 100), 0]);
    expect((healthy[7] ?? 0) * 65_536 + (healthy[8] ?? 0)).toBe(Math.round(pump.secondsSinceTest));
    pump.refuseStart();
    plant.advanceTo(START_MS + 30_000);
    const failed = await read();
    expect(failed[0]).toBe(1 << 5);
    expect(failed[2]).toBe(0b11110);
  });

  test('an exception stands for the first value only', async () => {
    wires.exceptions.set('fire-pump-1', 4).set('feeder-1', 2);
    const pump = await client('fire-pump-1', 1);
    await expect(pump.readHoldingRegisters(1000, 9)).rejects.toMatchObject({ modbusCode: 4 });
    expect((await pump.readHoldingRegisters(1004, 5)).data).toHaveLength(5);
    const feeder = await client('street-cabinet', 1);
    await expect(feeder.readHoldingRegisters(0, 3)).rejects.toMatchObject({ modbusCode: 2 });
    expect((await feeder.readHoldingRegisters(1, 10)).data).toHaveLength(10);
  });

  test('many clients are served at once', async () => {
    const clients = await Promise.all(Array.from({ length: 40 }, (_, i) => client('street-cabinet', (i % 3) + 1)));
    const answers = await Promise.all(clients.map((modbus) => modbus.readHoldingRegisters(10, 1)));
    expect(answers.map(({ data }) => data[0])).toEqual(Array.from({ length: 40 }, () => 1));
  });

  test('an unplugged controller drops its clients, cuts off new ones, keeps its port, and comes back', async () => {
    const before = links.addresses['fire-pump-1'];
    const socket = await rawSocket('fire-pump-1');
    socket.on('error', () => undefined);
    const dropped = new Promise((resolve) => socket.once('close', resolve));
    wires.unplugged.add('fire-pump-1');
    links.show();
    await dropped;
    const isBack = () =>
      rawSocket('fire-pump-1').then(
        async (client) => (await exchange(client, '0001 0000 0006 01 03 00a2 0001', 11)) !== '',
        () => false,
      );
    expect(await isBack()).toBe(false);
    const squatter = new ModbusServer(new Map());
    await squatter.listen(portOf('fire-pump-1'));
    onTestFinished(() => squatter.stop());
    expect(squatter.address).not.toBe(before);
    expect((await (await client('fire-pump-2', 1)).readHoldingRegisters(162, 1)).data).toEqual([500]);
    wires.unplugged.clear();
    await expect
      .poll(async () => {
        links.show();
        return await isBack();
      })
      .toBe(true);
    expect(links.addresses['fire-pump-1']).toBe(before);
  });
});
