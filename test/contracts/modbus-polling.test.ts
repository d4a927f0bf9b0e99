import { afterEach, beforeEach, expect, test } from 'vitest';
import { TABLE_MEMORY_MS } from '../../adapters/modbus/polling/memory.ts';
import type { ModbusSettings } from '../../adapters/modbus/schema.ts';
import type { AdapterRun } from '../support/adapter-run.ts';
import { ModbusDevice } from '../support/modbus-device.ts';
import { holding, holdings, type ModbusRun, startModbusRun, type WantedPoint } from '../support/modbus-run.ts';

let device: ModbusDevice;
let started: ModbusRun[] = [];

beforeEach(async () => {
  device = await ModbusDevice.start();
});

afterEach(async () => {
  for (const { run } of started) {
    await run.abort();
    expect(run.violations).toEqual([]);
  }
  started = [];
  await device.kill();
});

function begin(wanted: readonly WantedPoint[], settings: Omit<ModbusSettings, 'endpoint'>, rate = 10): ModbusRun {
  const one = startModbusRun({ endpoint: device.endpoint, ...settings }, wanted, rate);
  started.push(one);
  return one;
}

const good = (run: AdapterRun, { name }: WantedPoint) => run.latest(name)?.quality === 'good';
/** Requests for a unit, or for one place of it, with when the device saw them. */
const asked = (unit: number, address?: number) =>
  device.requests
    .filter((request) => request.unit === unit && (address ?? request.address) === request.address)
    .map((request) => ({ ...request, atMs: device.seenAtMs(request) }));

/** Ms between requests for a place, as the device saw them. */
function gapsMs(unit: number, address?: number): number[] {
  const seen = asked(unit, address).map(({ atMs }) => atMs);
  return seen.slice(1).map((atMs, i) => atMs - (seen[i] ?? 0));
}

test('one dead unit among twenty: the others keep their interval within 5 %', async () => {
  const POLL_MS = 600;
  const POLLS = 6;
  const units = Array.from({ length: 20 }, (_, i) => i + 1);
  for (const unit of units) device.set(unit, 'holding', 0, unit);
  device.silentUnits.add(7);
  const living = units.filter((unit) => unit !== 7);
  const { run, logged } = begin(
    units.map((unit) => holding(0, unit)),
    { timeout: '1s', poll: '6s' },
  );
  // Processors are shared: what counts is whether the dead unit costs the others anything in polls that nothing else
  // disturbed. If it did, it would in each in which it is tried.
  const undisturbed = () => {
    const [first = Number.NaN] = asked(1)
      .slice(-POLLS - 1)
      .map(({ atMs }) => atMs);
    const tried = asked(7).filter(({ atMs }) => atMs > first).length;
    const deviations = living.flatMap((unit) =>
      gapsMs(unit)
        .slice(-POLLS)
        .map((ms) => Math.abs(ms / POLL_MS - 1)),
    );
    return tried >= 1 && deviations.length === POLLS * living.length && Math.max(...deviations) <= 0.05;
  };
  await run.until(`${POLLS} polls, with a try of the dead unit, in step`, undisturbed, 30_000);
  expect(run.latest('u7h0')).toMatchObject({ quality: 'bad', reason: 'timeout' });
  expect(living.every((unit) => good(run, holding(0, unit)))).toBe(true);
  const ofUnits = () => logged.filter((line) => line.startsWith('unit'));
  expect(ofUnits()).toEqual(['unit does not answer: 7']);
  expect(run.wire.facts().revision?.en).toBe('no answer from unit 7');
  expect(device.connectionsMade).toBe(1);
  device.silentUnits.delete(7);
  await run.until('it is found again', () => good(run, holding(0, 7)), 10_000);
  expect(ofUnits()).toEqual(['unit does not answer: 7', 'unit answers again: 7']);
  expect(run.wire.facts().revision).toBeNull();
});

test('a unit that is silent on one link is asked on another as if nothing were known of it', async () => {
  const other = await ModbusDevice.start();
  other.set(1, 'holding', 0, 5);
  device.set(2, 'holding', 0, 6);
  device.silentUnits.add(1);
  const dead = begin([holding(0, 1), holding(0, 2)], { timeout: '100ms', poll: '500ms' });
  await dead.run.until('the unit is silent', () => dead.run.latest('u1h0')?.quality === 'bad');
  const alive = startModbusRun({ endpoint: other.endpoint, timeout: '100ms', poll: '500ms' }, [holding(0, 1)], 10);
  started.push(alive);
  await alive.run.until('three polls', () => alive.run.batches >= 3);
  expect(alive.run.latest('u1h0')).toMatchObject({ quality: 'good', value: 5 });
  expect(alive.logged).toEqual([]);
  await alive.run.abort();
  await other.kill();
});

test('a unit that answers only now and then costs one bad sample, not its connection nor another unit', async () => {
  for (const unit of [1, 2]) device.set(unit, 'holding', 0, unit);
  const { run } = begin([holding(0, 1), holding(0, 2)], { timeout: '100ms', poll: '3s' });
  await run.until('both are good', () => good(run, holding(0, 1)) && good(run, holding(0, 2)));
  device.silentUnits.add(1);
  await run.until('it is bad', () => !good(run, holding(0, 1)));
  device.silentUnits.delete(1);
  const before = run.batches;
  await run.until('it is good again', () => good(run, holding(0, 1)));
  expect(run.batches - before, 'before the next poll').toBeLessThanOrEqual(1);
  expect(good(run, holding(0, 2))).toBe(true);
  expect(device.connectionsMade).toBe(1);
});

test('each point is read at its own interval, and what is slow is read at once all the same', async () => {
  device.set(1, 'holding', 0, 1, 2);
  device.set(1, 'holding', 1000, 3);
  const slow = holding(1000, 1, { poll: '1h' });
  const fast = holding(0, 1, { poll: '500ms' });
  const usual = holding(1, 1);
  const { run } = begin([slow, fast, usual], { poll: '2s' });
  await run.until('all are good', () => [slow, fast, usual].every((one) => good(run, one)));
  expect(asked(1, 1000)).toHaveLength(1);
  await run.until('it polls', () => asked(1, 1).length >= 2);
  device.requests = [];
  await run.until('six of the usual', () => asked(1, 1).length >= 6, 10_000);
  expect(asked(1, 1000)).toHaveLength(0);
  const ratio = asked(1, 0).length / asked(1, 1).length;
  expect(ratio).toBeGreaterThan(3);
  expect(ratio).toBeLessThan(5.5);
});

test('an interval that cannot be kept: polls are left out and counted, others keep theirs', async () => {
  for (const unit of [1, 2]) device.set(unit, 'holding', 0, unit);
  device.slowUnits.set(1, 130);
  const { run, logged } = begin([holding(0, 1), holding(0, 2)], { timeout: '2s', poll: '1s', parallel: 2 });
  await run.until('overruns', () => run.wire.facts().overruns >= 5, 10_000);
  expect(good(run, holding(0, 1))).toBe(true);
  const share = asked(1).length / asked(2).length;
  expect(share).toBeGreaterThan(0.35);
  expect(share).toBeLessThan(0.75);
  expect(run.wire.facts().revision?.en).toContain('polls are left out');
  device.slowUnits.clear();
  await run.until('all is well again', () => run.wire.facts().revision === null, 10_000);
  expect(logged).toEqual([
    'reading takes longer than its interval: polls are left out',
    'polls keep their interval again',
  ]);
});

test('a unit in parallel has one request under way, and a slow one does not hold up the others', async () => {
  for (const unit of [1, 2, 3]) device.set(unit, 'holding', 0, unit);
  for (const unit of [1, 2, 3]) device.set(unit, 'holding', 1000, unit);
  device.slowUnits.set(1, 60);
  const wanted = [1, 2, 3].flatMap((unit) => [holding(0, unit), holding(1000, unit)]);
  const { run } = begin(wanted, { timeout: '2s', poll: '2s', parallel: 3 });
  await run.until('all are good', () => wanted.every((one) => good(run, one)));
  device.requests = [];
  await run.until('three polls', () => asked(1).length >= 6 && asked(3).length >= 6, 10_000);
  const [first, second] = asked(1);
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(50);
  const [, other] = asked(3);
  expect((other?.atMs ?? 0) - (first?.atMs ?? 0), 'both requests of unit 3 go while unit 1 thinks').toBeLessThan(50);
});

test('a function that a unit does not have is asked for once, and told once', async () => {
  device.set(1, 'holding', 0, 4);
  device.set(1, 'input', 0, 5);
  device.missingTables.add('1 input');
  const inputs = [0, 1000].map((address): WantedPoint => ({ name: `i${address}`, map: { table: 'input', address } }));
  const { run, logged } = begin([holding(0), ...inputs], { poll: '500ms' });
  await run.until('ten polls', () => asked(1, 0).filter(({ table }) => table === 'holding').length >= 10);
  expect(asked(1).filter(({ table }) => table === 'input')).toHaveLength(1);
  for (const { name } of inputs) {
    expect(run.latest(name)).toMatchObject({ reason: 'modbus-exception', detail: 'exception 1' });
  }
  expect(logged).toEqual(['unit has no function to read this table: 1']);
  device.missingTables.clear();
  await run.until('it is tried again', () => run.latest('i0')?.value === 5, TABLE_MEMORY_MS / 10 + 5000);
});

test('a busy device is asked again within the poll; one that stays busy has no value, for that reason', async () => {
  device.set(1, 'holding', 0, 4);
  const { run } = begin([holding(0)], { poll: '10s' });
  await run.until('it is good', () => good(run, holding(0)));
  device.nextExceptions.set(1, [6, 6]);
  const before = asked(1).length;
  const batches = run.batches;
  await run.until('another poll', () => run.batches > batches);
  expect(asked(1).length - before).toBe(3);
  expect(run.latest('u1h0')).toMatchObject({ quality: 'good', value: 4 });
  expect(run.wire.facts().failures).toBe(0);
  device.unitExceptions.set(1, 6);
  await run.until('it is bad', () => !good(run, holding(0)));
  expect(run.latest('u1h0')).toMatchObject({ reason: 'device-busy', detail: 'exception 6' });
});

test('a long job is no failure: the value before stands, until it has been one for too long', async () => {
  device.set(1, 'holding', 0, 4);
  device.set(1, 'holding', 1000, 9);
  const { run } = begin([holding(0), holding(1000)], { poll: '1s' });
  await run.until('both are good', () => good(run, holding(0)) && good(run, holding(1000)));
  device.fault(1, 'holding', 0, { exception: 5 });
  const since = asked(1, 0).length;
  await run.until('three polls', () => asked(1, 0).length >= since + 3);
  expect(good(run, holding(0))).toBe(true);
  await run.until('it is bad', () => !good(run, holding(0)));
  expect(run.latest('u1h0')).toMatchObject({ reason: 'device-busy', detail: 'exception 5' });
  expect(run.wire.facts().failures).toBe(0);
  device.fault(1, 'holding', 0, undefined);
  await run.until('it is good again', () => good(run, holding(0)));
});

test.each([4, 8])('exception %i of a block: bad as it says, and the place is looked for, slowly', async (exception) => {
  device.set(1, 'holding', 0, ...Array.from({ length: 8 }, (_, i) => i));
  device.fault(1, 'holding', 3, { exception });
  const wanted = holdings(0, 8);
  const { run } = begin(wanted, { poll: '500ms' });
  await run.until('all are bad', () => wanted.every((one) => run.latest(one.name)?.quality === 'bad'));
  expect(run.latest('u1h0')).toMatchObject({ reason: 'modbus-exception', detail: `exception ${exception}` });
  expect(asked(1).length, 'not searched for at once').toBeLessThanOrEqual(2);
  const others = wanted.filter(({ name }) => name !== 'u1h3');
  await run.until('the others are good', () => others.every((one) => good(run, one)), 10_000);
  expect(good(run, holding(3))).toBe(false);
});

test('a unit gives as much at once as its asset says, another as the link says', async () => {
  for (const unit of [1, 2]) device.set(unit, 'holding', 0, ...Array.from({ length: 40 }, (_, i) => i));
  const few = holdings(0, 40, 1).map((point) => ({ ...point, asset: { maxRegisters: 8 } }));
  const { run } = begin([...few, ...holdings(0, 40, 2)], { poll: '500ms', maxRegisters: 30 });
  await run.until('all are good', () => [...few, ...holdings(0, 40, 2)].every((one) => good(run, one)));
  expect(Math.max(...asked(1).map(({ count }) => count))).toBe(8);
  expect(Math.max(...asked(2).map(({ count }) => count))).toBe(30);
});

test('every request is told to the wire: answers, refusals, time-outs', async () => {
  device.set(1, 'holding', 0, 4);
  device.silentUnits.add(2);
  const { run } = begin([holding(0), holding(500), holding(0, 2)], { timeout: '50ms', poll: '1s' });
  await run.until('some polls', () => run.batches >= 8 && asked(2).length >= 2);
  await run.abort();
  const { requests, timeouts, failures, roundTripMs } = run.wire.facts();
  expect(timeouts).toBeGreaterThanOrEqual(asked(2).length - 1);
  expect(requests).toBeGreaterThanOrEqual(device.requests.length - 1);
  expect(requests).toBeLessThanOrEqual(device.requests.length);
  expect(failures).toBe(asked(1, 500).length);
  expect(roundTripMs?.median).toBeGreaterThan(0);
});

test('while a batch waits for the disk nothing is asked; then the grid goes on, and what was left out is counted', async () => {
  device.set(1, 'holding', 0, 4);
  device.set(2, 'holding', 0, 5);
  const { run } = begin([holding(0)], { poll: '500ms' });
  const other = begin([holding(0, 2)], { poll: '500ms' });
  await run.until('it polls', () => run.batches >= 3);
  run.closeGate();
  await run.until('a batch waits', () => run.emitsInFlight === 1);
  const before = asked(1).length;
  const meanwhile = other.run.batches + 8;
  await other.run.until('eight polls of another link', () => other.run.batches >= meanwhile);
  expect(asked(1).length).toBe(before);
  expect(run.wire.facts().overruns).toBe(0);
  run.openGate();
  await run.until('it goes on', () => asked(1).length >= before + 3);
  expect(run.wire.facts().overruns).toBe(1);
});
