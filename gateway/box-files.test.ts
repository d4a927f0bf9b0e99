import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../test/support/temp-folder.ts';
import { boxFiles, unknownNames } from './box-files.ts';

test('what is copied while the gateway writes never knows more than what is copied after it', () => {
  const place = (path: string) => {
    const found = boxFiles.findIndex((file) => file.path === path);
    expect({ path, found }).not.toEqual({ path, found: -1 });
    return found;
  };
  expect(place('history/offset.json')).toBeLessThan(place('history/history.db'));
  expect(place('history/offset.json')).toBeLessThan(place('state.db'));
  expect(place('history/history.db')).toBeLessThan(place('log/log.db'));
  expect(place('state.db')).toBeLessThan(place('log/log.db'));
  expect(place('log/log.db')).toBeLessThan(place('log/archive'));
});

test('tells what lies in a data folder that it neither takes nor leaves out on purpose', () => {
  const folder = tempFolder();
  const files = [
    ...[
      'state.db',
      'state.db-wal',
      'state.db.before-v2',
      'state.db.of-lost-log-1781526600000',
      'state.db.damaged-1781526600000-wal',
      'instance.json',
    ],
    ...['acknowledge.key', 'acknowledge.key.new', 'gateway.log', 'gateway.log.1', '.writable-1'],
    ...[
      'log/log.db',
      'log/lock.db',
      'log/lock.json',
      'log/log.db.damaged-20261124T104805.123Z',
      'log/archive/1-500.zst',
      'log/archive/2.zst.unfinished',
      'history/offset.json.next',
      'history/history.db.damaged-1',
      'history/dead-letters/2026-06-15T12-30-00-000Z.jsonl',
    ],
    ...['opcua/own.pem', 'opcua/lamplighter.der', 'opcua/.making-x', 'opcua/trusted/a.pem', 'opcua/waiting/b.pem'],
    ...['accounts.db', 'log/unheard-of', 'stuff/inside'],
  ];
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  expect(unknownNames(folder)).toEqual(['accounts.db', 'log/unheard-of', 'stuff']);
  expect(unknownNames(join(folder, 'none'))).toEqual([]);
});
