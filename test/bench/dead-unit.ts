import type { ModbusAddress } from '../../adapters/modbus/address.ts';
import { type ModbusAdapter, modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { LinkPoint } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import type { Figure } from '../support/measurement.ts';
import { ModbusDevice } from '../support/modbus-device.ts';

const FEW = { units: 20, dead: [7] };
const MANY = { units: 247, dead: Array.from({ length: 200 }, (_, i) => i + 1) };
const POLL_MS = 1000;
const TIMEOUT = '1s';
/** Real ms of the measurement of intervals, the first look included. */
const MEASURED_MS = 60_000;
/** Bound on hearing everybody, real ms. */
const HEARD_WITHIN_MS = 30_000;
/** What the issue promises. */
const WITHIN = 0.05;

/**
 * Units on one line with one request at a time, polled each second with a time-out as long, of which some never answer.
 * First one of twenty for a minute: how far each interval of each living unit is from a second. All intervals are counted
 * for being longer; the first of each is by its nature shorter, as it begins with the first look and ends with a poll on
 * the link's grid. Then 200 of 247: after how long each living one has been heard, on a first connection and on a second
 * one. The reference is the same line while all answer: what the machine itself costs.
 */
export async function measureDeadUnit(signal: AbortSignal): Promise<readonly Figure[]> {
  const alive = await deviations([], signal);
  const dead = await deviations(FEW.dead, signal);
  const aliveHeard = await heardAfterMs([], signal);
  const deadHeard = await heardAfterMs(MANY.dead, signal);
  const few = 'modbus, 19 living units beside a dead one';
  const many = 'modbus, 47 living units beside 200 dead ones, all heard';
  return [
    {
      name: `${few}, intervals no more than 5 % longer`,
      value: share(dead.longer),
      unit: 'of all',
      reference: share(alive.longer),
    },
    {
      name: `${few}, longest`,
      value: percent(worst(dead.longer)),
      unit: '% longer',
      reference: percent(worst(alive.longer)),
    },
    {
      name: `${few}, after the first interval`,
      value: percent(worst(dead.later)),
      unit: '% off, worst',
      reference: percent(worst(alive.later)),
    },
    { name: 'modbus, tries of the dead unit', value: dead.tries, unit: `in ${MEASURED_MS / 1000} s` },
    { name: many, value: deadHeard.firstMs, unit: 'ms', reference: aliveHeard.firstMs },
    { name: `${many} after a reconnect`, value: deadHeard.againMs, unit: 'ms', reference: aliveHeard.againMs },
  ];
}

async function deviations(dead: readonly number[], signal: AbortSignal) {
  const line = await startLine(FEW.units, dead);
  try {
    const heard = await line.run(MEASURED_MS, () => false, signal);
    const gaps = heard.map((at) => at.slice(1).map((ms, i) => (ms - (at[i] ?? 0)) / POLL_MS - 1));
    return { longer: gaps.flat(), later: gaps.flatMap((own) => own.slice(1)).map(Math.abs), tries: line.tries() };
  } finally {
    await line.close();
  }
}

/** How long it takes until each living unit has been heard, on a first connection and on a second. */
async function heardAfterMs(dead: readonly number[], signal: AbortSignal) {
  const line = await startLine(MANY.units, dead);
  const once = async () => {
    const startMs = Date.now();
    const heard = await line.run(HEARD_WITHIN_MS, (all) => all.every(({ length }) => length > 0), signal);
    return Math.max(...heard.map(([first = Number.POSITIVE_INFINITY]) => first)) - startMs;
  };
  try {
    return { firstMs: await once(), againMs: await once() };
  } finally {
    await line.close();
  }
}

/** Units on a device of our own, and a link that can be run again and again. */
async function startLine(count: number, dead: readonly number[]) {
  const device = await ModbusDevice.start();
  const units = Array.from({ length: count }, (_, index) => index + 1);
  for (const unit of units) device.set(unit, 'holding', 0, unit);
  for (const unit of dead) device.silentUnits.add(unit);
  let tries = 0;
  const adapter = modbusProtocol.create({
    key: 'line',
    settings: { endpoint: device.endpoint, poll: `${POLL_MS}ms`, timeout: TIMEOUT },
    points: units.map(pointOf),
    clock: systemClock(),
    log: { info: () => undefined, warn: () => undefined },
    wire: { ...untoldWire, timedOut: () => tries++ },
  });
  const living = units.filter((unit) => !device.silentUnits.has(unit));
  return {
    run: (forMs: number, isDone: (heard: readonly number[][]) => boolean, signal: AbortSignal) =>
      runFor(adapter, living, { forMs, isDone, signal }),
    tries: () => tries,
    close: () => device.kill(),
  };
}

interface RunBounds {
  readonly forMs: number;
  readonly isDone: (heard: readonly number[][]) => boolean;
  readonly signal: AbortSignal;
}

/** When each living unit was read in one run of the link: epoch ms, by unit. */
async function runFor(adapter: ModbusAdapter, living: readonly number[], { forMs, isDone, signal }: RunBounds) {
  const heard = new Map<number, number[]>(living.map((unit) => [unit, []]));
  const stop = new AbortController();
  const taken = Promise.resolve({ kept: true });
  const done = Promise.withResolvers<void>();
  const run = adapter.run(
    (batch) => {
      for (let row = 0; row < batch.length; row++) {
        if (batch.quality[row] === 0) heard.get(batch.point[row] ?? 0)?.push(batch.receivedMs[row] ?? Number.NaN);
      }
      if (isDone([...heard.values()])) done.resolve();
      return { taken, kept: taken };
    },
    AbortSignal.any([stop.signal, signal]),
    () => undefined,
  );
  const timer = setTimeout(done.resolve, forMs);
  try {
    await Promise.race([done.promise, run]);
  } finally {
    clearTimeout(timer);
    stop.abort();
    await run;
  }
  return [...heard.values()];
}

function pointOf(unit: number): LinkPoint<ModbusAddress> {
  const context = { asset: 'a', point: `u${unit}`, kind: 'double', index: 0 } as const;
  const resolved = modbusProtocol.resolve({ table: 'holding', address: 0 }, { unit }, context);
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return { number: unit, key: `a/u${unit}`, kind: 'double', address: resolved.value };
}

function share(deviations: readonly number[]): number {
  return Math.round((deviations.filter((off) => off <= WITHIN).length / deviations.length) * 10_000) / 10_000;
}

function worst(deviations: readonly number[]): number {
  return Math.max(...deviations);
}

function percent(ratio: number): number {
  return Math.round(ratio * 1000) / 10;
}
