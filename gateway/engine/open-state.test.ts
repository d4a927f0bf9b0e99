import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openState } from './open-state.ts';
import { STATE_FILE } from './state-schema.ts';

const quiet = { info: () => undefined, warn: () => undefined };

test('of damaged files the newest two are kept, with what lies beside them', async () => {
  const dir = tempFolder();
  const asides = () => readdirSync(dir).filter((name) => name.includes('.damaged-'));
  const names: string[] = [];
  for (let time = 0; time < 3; time++) {
    const before = new Set(asides());
    writeFileSync(join(dir, STATE_FILE), 'no database'.repeat(1000));
    writeFileSync(join(dir, `${STATE_FILE}-wal`), '');
    await (await openState(dir, 0, quiet)).close();
    names.push(...asides().filter((name) => !before.has(name) && !/-(wal|shm)$/.test(name)));
  }
  expect(new Set(names).size).toBe(3);
  expect(asides().filter((name) => !/-(wal|shm)$/.test(name))).toEqual(names.slice(1));
  expect(asides().filter((name) => name.startsWith(names[0] ?? ''))).toEqual([]);
});
