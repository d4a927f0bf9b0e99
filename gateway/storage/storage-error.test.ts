import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { faultOf } from './storage-error.ts';

/** What SQLite throws when `act` is done. */
function thrownBy(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('says of a full disk and of a file that cannot be written what has to be mended, in both languages', () => {
  const full = new DatabaseSync(':memory:');
  full.exec('CREATE TABLE t (x)');
  full.exec('PRAGMA max_page_count = 2');
  const tooMuch = thrownBy(() => full.exec('INSERT INTO t VALUES (zeroblob(1000000))'));
  expect(faultOf(tooMuch, 'write-failed').text).toEqual({ zh: '磁盘已满', en: 'the disk is full' });
  full.exec('PRAGMA query_only = 1');
  const refused = thrownBy(() => full.exec('INSERT INTO t VALUES (1)'));
  expect(faultOf(refused, 'write-failed').text).toEqual({ zh: '磁盘只读，无法写入', en: 'the disk is read-only' });
});

test('keeps the words of an error that it does not know', () => {
  expect(faultOf(new Error('odd'), 'unreadable')).toEqual({
    code: 'unreadable',
    text: { zh: '数据文件操作失败：odd', en: 'a data file failed: odd' },
  });
});
