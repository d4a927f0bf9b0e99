import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ATTEMPT_COUNTS_MS, ATTEMPT_SPACING_MS, Attempts, MAX_ATTEMPTS } from './attempts.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new AbortController().signal;
const LONG_PAUSE_MS = 30_000;

/** Names in the order in which their attempts began, and how to end each. */
class Begun {
  readonly attempts = new Attempts();
  readonly names: string[] = [];
  readonly atMs: number[] = [];
  readonly over = new Map<string, () => void>();

  ask(name: string, pauseMs = 0, signal = never): void {
    void this.attempts.begin(pauseMs, signal).then((over) => {
      if (over === undefined) return;
      this.names.push(name);
      this.atMs.push(performance.now());
      this.over.set(name, over);
    });
  }

  end(name: string): void {
    this.over.get(name)?.();
  }
}

const names = (count: number, prefix = 'link') => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('one alone begins at once', async () => {
  const begun = new Begun();
  begun.ask('a');
  await passed(0);
  expect(begun.names).toEqual(['a']);
});

test('never more than so many at once, spaced apart; the others in the order in which they came', async () => {
  const begun = new Begun();
  const wanted = names(MAX_ATTEMPTS + 5);
  for (const name of wanted) begun.ask(name);
  await passed(MAX_ATTEMPTS * ATTEMPT_SPACING_MS * 3);
  expect(begun.names).toEqual(wanted.slice(0, MAX_ATTEMPTS));
  expect(begun.attempts.counts).toEqual({ underWay: MAX_ATTEMPTS, waiting: 5 });
  const gaps = begun.atMs.slice(1).map((ms, i) => ms - (begun.atMs[i] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(ATTEMPT_SPACING_MS);
  begun.end('link-3');
  begun.end('link-3');
  await passed(ATTEMPT_SPACING_MS);
  expect(begun.names.slice(MAX_ATTEMPTS), 'one place is free, though it was told twice').toEqual([
    `link-${MAX_ATTEMPTS}`,
  ]);
});

test('who was well a moment ago goes before those which fail for long', async () => {
  const begun = new Begun();
  for (const name of names(MAX_ATTEMPTS, 'busy')) begun.ask(name);
  await passed(1000);
  for (const name of names(200, 'dead')) begun.ask(name, LONG_PAUSE_MS);
  await passed(1000);
  begun.ask('fresh', 250);
  begun.end('busy-0');
  await passed(ATTEMPT_SPACING_MS);
  expect(begun.names.at(-1)).toBe('fresh');
});

test('nobody waits for ever: it is overtaken only by those who come within its pause', async () => {
  const begun = new Begun();
  for (const name of names(MAX_ATTEMPTS, 'busy')) begun.ask(name);
  await passed(1500);
  begun.ask('dead', 5000);
  await passed(500);
  // One place becomes free in each second, and in each somebody comes who wants it.
  for (let second = 2; second <= 8; second++) {
    begun.ask(`fresh-${second}`);
    begun.end(`busy-${second}`);
    await passed(1000);
  }
  expect(begun.names.slice(MAX_ATTEMPTS).slice(0, 6)).toEqual([
    'fresh-2',
    'fresh-3',
    'fresh-4',
    'fresh-5',
    'fresh-6',
    'dead',
  ]);
});

test('an attempt that is never told to be over is counted for a while only', async () => {
  const begun = new Begun();
  for (const name of names(2 * MAX_ATTEMPTS)) begun.ask(name);
  await passed(ATTEMPT_COUNTS_MS - 1);
  expect(begun.names).toHaveLength(MAX_ATTEMPTS);
  await passed(1 + MAX_ATTEMPTS * 2 * ATTEMPT_SPACING_MS);
  expect(begun.names).toHaveLength(2 * MAX_ATTEMPTS);
});

test('who is no longer wanted leaves the queue, and takes no place', async () => {
  const begun = new Begun();
  for (const name of names(MAX_ATTEMPTS, 'busy')) begun.ask(name);
  const stop = new AbortController();
  begun.ask('stopped', 0, stop.signal);
  begun.ask('stopped before', 0, AbortSignal.abort());
  begun.ask('next');
  await passed(1000);
  stop.abort();
  begun.end('busy-1');
  await passed(ATTEMPT_SPACING_MS);
  expect(begun.names.slice(MAX_ATTEMPTS)).toEqual(['next']);
  expect(begun.attempts.counts).toEqual({ underWay: MAX_ATTEMPTS, waiting: 0 });
});
