import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase, openDatabaseForReading } from './open-database.ts';

const first = 'CREATE TABLE pumps (name TEXT)';
const second = 'ALTER TABLE pumps ADD COLUMN kilowatts REAL';

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const versionOf = (path: string) => {
  const database = new DatabaseSync(path, { readOnly: true });
  const version = database.prepare('PRAGMA user_version').get()?.user_version;
  database.close();
  return version;
};

test('makes a new file at the newest version, without a copy', () => {
  const folder = tempFolder();
  const path = join(folder, 'below', 'a.db');
  const database = openDatabase(path, [first, second]);
  expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
  database.prepare('INSERT INTO pumps (name, kilowatts) VALUES (?, ?)').run('p1', 7.5);
  database.close();
  expect(versionOf(path)).toBe(2);
  expect(readdirSync(join(folder, 'below')).filter((name) => name.includes('before'))).toEqual([]);
});

test('brings an older file up to date and keeps a copy as it was', () => {
  const path = join(tempFolder(), 'a.db');
  const old = openDatabase(path, [first]);
  old.exec("INSERT INTO pumps VALUES ('p1')");
  old.close();
  openDatabase(path, [first, second]).close();
  const copy = openDatabaseForReading(`${path}.before-v2`);
  expect(copy.prepare('SELECT * FROM pumps').all()).toEqual([{ name: 'p1' }]);
  copy.close();
  expect([versionOf(`${path}.before-v2`), versionOf(path)]).toEqual([1, 2]);
});

test('a migration that fails changes nothing and can be tried again', () => {
  const path = join(tempFolder(), 'a.db');
  openDatabase(path, [first]).close();
  expect(() => openDatabase(path, [first, 'CREATE TABLE b (x); nonsense'])).toThrow(/nonsense/);
  expect(versionOf(path)).toBe(1);
  const database = openDatabase(path, [first, 'CREATE TABLE b (x)']);
  expect(database.prepare('SELECT count(*) AS n FROM b').get()).toEqual({ n: 0 });
  database.close();
});

test('refuses the file of a newer program, and leaves it alone', () => {
  const path = join(tempFolder(), 'a.db');
  openDatabase(path, [first, second]).close();
  expect(() => openDatabase(path, [first])).toThrow(
    expect.objectContaining({
      code: 'newer',
      text: { zh: expect.stringContaining('更新版本'), en: expect.any(String) },
    }),
  );
  expect(versionOf(path)).toBe(2);
});

test('whoever reads the tables of one version is refused a file of another, which stays as it is', () => {
  const path = join(tempFolder(), 'a.db');
  openDatabase(path, [first, second]).close();
  expect(() => openDatabaseForReading(path, [first])).toThrow(expect.objectContaining({ code: 'newer' }));
  expect(() => openDatabaseForReading(path, [first, second, 'CREATE TABLE b (x)'])).toThrow(
    expect.objectContaining({ code: 'unreadable', message: expect.stringContaining('written by an older program') }),
  );
  expect(versionOf(path)).toBe(2);
  openDatabaseForReading(path, [first, second]).close();
});
