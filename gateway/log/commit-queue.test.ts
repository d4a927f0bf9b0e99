import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LogRecord } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { StorageError } from '../storage/storage-error.ts';
import { CommitQueue, STALL_MS } from './commit-queue.ts';
import type { StoredRecord } from './log-messages.ts';

const full = new StorageError('write-failed', { zh: '磁盘已满', en: 'disk full' });

/** A queue whose commits are ended by hand. */
function heldQueue() {
  const commits: number[][] = [];
  const shown: number[] = [];
  const queue = new CommitQueue({
    last: { logSeq: 0, logMs: 0 },
    nextOrdinal: 0,
    now: () => 1,
    log: { info: () => undefined, warn: () => undefined },
    commit: (records: readonly StoredRecord[]) => commits.push(records.map(({ seq }) => seq)),
    onShown: ({ logSeq }: LogRecord) => shown.push(logSeq),
    onVisible: () => undefined,
    onLost: () => undefined,
  });
  return { queue, commits, shown };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('at the end the disk is tried once more at once, however far the next try is', async () => {
  const { queue, commits } = heldQueue();
  const { kept } = queue.hand({ kind: 'tick' });
  for (const delayMs of [250, 500, 1000, 2000]) {
    queue.failed(full);
    vi.advanceTimersByTime(delayMs);
  }
  queue.failed(full);
  const tries = commits.length;
  const drained = queue.drain(3000);
  expect(commits).toHaveLength(tries + 1);
  queue.committed();
  expect(await kept).toEqual({ logSeq: 1, logMs: 1 });
  await drained;
});

test('after a stall the disk comes first again, also where entries never cease to come', async () => {
  const { queue, commits, shown } = heldQueue();
  const first = queue.hand({ kind: 'tick' });
  // And the moment in which the writer's answer would be heard.
  vi.advanceTimersByTime(STALL_MS + 1);
  expect(await first.taken).toMatchObject({ kept: false });
  const second = queue.hand({ kind: 'tick' });
  expect([shown, queue.shownSeq]).toEqual([[1, 2], 2]);
  queue.committed();
  const third = queue.hand({ kind: 'tick' });
  expect([shown, queue.shownSeq, queue.last.logSeq]).toEqual([[1, 2], 2, 1]);
  expect(queue.firstVolatile(1)).toMatchObject({ logSeq: 2 });
  queue.committed();
  expect(await second.kept).toMatchObject({ logSeq: 2 });
  expect(queue.firstVolatile(2)).toBeUndefined();
  const fourth = queue.hand({ kind: 'tick' });
  queue.committed();
  expect(await third.taken).toMatchObject({ logSeq: 3, kept: true });
  // A stall right after shows what waits, each record once.
  // And the moment in which the writer's answer would be heard.
  vi.advanceTimersByTime(STALL_MS + 1);
  expect(await fourth.taken).toMatchObject({ logSeq: 4, kept: false });
  expect(shown).toEqual([1, 2, 3, 4]);
  expect(commits).toEqual([[1], [2], [3], [4]]);
  queue.end(full);
});

test('what is kept for a failing disk is bounded by what it takes in memory, also where each batch is one sample', () => {
  const { queue } = heldQueue();
  queue.hand({ kind: 'tick' });
  queue.failed(full);
  const builder = new BatchBuilder();
  let batches = 0;
  while (queue.facts.lostSamples === 0) {
    builder.good(1, 1, 1, batches++);
    queue.hand({ kind: 'samples', link: 'l', batch: builder.take() });
  }
  // A batch of one sample takes 4 KiB or so, of 64 MiB.
  expect(batches).toBeLessThan(20_000);
  expect(batches).toBeGreaterThan(10_000);
  queue.end(full);
});

test('a log that may not grow shows what comes, and writes it once it may', async () => {
  const { queue, commits, shown } = heldQueue();
  const first = queue.hand({ kind: 'tick' });
  const second = queue.hand({ kind: 'tick' });
  queue.hold('disk');
  expect([shown, queue.facts.failing?.reason.zh]).toEqual([[1, 2], expect.stringContaining('归档')]);
  // The commit that was under way ends well, which says nothing of the next one.
  queue.committed();
  expect(await first.kept).toMatchObject({ logSeq: 1 });
  const third = queue.hand({ kind: 'tick' });
  expect(await third.taken).toMatchObject({ logSeq: 3, kept: false });
  vi.advanceTimersByTime(60_000);
  expect([commits, queue.last.logSeq]).toEqual([[[1]], 1]);
  expect(queue.facts.failing).not.toBeNull();
  queue.hold(null);
  queue.committed();
  expect(await second.kept).toMatchObject({ logSeq: 2 });
  expect(await third.kept).toMatchObject({ logSeq: 3 });
  expect([commits, shown, queue.facts.failing]).toEqual([[[1], [2, 3]], [1, 2, 3], null]);
  queue.end(full);
});
