import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../test/support/temp-folder.ts';
import { acknowledgeKey } from './acknowledge-key.ts';

test('is made once, for the owner only', () => {
  const dir = tempFolder();
  const key = acknowledgeKey(dir);
  expect(key).toHaveLength(32);
  expect(acknowledgeKey(dir)).toEqual(key);
  expect(readdirSync(dir)).toEqual(['acknowledge.key']);
  expect(statSync(join(dir, 'acknowledge.key')).mode & 0o777).toBe(0o600);
});

test.each([0, 31, 33])('one of %i bytes is made anew', (bytes) => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'acknowledge.key'), Buffer.alloc(bytes), { mode: 0o644 });
  writeFileSync(join(dir, 'acknowledge.key.new'), '', { mode: 0o644 });
  const key = acknowledgeKey(dir);
  expect(key).toHaveLength(32);
  expect(readFileSync(join(dir, 'acknowledge.key'))).toEqual(key);
  expect(statSync(join(dir, 'acknowledge.key')).mode & 0o777).toBe(0o600);
});

test('a folder in its place is told as such', () => {
  const dir = tempFolder();
  mkdirSync(join(dir, 'acknowledge.key'));
  expect(() => acknowledgeKey(dir)).toThrow(expect.objectContaining({ code: 'unreadable' }));
});
