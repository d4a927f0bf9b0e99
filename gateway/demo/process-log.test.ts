import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { ProcessLog } from './process-log.ts';

test('goes on where it was, and keeps one old generation', () => {
  const dir = tempFolder();
  const path = join(dir, 'phone.log');
  for (const line of ['one', 'two', 'three', 'four', 'five']) new ProcessLog(path, 8).add(line);
  expect(readdirSync(dir).sort()).toEqual(['phone.log', 'phone.log.1']);
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('three\nfour\n');
  expect(readFileSync(path, 'utf8')).toBe('five\n');
});

test('a line that cannot be written is no error', () => {
  const path = join(tempFolder(), 'phone.log');
  mkdirSync(path);
  expect(() => new ProcessLog(path).add('one')).not.toThrow();
});
