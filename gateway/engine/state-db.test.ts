import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { PlacedChange } from '../../model/history.ts';
import { step } from '../../rules/engine.ts';
import { takeSnapshot } from '../../rules/snapshot.ts';
import { createEngineState } from '../../rules/state.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { site } from '../../test/support/timeline.ts';
import { StateDb } from './state-db.ts';
import { STATE_FILE } from './state-schema.ts';

function snapshot(logSeq: number) {
  const state = createEngineState();
  step(state, { kind: 'site', site, logSeq, logMs: logSeq });
  return takeSnapshot(state);
}

const changesOf = (logSeq: number, count: number): PlacedChange[] =>
  Array.from({ length: count }, (_, ordinal) => ({
    logSeq,
    ordinal,
    change: { kind: 'ledger', asset: 'lift-1', class: 'up', fromMs: logSeq },
  }));

function open(dir: string, changes: number, trims = 1000): StateDb {
  const db = new StateDb(dir, 'write', { changes, trims });
  onTestFinished(() => db.close());
  return db;
}

test('what is dropped of the changes is known by its place, also after a restart', () => {
  const dir = tempFolder();
  const db = new StateDb(dir, 'write', { changes: 10, trims: 1000 });
  for (let seq = 1; seq <= 20; seq++) db.commit(seq, changesOf(seq, 3), []);
  expect(db.droppedAfter(0, -1)).toBeUndefined();
  db.saveSnapshot(snapshot(20));
  const left = db.changesAfter(0, -1, 100);
  expect(left[0]).toMatchObject({ logSeq: 18, ordinal: 0 });
  const all = { count: 51, through: { logSeq: 17, ordinal: 2 } };
  expect(db.droppedAfter(0, -1)).toEqual(all);
  expect(db.droppedAfter(17, 1)).toEqual(all);
  expect(db.droppedAfter(17, 2)).toBeUndefined();
  db.commit(21, changesOf(21, 3), []);
  db.saveSnapshot(snapshot(21));
  db.close();
  const again = open(dir, 10);
  expect(again.droppedAfter(0, -1)).toEqual({ count: 54, through: { logSeq: 18, ordinal: 2 } });
  expect(again.droppedAfter(17, 2)).toEqual({ count: 3, through: { logSeq: 18, ordinal: 2 } });
});

test('the times of dropping are bounded, and nothing of the count is lost', () => {
  const dir = tempFolder();
  const db = open(dir, 1, 5);
  const one = snapshot(1);
  for (let seq = 1; seq <= 20; seq++) {
    db.commit(seq, changesOf(seq, 1), []);
    db.saveSnapshot(one);
  }
  expect(db.droppedAfter(0, -1)).toEqual({ count: 19, through: { logSeq: 19, ordinal: 0 } });
  const file = new DatabaseSync(join(dir, STATE_FILE), { readOnly: true });
  expect(file.prepare('SELECT count(*) AS n FROM trimmed').get()).toEqual({ n: 5 });
  file.close();
});
