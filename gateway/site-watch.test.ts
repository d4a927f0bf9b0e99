import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { tempFolder } from '../test/support/temp-folder.ts';
import { until } from '../test/support/until.ts';
import { fileMarks, watchSite } from './site-watch.ts';

const WITHIN_MS = 10_000;

let folder: string;
let path: string;
let stop: AbortController;
let watching: Promise<void>;

beforeEach(() => {
  folder = tempFolder();
  path = join(folder, 'site.yaml');
  writeFileSync(path, 'one');
  utimesSync(path, 1, 1);
  mkdirSync(join(folder, 'profiles'));
  writeFileSync(join(folder, 'profiles', 'lift.yaml'), 'a');
  mkdirSync(join(folder, 'maps', 'modbus'), { recursive: true });
  stop = new AbortController();
  watching = Promise.resolve();
});

afterEach(async () => {
  stop.abort();
  await watching;
});

test.each<[string, () => void]>([
  ['is written', () => writeFileSync(path, 'two!')],
  [
    'is replaced by one of the same length and time',
    () => {
      writeFileSync(`${path}.new`, 'two');
      utimesSync(`${path}.new`, 1, 1);
      renameSync(`${path}.new`, path);
    },
  ],
  ['is gone', () => rmSync(path)],
  ['has a profile that is written', () => writeFileSync(join(folder, 'profiles', 'lift.yaml'), 'other')],
  ['has a profile more', () => writeFileSync(join(folder, 'profiles', 'door.yaml'), '')],
  ['has a profile less', () => rmSync(join(folder, 'profiles', 'lift.yaml'))],
  ['has a map more', () => writeFileSync(join(folder, 'maps', 'modbus', 'pump.yaml'), '')],
])('a file is marked differently once it %s', async (_what, change) => {
  const before = await fileMarks(path);
  expect(await fileMarks(path)).toBe(before);
  change();
  expect(await fileMarks(path)).not.toBe(before);
});

test('what lies beside and is no pack makes no difference', async () => {
  const before = await fileMarks(path);
  writeFileSync(join(folder, 'notes.txt'), '');
  writeFileSync(join(folder, 'profiles', '.lift.yaml.swp'), '');
  expect(await fileMarks(path)).toBe(before);
});

interface Watched {
  calls: number;
  read: string;
  /** What the next calls say: done, or to be tried again. */
  done: boolean;
}

async function watch(longestUnrestMs: number, lookEveryMs = 40): Promise<Watched> {
  const watched: Watched = { calls: 0, read: await fileMarks(path), done: true };
  watching = watchSite({
    path,
    read: () => watched.read,
    async onChange() {
      watched.calls++;
      watched.read = watched.done ? await fileMarks(path) : '';
      return watched.done;
    },
    signal: stop.signal,
    pace: { lookEveryMs, longestUnrestMs, retryMs: 300 },
  });
  return watched;
}

/** Writes the file again and again, until it is stopped or the test is over. */
function keepWriting(): { times: number; stop(): void } {
  const writing = { times: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => writeFileSync(path, 'x'.repeat(++writing.times)), 10);
  onTestFinished(writing.stop);
  return writing;
}

test('a change is told once, when the file has come to rest', async () => {
  const watched = await watch(60_000, 150);
  const writing = keepWriting();
  await until('it was written for a while', WITHIN_MS, () => writing.times > 60);
  expect(watched.calls).toBe(0);
  writing.stop();
  await until('it is told', WITHIN_MS, () => watched.calls === 1);
  writeFileSync(path, 'again');
  await until('it is told again', WITHIN_MS, () => watched.calls === 2);
  expect(watched.calls).toBe(2);
});

test('a file that never comes to rest is read all the same', async () => {
  const watched = await watch(200);
  const writing = keepWriting();
  await until('it is told', WITHIN_MS, () => watched.calls > 0);
  writing.stop();
});

test('what could not be done is tried again, not at once but though the file is the same', async () => {
  const watched = await watch(60_000, 10);
  watched.done = false;
  const startMs = performance.now();
  writeFileSync(path, 'other');
  await until('it is told three times', WITHIN_MS, () => watched.calls === 3);
  expect(performance.now() - startMs).toBeGreaterThan(600);
  watched.done = true;
  await until('it is done', WITHIN_MS, async () => watched.read === (await fileMarks(path)));
  expect(watched.calls).toBe(4);
});
