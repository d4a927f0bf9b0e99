import { expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import type { ModbusAddress } from './address.ts';
import type { ReadRequest, Reply, WriteRequest } from './transport/connection.ts';
import type { DecoderForm } from './values/decode.ts';
import { writePoint } from './write.ts';

/** A device of holding registers from 0 on (or coils, each 0 or 1), and what it does with a write. */
function deviceOf(values: number[], obey: (request: WriteRequest) => Reply | undefined = () => undefined) {
  const asked: (ReadRequest | WriteRequest)[] = [];
  const ask = async (request: ReadRequest | WriteRequest): Promise<Reply> => {
    asked.push(request);
    const { table, address } = request;
    if ('values' in request) {
      const reply = obey(request);
      if (reply !== undefined) return reply;
      values.splice(address, request.values.length, ...request.values);
      return { kind: 'data', bytes: Buffer.alloc(0) };
    }
    const read = values.slice(address, address + request.count);
    if (read.length < request.count) return { kind: 'exception', code: 2 };
    if (table === 'coil') return { kind: 'data', bytes: Buffer.from([read[0] ?? 0]) };
    const bytes = Buffer.alloc(read.length * 2);
    read.forEach((word, i) => {
      bytes.writeUInt16BE(word, i * 2);
    });
    return { kind: 'data', bytes };
  };
  const writes = () => asked.filter((request) => 'values' in request);
  return { values, ask, asked, writes };
}

const form = (part: Partial<ModbusAddress> = {}, kind: ValueKind = 'double', states?: DecoderForm['states']) => ({
  address: {
    unit: 1,
    table: 'holding',
    address: 0,
    count: 1,
    type: 'uint16',
    bit: null,
    scale: 1,
    add: 0,
    noValue: [],
    wordOrder: null,
    byteOrder: null,
    writable: true,
    ...part,
  } satisfies ModbusAddress,
  kind,
  states,
  wordOrder: 'big' as const,
  byteOrder: 'big' as const,
});

const signal = new AbortController().signal;

test('a value is read, written, and read back', async () => {
  const device = deviceOf([200]);
  const written = await writePoint(form({ scale: 0.1 }), 23.5, device.ask, signal);
  expect(written).toEqual({ outcome: 'done', before: 20, after: 23.5 });
  expect(device.values).toEqual([235]);
  expect(device.writes()).toEqual([{ unit: 1, table: 'holding', address: 0, values: [235] }]);
});

test('several registers go in one request, in the order that the point has', async () => {
  const device = deviceOf([0, 0, 0, 0]);
  const place = form({ address: 1, type: 'float32', count: 2, wire: [3, 4, 1, 2] });
  expect(await writePoint(place, 1.5, device.ask, signal)).toMatchObject({ outcome: 'done', before: 0, after: 1.5 });
  expect(device.values).toEqual([0, 0, 0x3fc0, 0]);
  expect(device.writes()).toHaveLength(1);
});

test('a coil, a text', async () => {
  const coil = deviceOf([0]);
  expect(await writePoint(form({ table: 'coil', type: 'bool' }, 'bool'), 1, coil.ask, signal)).toEqual({
    outcome: 'done',
    before: 0,
    after: 1,
  });
  const text = deviceOf([0x4142, 0x4344, 0x4546]);
  const place = form({ type: 'text', count: 3, encoding: 'gb18030' }, 'text');
  expect(await writePoint(place, '泵A', text.ask, signal)).toEqual({ outcome: 'done', before: 'ABCDEF', after: '泵A' });
  expect(text.values).toEqual([0xb1c3, 0x4100, 0]);
});

test('what was there need not be a value', async () => {
  const device = deviceOf([65_535]);
  const written = await writePoint(form({ noValue: [65_535] }), 7, device.ask, signal);
  expect(written).toEqual({ outcome: 'done', before: null, after: 7 });
});

test.each<[string, ReturnType<typeof form>, number | string, RegExp]>([
  ['a point that the map does not allow', form({ writable: undefined as never }), 1, /map does not allow/],
  ['an input register, whatever the address says', form({ table: 'input' }), 1, /map does not allow/],
  ['a value that does not fit', form(), 70_000, /from 0 to 65535/],
  ['a part of a register', form({ bit: 3 }, 'bool'), 1, /part of a register/],
])('%s is refused, and nothing is asked', async (_, place, value, why) => {
  const device = deviceOf([0]);
  const written = await writePoint(place, value, device.ask, signal);
  expect(written).toMatchObject({ outcome: 'refused', why: { en: expect.stringMatching(why) } });
  expect(device.asked).toEqual([]);
});

test('what cannot be read is not written, since nobody could tell what became of it', async () => {
  const device = deviceOf([]);
  const written = await writePoint(form(), 1, device.ask, signal);
  expect(written).toMatchObject({ outcome: 'refused', why: { en: expect.stringMatching(/exception 2/) } });
  expect(device.writes()).toEqual([]);
});

test.each([1, 2, 3])('exception %i is the device’s refusal', async (code) => {
  const device = deviceOf([5], () => ({ kind: 'exception', code }));
  const written = await writePoint(form(), 1, device.ask, signal);
  expect(written).toMatchObject({ outcome: 'refused', why: { en: expect.stringContaining(`exception ${code}`) } });
});

test('a device that keeps its own value: both are told, raw', async () => {
  const device = deviceOf([200], () => ({ kind: 'data', bytes: Buffer.alloc(0) }));
  const written = await writePoint(form({ scale: 0.1 }), 23.5, device.ask, signal);
  expect(written).toEqual({
    outcome: 'failed',
    why: { zh: '写入 00eb，读回的是 00c8', en: '00eb was written, 00c8 is read back' },
    before: 20,
    after: 20,
  });
});

test('a device that takes a while to show it has taken it', async () => {
  let reads = 0;
  const device = deviceOf([200]);
  const late = async (request: ReadRequest | WriteRequest): Promise<Reply> => {
    if ('values' in request || ++reads !== 2) return device.ask(request);
    return { kind: 'data', bytes: Buffer.from([0, 200]) };
  };
  expect(await writePoint(form(), 235, late, signal)).toMatchObject({ outcome: 'done', after: 235 });
  expect(reads).toBe(3);
});

test('an answer that was lost is not a write that was lost: what is read back decides', async () => {
  const values = [5];
  const taken = deviceOf(values, ({ values: [value = 0] }) => {
    values[0] = value;
    return { kind: 'timeout' };
  });
  expect(await writePoint(form(), 9, taken.ask, signal)).toEqual({ outcome: 'done', before: 5, after: 9 });
  const dropped = deviceOf([5], () => ({ kind: 'timeout' }));
  expect(await writePoint(form(), 9, dropped.ask, signal)).toMatchObject({
    outcome: 'failed',
    why: { en: expect.stringMatching(/did not answer in time; 0009 was written, 0005 is read back/) },
    after: 5,
  });
});

test('a connection that is lost in between leaves it open, and says so', async () => {
  const device = deviceOf([5], () => ({ kind: 'lost' }));
  expect(await writePoint(form(), 9, device.ask, signal)).toMatchObject({
    outcome: 'failed',
    why: { en: expect.stringContaining('not known') },
    before: 5,
    after: null,
  });
});

test('nothing can be read back', async () => {
  let written = false;
  const device = deviceOf([5]);
  const ask = async (request: ReadRequest | WriteRequest): Promise<Reply> => {
    if (written) return { kind: 'lost' };
    written = 'values' in request;
    return device.ask(request);
  };
  expect(await writePoint(form(), 9, ask, signal)).toMatchObject({
    outcome: 'failed',
    why: { en: expect.stringContaining('could not be read back') },
    after: null,
  });
});
