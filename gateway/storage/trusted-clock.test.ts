import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Clock, steadyClock } from '../../model/clock.ts';
import { keptFromMs } from '../../model/leaps.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openTrustedClock, TIME_TRUST_FILE } from './trusted-clock.ts';

const DAY_MS = 24 * 3_600_000;
const START_MS = Date.parse('2026-06-15T20:30:00+08:00');
const KEPT_MS = 400 * DAY_MS;

/** A machine whose clock shows what it is told. */
class Machine implements Clock {
  ms = START_MS;
  readonly rate = 1;
  readonly simulated = false;
  readonly dir = tempFolder();
  readonly told: string[] = [];
  now = () => this.ms;
  delay = () => Promise.resolve();

  get path(): string {
    return join(this.dir, TIME_TRUST_FILE);
  }

  /** A start of the program, with a log whose newest record is of `newestMs`. */
  async start(newestMs: number) {
    const logger = { info: () => undefined, warn: (_: object, message: string) => void this.told.push(message) };
    const clock = await openTrustedClock({ clock: steadyClock(this, newestMs), path: this.path, newestMs, logger });
    return { clock, end: clock.keep(), keptFrom: () => keptFromMs(clock.leaps(), clock.now(), KEPT_MS) };
  }
}

test('a leap at work is known before anything is stamped with it, is told once, and is known after a restart', async () => {
  const machine = new Machine();
  const first = await machine.start(START_MS);
  machine.ms += 20_000;
  const keptFrom = first.keptFrom();
  expect(keptFrom).toBe(START_MS + 20_000 - KEPT_MS);
  machine.ms += 9 * 365 * DAY_MS;
  expect(first.clock.now()).toBe(machine.ms);
  expect(first.keptFrom() - keptFrom).toBeLessThan(60_000);
  expect(machine.told).toEqual([expect.stringContaining('leapt ahead')]);
  await first.end();

  machine.ms += 5000;
  const second = await machine.start(machine.ms - 5000);
  expect(second.keptFrom() - keptFrom).toBeLessThan(60_000);
  expect(second.clock.leaps()).toHaveLength(1);
  expect(machine.told).toHaveLength(1);
  await second.end();
});

test('a leap while the program is off is known at the start; a few days of absence are believed', async () => {
  const machine = new Machine();
  await (await machine.start(START_MS)).end();
  machine.ms += 3 * DAY_MS;
  const second = await machine.start(START_MS);
  expect(second.clock.leaps()).toEqual([]);
  expect(second.keptFrom()).toBe(machine.ms - KEPT_MS);
  await second.end();
  machine.ms += 9 * 365 * DAY_MS;
  const third = await machine.start(START_MS + 3 * DAY_MS);
  expect(third.clock.leaps()).toEqual([{ fromMs: expect.closeTo(START_MS + 3 * DAY_MS, -3), toMs: machine.ms }]);
  await third.end();
});

test('a process that dies before it has kept a leap finds it again', async () => {
  const machine = new Machine();
  await (await machine.start(START_MS)).end();
  const kept = readFileSync(machine.path);
  machine.ms += 9 * 365 * DAY_MS;
  await (await machine.start(START_MS)).end();
  writeFileSync(machine.path, kept);
  const again = await machine.start(machine.ms);
  expect(again.clock.leaps()).toHaveLength(1);
  await again.end();
});

test('without its file, or with one that cannot be read, the newest record is believed; with no log, the clock', async () => {
  const machine = new Machine();
  const none = await machine.start(START_MS - 2 * 365 * DAY_MS);
  expect(none.clock.leaps()).toHaveLength(1);
  await none.end();
  for (const text of ['{"seenMs":', '{"seenMs":1}', '{"seenMs":1,"slackMs":1,"leaps":[{"fromMs":"x"}]}']) {
    writeFileSync(machine.path, text);
    const told = machine.told.length;
    const bent = await machine.start(0);
    expect(bent.clock.leaps()).toEqual([]);
    expect(machine.told.slice(told)).toEqual([expect.stringContaining('cannot be read')]);
    await bent.end();
  }
});

test('a disk that does not take the file ends nothing, and is told once', async () => {
  const machine = new Machine();
  rmSync(machine.path, { force: true });
  mkdirSync(`${machine.path}.next`);
  const { clock, end } = await machine.start(START_MS);
  machine.ms += 9 * 365 * DAY_MS;
  expect(clock.leaps()).toHaveLength(1);
  await end();
  expect(machine.told.filter((told) => told.includes('cannot be saved'))).toHaveLength(1);
});
