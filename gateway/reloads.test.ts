import { beforeEach, describe, expect, test } from 'vitest';
import type { Site } from '../model/site.ts';
import type { LoadReply } from './load-site-aside.ts';
import { Reloads, type SiteChanges } from './reloads.ts';
import type { SiteProblem } from './site/problem.ts';
import { StorageError } from './storage/storage-error.ts';

const site = { hash: 'new' } as Site;
const changes: SiteChanges = {
  links: { kept: [], restarted: ['a'], added: [], removed: [] },
  assets: { added: ['x'], removed: [], renamed: [] },
};
const text = { zh: '错', en: 'wrong' };
const mistake = (line: number): SiteProblem => ({ file: 'site.yaml', line, column: 1, code: 'E010', text });

const sound: LoadReply = { ok: true, site, warnings: [] };
const same: LoadReply = { ok: true, site: undefined, warnings: [] };
const bad = (...lines: number[]): LoadReply => ({ ok: false, problems: lines.map(mistake), warnings: [] });

/** A gateway of which only the file and the log are decided here. */
class Bench {
  lines: string[] = [];
  refusals = 0;
  taken: Site[] = [];
  loads = 0;
  atOnce = 0;
  mostAtOnce = 0;
  marks = 'm0';
  load: (signal: AbortSignal) => Promise<LoadReply | 'too-slow'> = async () => sound;
  takeOver: () => Promise<SiteChanges> = async () => changes;
  readonly reloads = new Reloads({
    marks: async () => this.marks,
    firstMarks: 'first',
    load: async (signal) => {
      this.loads++;
      this.atOnce++;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
      try {
        return await this.load(signal);
      } finally {
        this.atOnce--;
      }
    },
    takeOver: async (next) => {
      this.taken.push(next);
      return this.takeOver();
    },
    onRefusal: () => {
      this.refusals++;
    },
    now: () => 1000,
    logger: {
      info: (_, message) => this.lines.push(`info ${message}`),
      warn: (_, message) => this.lines.push(`warn ${message}`),
      error: (_, message) => this.lines.push(`error ${message}`),
    },
  });
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
  bench.reloads.begin();
});

test('a sound file is taken over; one that says the same is not', async () => {
  expect(bench.reloads.read).toBe('first');
  expect(await bench.reloads.reload()).toEqual({ outcome: 'taken', changes, warnings: [] });
  expect(bench.reloads.read).toBe('m0');
  bench.load = async () => same;
  expect(await bench.reloads.reload()).toEqual({ outcome: 'unchanged', warnings: [] });
  expect(bench.taken).toEqual([site]);
  expect(bench.reloads.counts).toEqual({ taken: 1, unchanged: 1, refused: 0, failed: 0 });
  expect(bench.lines).toEqual(['info site file taken over']);
});

test('a refusal stands, with its mistakes, until the file is sound; the same mistakes are told once', async () => {
  bench.load = async () => bad(1, 2);
  expect(await bench.reloads.reload()).toEqual({ outcome: 'refused', problems: [mistake(1), mistake(2)] });
  await bench.reloads.reload();
  expect(bench.lines).toEqual(['warn site file refused, the one before stays']);
  expect(bench.reloads.refusal).toEqual({ sinceMs: 1000, problems: [mistake(1), mistake(2)] });
  bench.load = async () => bad(2);
  await bench.reloads.reload();
  expect(bench.lines).toHaveLength(2);
  expect(bench.reloads.refusal?.problems).toEqual([mistake(2)]);
  expect(bench.refusals).toBe(2);
  expect(bench.taken).toEqual([]);
  bench.load = async () => same;
  await bench.reloads.reload();
  expect(bench.reloads.refusal).toBeUndefined();
  expect(bench.refusals).toBe(3);
  expect(bench.lines.at(-1)).toBe('info site file is sound again');
});

describe('what fails for a reason outside of the file', () => {
  test('leaves a refusal as it was, and the file to be read again', async () => {
    bench.load = async () => bad(1);
    await bench.reloads.reload();
    bench.load = async () => sound;
    const full = { zh: '磁盘已满', en: 'disk full' };
    bench.takeOver = async () => {
      throw new StorageError('write-failed', full);
    };
    expect(await bench.reloads.reload()).toEqual({ outcome: 'failed', text: full });
    expect(bench.reloads.refusal).toBeDefined();
    expect(bench.reloads.read).toBe('');
    bench.load = async () => 'too-slow';
    expect(await bench.reloads.reload()).toMatchObject({ outcome: 'failed', text: { en: /too long/ } });
    expect(bench.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test('is told as a bug where it is one', async () => {
    bench.takeOver = async () => {
      throw new TypeError('undefined is not a function');
    };
    expect(await bench.reloads.reload()).toMatchObject({ outcome: 'failed', text: { en: /internal error/ } });
    expect(bench.lines).toEqual([expect.stringMatching(/^error .*bug/)]);
    expect(bench.reloads.read).toBe('');
  });
});

test('whoever asks during a reload shares the one that follows it', async () => {
  const first = Promise.withResolvers<LoadReply>();
  bench.load = () => (bench.loads === 1 ? first.promise : Promise.resolve(bad(bench.loads)));
  const one = bench.reloads.reload();
  const others = [bench.reloads.reload(), bench.reloads.reload(), bench.reloads.reload()];
  first.resolve(sound);
  expect((await one).outcome).toBe('taken');
  for (const other of others) expect(await other).toEqual({ outcome: 'refused', problems: [mistake(2)] });
  expect(bench.loads).toBe(2);
  expect(bench.mostAtOnce).toBe(1);
  await bench.reloads.reload();
  expect(bench.loads).toBe(3);
});

test('nothing is reloaded before all is there, nor after the end, which waits for the reload under way', async () => {
  const early = new Bench();
  expect(await early.reloads.reload()).toMatchObject({ outcome: 'failed', text: { en: /still starting/ } });
  expect(early.loads).toBe(0);

  bench.load = (signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  const reloading = bench.reloads.reload();
  const waiting = bench.reloads.reload();
  // The first one has read the marks and waits for the file.
  await expect.poll(() => bench.loads).toBe(1);
  bench.load = async (signal) => {
    signal.throwIfAborted();
    return sound;
  };
  await bench.reloads.close();
  expect(await reloading).toMatchObject({ outcome: 'failed', text: { en: 'it is ending' } });
  expect(await waiting).toMatchObject({ outcome: 'failed' });
  expect(bench.taken).toEqual([]);
});

test('the end waits for a site that is being taken over', async () => {
  const taking = Promise.withResolvers<SiteChanges>();
  bench.takeOver = () => taking.promise;
  const reloading = bench.reloads.reload();
  await expect.poll(() => bench.taken.length).toBe(1);
  let closed = false;
  const closing = bench.reloads.close().then(() => {
    closed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(closed).toBe(false);
  taking.resolve(changes);
  await closing;
  expect((await reloading).outcome).toBe('taken');
});
