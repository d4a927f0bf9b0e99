import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openDatabase } from '../storage/open-database.ts';
import { copyDatabase } from './copy-database.ts';
import { fullPace } from './pace.ts';

const migrations = ['CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)'];
const never = new AbortController().signal;

/** A database of some 16 MiB, so that it is copied in several steps. */
function writer(path: string) {
  const database = openDatabase(path, migrations);
  const insert = database.prepare('INSERT INTO records (body) VALUES (?)');
  const append = (rows: number) => {
    database.exec('BEGIN');
    for (let row = 0; row < rows; row++) insert.run(new Uint8Array(4000).fill(row));
    database.exec('COMMIT');
  };
  append(4000);
  return {
    append,
    last: () => Number(database.prepare('SELECT max(seq) AS n FROM records').get()?.n),
    close: () => database.close(),
  };
}

function rowsOf(path: string): { count: unknown; last: unknown; check: unknown } {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare('SELECT count(*) AS count, max(seq) AS last FROM records').get();
  const check = database.prepare('PRAGMA integrity_check').get()?.integrity_check;
  database.close();
  return { count: row?.count, last: row?.last, check };
}

test('a copy is of one moment, and ends, while the writer commits at every step', async () => {
  const folder = tempFolder();
  const [from, to] = [join(folder, 'a.db'), join(folder, 'b.db')];
  const writing = writer(from);
  let commits = 0;
  const pace = () => {
    writing.append(10);
    commits++;
    return 0;
  };
  expect(await copyDatabase(from, to, migrations, { pace, signal: never })).toBe(1);
  expect(commits).toBeGreaterThan(2);
  expect(writing.last()).toBe(4000 + 10 * commits);
  expect(rowsOf(to)).toEqual({ count: 4000, last: 4000, check: 'ok' });
  writing.close();
});

test('what was committed a moment before is in it, also where it is in the write-ahead file only', async () => {
  const folder = tempFolder();
  const [from, to] = [join(folder, 'a.db'), join(folder, 'b.db')];
  const writing = writer(from);
  writing.append(1);
  await copyDatabase(from, to, migrations, { pace: fullPace, signal: never });
  expect(rowsOf(to).last).toBe(4001);
  writing.close();
});

test('a file of a newer program, and one that is no database, are refused with their name', async () => {
  const folder = tempFolder();
  const [from, to] = [join(folder, 'a.db'), join(folder, 'b.db')];
  writer(from).close();
  const options = { pace: fullPace, signal: never };
  await expect(copyDatabase(from, to, [], options)).rejects.toMatchObject({
    code: 'newer',
    message: expect.stringContaining(from),
  });
  writeFileSync(join(folder, 'c.db'), 'this is no database, but it is long enough to be looked at'.repeat(100));
  await expect(copyDatabase(join(folder, 'c.db'), to, [], options)).rejects.toMatchObject({
    code: 'unreadable',
    message: expect.stringContaining('c.db'),
  });
  expect(existsSync(to)).toBe(false);
});

test('it ends when it is told to', async () => {
  const folder = tempFolder();
  const from = join(folder, 'a.db');
  writer(from).close();
  const stop = new AbortController();
  const pace = () => {
    stop.abort(new Error('enough'));
    return 0;
  };
  await expect(copyDatabase(from, join(folder, 'b.db'), migrations, { pace, signal: stop.signal })).rejects.toThrow(
    'enough',
  );
});
