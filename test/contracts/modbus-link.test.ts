import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_ASKS_WAITING, REOPEN_SPACING_MS } from '../../adapters/modbus/polling/line.ts';
import { HOLE_MEMORY_MS } from '../../adapters/modbus/polling/memory.ts';
import type { ModbusAdapter } from '../../adapters/modbus/protocol.ts';
import type { AdapterRun } from '../support/adapter-run.ts';
import { ModbusDevice } from '../support/modbus-device.ts';
import { holding, holdings, startModbusRun, type WantedPoint } from '../support/modbus-run.ts';

/** Site time runs faster, so that what is remembered for seconds is forgotten within a test. */
const RATE = 10;
const POLL = '500ms';
const TIMEOUT = '250ms';

let device: ModbusDevice;
let run: AdapterRun | undefined;
let adapter: ModbusAdapter | undefined;

beforeEach(async () => {
  device = await ModbusDevice.start();
});

afterEach(async () => {
  await run?.abort();
  expect(run?.violations ?? []).toEqual([]);
  run = undefined;
  await device.kill();
});

function begin(wanted: readonly WantedPoint[], timeout = TIMEOUT): AdapterRun {
  const started = startModbusRun({ endpoint: device.endpoint, timeout, poll: POLL }, wanted, RATE);
  ({ run, adapter } = started);
  return started.run;
}

const range = holdings;
const good = (watched: AdapterRun, { name }: WantedPoint) => watched.latest(name)?.quality === 'good';
const allGood = (watched: AdapterRun, wanted: readonly WantedPoint[]) => wanted.every((one) => good(watched, one));

/** Resolves after `count` further batches. */
function batches(watched: AdapterRun, count: number): Promise<void> {
  const wanted = watched.batches + count;
  return watched.until(`${count} more polls`, () => watched.batches >= wanted, 10_000);
}

/** The requests of the next whole poll. */
async function nextPoll(watched: AdapterRun) {
  await batches(watched, 1);
  device.requests = [];
  await batches(watched, 1);
  return device.requests.map(({ unit, table, address, count }) => `${unit} ${table} ${address}+${count}`);
}

test('near points are read by one request, far ones and other tables by their own', async () => {
  device.set(1, 'holding', 0, ...Array.from({ length: 40 }, (_, i) => i));
  device.set(1, 'holding', 1000, 7);
  device.set(1, 'input', 0, 8);
  const input = { name: 'input', map: { table: 'input', address: 0 } } as const;
  const wanted = [...range(0, 40), holding(1000), input];
  const watched = begin(wanted);
  await watched.until('all are good', () => allGood(watched, wanted));
  expect(await nextPoll(watched)).toEqual(['1 holding 0+40', '1 holding 1000+1', '1 input 0+1']);
  expect(wanted.map(({ name }) => watched.latest(name)?.value)).toEqual([
    ...Array.from({ length: 40 }, (_, i) => i),
    7,
    8,
  ]);
});

test('an unreadable gap costs nobody a value: the points on both sides are read apart', async () => {
  device.set(1, 'holding', 0, 1, 2, 3);
  device.set(1, 'holding', 6, 4, 5);
  const wanted = [...range(0, 3), ...range(6, 8)];
  const watched = begin(wanted);
  await watched.until('all are good', () => allGood(watched, wanted));
  const first = device.requests.slice(0, 5).map(({ address, count }) => `${address}+${count}`);
  expect(first, 'already in the first poll').toEqual(['0+8', '0+2', '2+6', '2+1', '6+2']);
  expect(await nextPoll(watched)).toEqual(['1 holding 0+3', '1 holding 6+2']);
});

test('a refused place is bad by itself, is left alone for a while, and then comes back', async () => {
  device.set(1, 'holding', 0, ...Array.from({ length: 20 }, (_, i) => i));
  device.fault(1, 'holding', 7, { exception: 3 });
  const wanted = range(0, 20);
  const watched = begin(wanted);
  await watched.until('each is told', () => wanted.every(({ name }) => watched.latest(name) !== undefined));
  expect(watched.latest('u1h7')).toMatchObject({ quality: 'bad', reason: 'modbus-exception', detail: 'exception 3' });
  expect(wanted.filter((one) => !good(watched, one)).map(({ name }) => name)).toEqual(['u1h7']);
  expect(await nextPoll(watched)).toEqual(['1 holding 0+7', '1 holding 8+12']);
  expect(watched.latest('u1h7')?.quality, 'still told in every poll').toBe('bad');
  device.fault(1, 'holding', 7, undefined);
  await watched.until('it is good again', () => good(watched, holding(7)), HOLE_MEMORY_MS / RATE + 5000);
  expect(await nextPoll(watched)).toEqual(['1 holding 0+20']);
});

test('an exception that no splitting can help is that of all, and the link stays up', async () => {
  device.unitExceptions.set(1, 7);
  const watched = begin(range(0, 50));
  await batches(watched, 2);
  expect(watched.latest('u1h49')).toMatchObject({ reason: 'modbus-exception', detail: 'exception 7' });
  expect(watched.ups).toBe(1);
});

test('a device that gives only a few registers at once is read in such steps', async () => {
  device.maxCount = 10;
  device.set(1, 'holding', 0, ...Array.from({ length: 40 }, (_, i) => i));
  const wanted = range(0, 40);
  const watched = begin(wanted);
  await watched.until('all are good', () => allGood(watched, wanted));
  await batches(watched, 3);
  const requests = await nextPoll(watched);
  expect(requests.length).toBeLessThanOrEqual(8);
  expect(allGood(watched, wanted)).toBe(true);
});

test('hundreds of refused places take a bounded number of requests per poll', async () => {
  device.set(1, 'holding', 0, 1);
  const watched = begin([holding(0), ...Array.from({ length: 60 }, (_, i) => holding(2 + 2 * i))]);
  await batches(watched, 1);
  expect(device.requests.length).toBeLessThanOrEqual(40);
  await watched.until('the one that exists is good', () => good(watched, holding(0)));
  await watched.until('the last one is told', () => watched.latest('u1h120') !== undefined);
  expect(watched.latest('u1h120')).toMatchObject({ reason: 'modbus-exception', detail: 'exception 2' });
});

test('a silent unit is bad, is asked ever more rarely, and holds up no other unit', async () => {
  for (const unit of [1, 2, 3]) device.set(unit, 'holding', 0, unit);
  device.silentUnits.add(2);
  const watched = begin([holding(0, 1), holding(0, 2), holding(0, 3)]);
  const asked = (unit: number) => device.requests.filter((request) => request.unit === unit).length;
  await watched.until('40 polls', () => asked(1) >= 40 && asked(3) >= 40, 10_000);
  expect(watched.latest('u2h0')).toMatchObject({ quality: 'bad', reason: 'timeout' });
  expect(asked(2)).toBeLessThanOrEqual(7);
  expect(asked(2)).toBeGreaterThanOrEqual(4);
  device.silentUnits.delete(2);
  await watched.until('the unit is back', () => good(watched, holding(0, 2)), 10_000);
  expect(watched.ups).toBe(1);
});

test('units that a gateway cannot reach are bad by its exception; the link is not lost over them', async () => {
  device.unitExceptions.set(1, 11).set(2, 11);
  const watched = begin([holding(0, 1), holding(0, 2)]);
  await batches(watched, 12);
  expect(watched.latest('u1h0')).toMatchObject({ reason: 'modbus-exception', detail: 'exception 11' });
  expect(watched.ending).toBeUndefined();
});

test('a place on which the device keeps silent is found, while its neighbours are read', async () => {
  device.set(1, 'holding', 0, ...Array.from({ length: 16 }, (_, i) => i));
  device.set(1, 'input', 0, 5);
  device.fault(1, 'holding', 5, 'silent');
  const input = { name: 'input', map: { table: 'input', address: 0 } } as const;
  const watched = begin([...range(0, 16), input]);
  const others = [...range(0, 5), ...range(6, 16), input];
  await watched.until('all others are good', () => allGood(watched, others), 10_000);
  expect(watched.latest('u1h5')).toMatchObject({ quality: 'bad', reason: 'timeout' });
  expect(watched.ending).toBeUndefined();
});

test.each(['short', 'wrong-count', 'wrong-unit', 'garbage'] as const)(
  'a reply that is %s spoils one point only',
  async (fault) => {
    device.set(1, 'holding', 0, ...Array.from({ length: 8 }, (_, i) => i));
    device.fault(1, 'holding', 3, fault);
    const watched = begin(range(0, 8));
    const others = [...range(0, 3), ...range(4, 8)];
    await watched.until('all others are good', () => allGood(watched, others));
    expect(watched.latest('u1h3')).toMatchObject({ quality: 'bad', reason: 'malformed-reply' });
    expect(watched.ending).toBeUndefined();
    expect(watched.ups).toBe(1);
  },
);

test('rubbish and nothing else: the link is lost in the end, not the process', async () => {
  device.set(1, 'holding', 0, ...Array.from({ length: 40 }, (_, i) => i));
  for (let i = 0; i < 40; i++) device.fault(1, 'holding', i, 'garbage');
  const watched = begin(range(0, 40));
  await watched.until('the link is lost', () => watched.ending !== undefined);
  expect(await watched.ended).toMatchObject({ how: 'lost' });
  expect(device.connectionsMade).toBeLessThanOrEqual(12);
  expect(watched.ups).toBe(0);
});

test('a reply that comes too late is not taken for another one', async () => {
  device.set(1, 'holding', 0, 111);
  device.set(1, 'holding', 1000, 222);
  device.set(1, 'holding', 2000, 333);
  device.fault(1, 'holding', 1000, { lateMs: 320 });
  const watched = begin([holding(0), holding(1000), holding(2000)]);
  await batches(watched, 8);
  expect(watched.latest('u1h0')?.value).toBe(111);
  expect(watched.latest('u1h2000')?.value).toBe(333);
  expect(watched.latest('u1h1000')).toMatchObject({ quality: 'bad', reason: 'timeout' });
  device.fault(1, 'holding', 1000, undefined);
  await watched.until('it is good again', () => watched.latest('u1h1000')?.value === 222, 10_000);
  expect(device.connectionsMade).toBe(1);
});

describe('a device that closes its connections', () => {
  const CLOSES = 'the device closes the connection by itself: it is opened again with each poll';

  test('after each reply: the link stays up as long as polls are answered, and it is told once', async () => {
    device.set(1, 'holding', 0, 7);
    device.set(2, 'holding', 0, 8);
    device.closesAfterReply = true;
    const started = startModbusRun(
      { endpoint: device.endpoint, timeout: TIMEOUT, poll: '2s' },
      [holding(0), holding(0, 2)],
      RATE,
    );
    ({ run, adapter } = started);
    await batches(started.run, 10);
    expect([good(started.run, holding(0)), good(started.run, holding(0, 2))]).toEqual([true, true]);
    expect(started.run.ending).toBeUndefined();
    expect(started.logged).toEqual([CLOSES]);
    expect(started.run.wire.facts()).toMatchObject({ timeouts: 0, failures: 0 });
    const openings = device.connectionsMade;
    expect(openings).toBeGreaterThanOrEqual(15);
    await device.kill();
    await started.run.until('it is lost at the next poll', () => started.run.ending !== undefined, 1000);
    expect(await started.run.ended).toMatchObject({ how: 'lost' });
  });

  test('when idle for less than the poll interval: it is opened with each poll, and not in between', async () => {
    device.set(1, 'holding', 0, 7);
    device.closesIdleAfterMs = 40;
    const started = startModbusRun({ endpoint: device.endpoint, timeout: TIMEOUT, poll: '3s' }, [holding(0)], RATE);
    ({ run, adapter } = started);
    await batches(started.run, 8);
    expect(started.run.ending).toBeUndefined();
    expect(started.logged).toEqual([CLOSES]);
    expect(device.connectionsMade, 'one for each poll, and one to see that it is there').toBeLessThanOrEqual(10);
  });

  test('however fast it closes: new connections are so far apart at least', async () => {
    for (const unit of [1, 2, 3, 4, 5, 6]) device.set(unit, 'holding', 0, unit);
    device.closesAfterReply = true;
    const startMs = performance.now();
    const watched = begin([1, 2, 3, 4, 5, 6].map((unit) => holding(0, unit)));
    await watched.until('many polls', () => device.connectionsMade >= 15, 10_000);
    expect(performance.now() - startMs).toBeGreaterThan(14 * REOPEN_SPACING_MS * 0.9);
    expect(watched.ending).toBeUndefined();
  });

  test('at once, whatever is asked: the link is lost, as nobody answers', async () => {
    device.set(1, 'holding', 0, 7);
    const watched = begin([holding(0)]);
    await watched.until('it is good', () => good(watched, holding(0)));
    device.hangsUp = true;
    await watched.until('it is lost', () => watched.ending !== undefined);
    expect(await watched.ended).toMatchObject({ how: 'lost' });
    expect(device.connectionsMade, 'one more that answered nothing').toBeLessThanOrEqual(2);
  });
});

test('an abort does not wait for an answer that is long in coming', async () => {
  device.silent = true;
  const watched = begin([holding(0)], '60s');
  await expect.poll(() => device.requests.length, { timeout: 5000 }).toBe(1);
  expect(await watched.abort(2000)).toEqual({ how: 'resolved' });
  await expect.poll(() => device.connections).toBe(0);
});

test('a person asks between the polls, on the connection that they use, also of units that are not polled', async () => {
  device.set(1, 'holding', 0, 7);
  device.set(9, 'input', 100, 0x1234, 5);
  const { signal } = new AbortController();
  const ask = (unit: number, address = 100) =>
    adapter?.ask({ unit, table: 'input', address, count: 2 }, signal) ?? Promise.reject(new Error('no adapter'));
  const watched = begin([holding(0)]);
  expect(await ask(9), 'before there is a connection').toEqual({ kind: 'lost' });
  await watched.until('the poll is good', () => good(watched, holding(0)));
  expect(await ask(9)).toEqual({ kind: 'data', bytes: Buffer.from('12340005', 'hex') });
  expect(await ask(9, 500)).toEqual({ kind: 'exception', code: 2 });
  const before = watched.batches;
  device.silentUnits.add(9);
  const replies = await Promise.all([ask(9), ask(9), ask(9), ask(9)]);
  expect(replies).toEqual(Array(4).fill({ kind: 'timeout' }));
  expect(watched.batches, 'the polls went on between them').toBeGreaterThan(before);
  expect(device.connectionsMade).toBe(1);
  await watched.abort();
  expect(await ask(9), 'after the end').toEqual({ kind: 'lost' });
});

test('requests of people are bounded, and one that is given up does not go', async () => {
  device.set(1, 'holding', 0, 7);
  const watched = begin([holding(0)]);
  await watched.until('the poll is good', () => good(watched, holding(0)));
  device.silentUnits.add(9);
  const stop = new AbortController();
  const asks = Array.from({ length: MAX_ASKS_WAITING + 1 }, () =>
    adapter?.ask({ unit: 9, table: 'input', address: 0, count: 1 }, stop.signal),
  );
  expect(await asks.at(-1), 'one too many').toEqual({ kind: 'lost' });
  stop.abort();
  expect(await Promise.all(asks.slice(1))).toEqual(Array(MAX_ASKS_WAITING).fill({ kind: 'lost' }));
  expect(await asks[0], 'it had gone already').toEqual({ kind: 'timeout' });
  expect(device.requests.filter(({ unit }) => unit === 9)).toHaveLength(1);
});
