import type { ModbusAddress } from '../../adapters/modbus/address.ts';
import { modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { LinkPoint } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import type { Figure } from '../support/measurement.ts';
import { ModbusDevice } from '../support/modbus-device.ts';

const UNITS = 20;
const DEAD_UNIT = 7;
const POLL_MS = 1000;
const TIMEOUT = '1s';
/** Real ms of the whole measurement, the first poll included. */
const MEASURED_MS = 60_000;
/** What the issue promises. */
const WITHIN = 0.05;

/**
 * Twenty units on one line with one request at a time, polled each second with a time-out as long, of which one never
 * answers: how far each interval of each living unit is from a second, every poll from the first on counted. The
 * reference is the same line while all twenty answer: what the machine itself costs.
 */
export async function measureDeadUnit(signal: AbortSignal): Promise<readonly Figure[]> {
  const alive = await deviations(undefined, signal);
  const dead = await deviations(DEAD_UNIT, signal);
  const name = 'modbus, 19 living units beside a dead one';
  return [
    { name, value: share(dead.all), unit: 'of intervals within 5 %', reference: share(alive.all) },
    { name, value: percent(worst(dead.all)), unit: '% off, worst', reference: percent(worst(alive.all)) },
    {
      name: `${name}, after the first three polls`,
      value: percent(worst(dead.later)),
      unit: '% off, worst',
      reference: percent(worst(alive.later)),
    },
    { name: 'modbus, tries of the dead unit', value: dead.tries, unit: `in ${MEASURED_MS / 1000} s` },
  ];
}

async function deviations(deadUnit: number | undefined, signal: AbortSignal) {
  const device = await ModbusDevice.start();
  const units = Array.from({ length: UNITS }, (_, index) => index + 1);
  for (const unit of units) device.set(unit, 'holding', 0, unit);
  if (deadUnit !== undefined) device.silentUnits.add(deadUnit);
  const stop = new AbortController();
  const receivedMs = new Map<number, number[]>(units.map((unit) => [unit, []]));
  let tries = 0;
  const taken = Promise.resolve({ kept: true });
  const run = modbusProtocol
    .create({
      key: 'line',
      settings: { endpoint: device.endpoint, poll: `${POLL_MS}ms`, timeout: TIMEOUT },
      points: units.map(pointOf),
      clock: systemClock(),
      log: { info: () => undefined, warn: () => undefined },
      wire: { ...untoldWire, timedOut: () => tries++ },
    })
    .run(
      (batch) => {
        for (let row = 0; row < batch.length; row++) {
          const unit = batch.point[row] ?? 0;
          if (unit !== deadUnit) receivedMs.get(unit)?.push(batch.receivedMs[row] ?? Number.NaN);
        }
        return { taken, kept: taken };
      },
      AbortSignal.any([stop.signal, signal]),
      () => undefined,
    );
  try {
    await Promise.race([new Promise((resolve) => setTimeout(resolve, MEASURED_MS)), run]);
  } finally {
    stop.abort();
    await run;
    await device.kill();
  }
  const gaps = [...receivedMs.values()].map((at) =>
    at.slice(1).map((ms, i) => Math.abs(ms - (at[i] ?? 0)) / POLL_MS - 1),
  );
  return {
    all: gaps.flat().map(Math.abs),
    later: gaps.flatMap((own) => own.slice(3)).map(Math.abs),
    tries,
  };
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
