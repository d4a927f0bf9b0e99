import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { makeFolder } from './make-folder.ts';

test('makes what is missing, and leaves what is there', () => {
  const path = join(tempFolder(), 'a', 'b', 'c');
  makeFolder(path);
  makeFolder(path);
  expect(existsSync(path)).toBe(true);
});

test('fails at once where no folder can be made', () => {
  const file = join(tempFolder(), 'a-file');
  writeFileSync(file, '');
  expect(() => makeFolder(join(file, 'a'))).toThrow('ENOTDIR');
});

test.runIf(existsSync('/proc/self'))('fails at once where the file system makes none', () => {
  expect(() => makeFolder('/proc/lamplighter/a')).toThrow('ENOENT');
});
