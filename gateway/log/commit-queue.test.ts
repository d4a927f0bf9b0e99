import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LogRecord } from '../../model/log.ts';
import { type Batch, BatchBuilder } from '../../model/sample.ts';
import { StorageError } from '../storage/storage-error.ts';
import { CommitQueue, STALL_MS } from './commit-queue.ts';
import type { StoredRecord } from './log-messages.ts';

const full = new StorageError('write-failed', { zh: '磁盘已满', en: 'disk full' });

/** A queue whose commits are ended by hand. */
function heldQueue() {
  const commits: number[][] = [];
  const shown: number[] = [];
  const stored: StoredRecord[] = [];
  const queue = new CommitQueue({
    last: { logSeq: 0, logMs: 0 },
    nextOrdinal: 0,
    now: () => 1,
    log: { info: () => undefined, warn: () => undefined },
    commit: (records: readonly StoredRecord[]) => {
      commits.push(records.map(({ seq }) => seq));
      // As the writer's thread takes them: the bodies are no longer here.
      for (const record of records)
        stored.push({ ...record, body: structuredClone(record.body, { transfer: [record.body.buffer] }) });
    },
    onShown: ({ logSeq }: LogRecord) => shown.push(logSeq),
    onVisible: () => undefined,
    onLost: () => undefined,
  });
  return { queue, commits, shown, stored };
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

/** Hands so many batches of `rows` samples each to a queue whose disk takes nothing, until one is lost. */
function handBatches(queue: CommitQueue, batches: number, rows: number, value: () => number): number {
  const builder = new BatchBuilder();
  for (let batch = 0; batch < batches; batch++) {
    for (let row = 0; row < rows; row++) builder.good(row, batch * 1000, batch * 1000, value());
    queue.hand({ kind: 'samples', link: 'l', batch: builder.take() });
    if (queue.facts.lostSamples > 0) return batch;
  }
  return batches;
}

test('what is kept for a failing disk is bounded', () => {
  const { queue } = heldQueue();
  queue.hand({ kind: 'tick' });
  queue.failed(full);
  // Noise, which does not get smaller.
  const batches = handBatches(queue, 2000, 10_000, Math.random);
  expect(batches).toBeLessThan(1000);
  expect(batches).toBeGreaterThan(600);
  expect(queue.facts.waitingBytes).toBeLessThan(64 * 1024 * 1024);
  expect(queue.facts.waitingBytes).toBeGreaterThan(63 * 1024 * 1024);
  queue.end(full);
});

test('a batch of one sample takes little of the memory for a failing disk', () => {
  const { queue } = heldQueue();
  queue.hand({ kind: 'tick' });
  queue.failed(full);
  expect(handBatches(queue, 10_000, 1, () => 21.5)).toBe(10_000);
  expect(queue.facts.waitingBytes / 10_000).toBeLessThan(250);
  queue.end(full);
});

test('entries for which somebody waits, and large ones, are counted with all that they take', () => {
  const { queue } = heldQueue();
  const tick = queue.hand({ kind: 'tick' });
  queue.failed(full);
  void tick.kept;
  const before = queue.facts.waitingBytes;
  for (let entry = 0; entry < 256; entry++) queue.hand({ kind: 'tick' });
  const unheard = queue.facts.waitingBytes - before;
  for (let entry = 0; entry < 256; entry++) void queue.hand({ kind: 'tick' }).kept;
  expect(queue.facts.waitingBytes - before - unheard).toBeGreaterThan(unheard + 100_000);
  // As a site file is.
  const reason = { zh: '', en: 'x'.repeat(1_000_000) };
  queue.hand({ kind: 'link', link: 'l', up: false, atMs: 1, reason });
  expect(queue.facts.waitingBytes).toBeGreaterThan(before + 1_000_000);
  queue.end(full);
});

test('what waits for a failing disk is read, and written once it is back, as it was handed over', async () => {
  const { queue, commits, shown, stored } = heldQueue();
  const first = queue.hand({ kind: 'tick' });
  queue.failed(full);
  const batches: Batch[] = [];
  const kept: Promise<unknown>[] = [];
  const builder = new BatchBuilder();
  for (let place = 0; place < 600; place++) {
    builder.good(1, place, 2, place / 7);
    builder.text(2, place, 2, `text ${place}`);
    batches.push(builder.take());
    const batch = batches[place];
    if (batch) kept.push(queue.hand({ kind: 'samples', link: 'l', batch }).kept);
    // Between them, what is not packed.
    if (place === 300) queue.hand({ kind: 'points', numbers: [['a/b', 5]] });
  }
  expect(shown).toHaveLength(602);
  const read = (afterSeq: number) => queue.firstVolatile(afterSeq);
  expect(read(0)).toMatchObject({ kind: 'tick', logSeq: 1 });
  for (const seq of [2, 200, 257, 258, 302, 304, 500, 602]) {
    const batch = batches[seq < 303 ? seq - 2 : seq - 3];
    expect(read(seq - 1)).toEqual({
      ...{ kind: 'samples', logSeq: seq, logMs: 1, link: 'l', batch },
      firstOrdinal: 2 * (seq < 303 ? seq - 2 : seq - 3),
    });
  }
  expect(read(302)).toEqual({ kind: 'points', logSeq: 303, logMs: 1, numbers: [['a/b', 5]] });
  // The first try takes more than the record that failed; it fails, too, and what it had is still here.
  vi.advanceTimersByTime(250);
  queue.failed(full);
  vi.advanceTimersByTime(500);
  expect(commits[2]).toEqual(Array.from({ length: 602 }, (_, index) => index + 1));
  expect(stored.at(-1)).toMatchObject({ seq: 602, count: 2, ordinal: 1198 });
  queue.committed();
  expect(await first.kept).toMatchObject({ logSeq: 1 });
  expect((await Promise.all(kept)).at(-1)).toEqual({ logSeq: 602, logMs: 1 });
  expect(queue.facts).toMatchObject({ waitingBytes: 0, failing: null, lostSamples: 0 });
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
