import { expect, test } from 'vitest';
import type { PlacedChange } from '../../model/history.ts';
import type { OutboxRow } from '../../model/outbox.ts';
import { ChangeJournal, type JournalWriter } from './change-journal.ts';
import { Outbox } from './outbox.ts';
import type { StateCommit } from './state-messages.ts';

/** A commit of so many changes. */
function commitOf(seq: number, count: number): StateCommit {
  const placed = (ordinal: number): PlacedChange => ({
    logSeq: seq,
    ordinal,
    change: { kind: 'flood', atMs: 1, flood: true },
  });
  return { seq, changes: Array.from({ length: count }, (_, ordinal) => placed(ordinal)), outbox: [], renamings: [] };
}

test('of what a failing disk does not take, the writer is given all but the last piece, so that its bound holds', async () => {
  const given: number[] = [];
  const writer: JournalWriter = {
    failing: true,
    write: (work) => void (work.type === 'commit' && given.push(work.seq)),
  };
  const outbox = new Outbox({ stored: () => undefined, activation: () => undefined, write: () => undefined }, []);
  let durableSeq = 4;
  const journal = new ChangeJournal(writer, outbox, () => durableSeq);
  const { signal } = new AbortController();
  const work = async (seq: number, count: number) => {
    journal.add(commitOf(seq, count));
    await journal.room(signal);
  };
  await work(1, 20_000);
  await work(2, 20_000);
  await work(3, 15_000);
  expect(given).toEqual([1, 2]);
  await work(4, 5000);
  expect(given).toEqual([1, 2, 4]);
  // What has no record on disk is not given to it, however much it is.
  await work(5, 30_000);
  expect(given).toEqual([1, 2, 4]);
  durableSeq = 5;
  await work(5, 0);
  expect(given).toEqual([1, 2, 4, 5]);
  await journal.handOver();
});

test('notices of lost records are bounded while the loss lasts: what is settled goes first, and life safety last', () => {
  const outbox = new Outbox({ stored: () => undefined, activation: () => undefined, write: () => undefined }, []);
  const journal = new ChangeJournal({ failing: false, write: () => undefined }, outbox, () => 0);
  const add = (from: number, count: number, priority: 1 | 3) => {
    const rows = Array.from({ length: count }, (_, n): OutboxRow => {
      const id = `n-${from + n}`;
      return { id, kind: 'raised', activationId: id, alarm: 'x', priority, person: 'zhang', channel: 0 };
    });
    journal.addLost({ ...commitOf(from, 0), outbox: rows });
    return rows.map(({ id }) => id);
  };
  const isPending = (id: string) =>
    outbox.entry(id)?.state === 'pending' && outbox.due(who, 0, 200_000).some((of) => of.id === id);
  const who = { person: 'zhang', channel: 0 };
  outbox.settle(add(0, 40_000, 3), 'sent', null);
  add(40_000, 1, 1);
  add(40_001, 30_000, 3);
  expect([isPending('n-40000'), isPending('n-40001'), isPending('n-70000')]).toEqual([true, false, true]);
  expect(outbox.due(who, 0, 200_000)).toHaveLength(25_001);
  journal.forgetLost();
  expect(outbox.due(who, 0, 10)).toEqual([]);
});
