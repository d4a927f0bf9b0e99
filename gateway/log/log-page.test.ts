import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openDatabase, openDatabaseForReading } from '../storage/open-database.ts';
import { archiveFolder, writeSegment } from './archive-folder.ts';
import { ArchiveReader } from './archive-reader.ts';
import { SegmentBuilder } from './archive-segment.ts';
import { readPage } from './log-page.ts';
import { LogRows } from './log-rows.ts';
import { LOG_FILE, logMigrations } from './log-schema.ts';
import { type CheckedRecord, recordCrc } from './record-checksum.ts';
import { encodeEntry } from './record-codec.ts';

/** Rows of a file of which something happens right after the first look. */
class WatchedRows extends LogRows {
  onLook: (() => void) | undefined;

  override after(...asked: Parameters<LogRows['after']>): CheckedRecord[] {
    const found = super.after(...asked);
    this.onLook?.();
    this.onLook = undefined;
    return found;
  }
}

test('records that move to the archive while a page is read are in it, and not told as lost', () => {
  const path = join(tempFolder(), LOG_FILE);
  const database = openDatabase(path, logMigrations);
  const records = Array.from({ length: 10 }, (_, row): CheckedRecord => {
    const record = { seq: row + 1, ms: 1000 + row, ordinal: 0, ...encodeEntry({ kind: 'tick' }) };
    return { ...record, crc: recordCrc(record) };
  });
  const insert = database.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)');
  for (const { seq, ms, kind, ordinal, count, crc, body } of records) {
    insert.run(seq, ms, kind, ordinal, count, crc, body);
  }
  const reading = openDatabaseForReading(path, logMigrations);
  const rows = new WatchedRows(reading);
  rows.onLook = () => {
    const builder = new SegmentBuilder();
    for (const record of records.slice(0, 5)) builder.add(record);
    const place = { firstSeq: 1, lastSeq: 5, firstMs: 1000, lastMs: 1004 };
    writeSegment(archiveFolder(path), place, builder.take());
    database.exec('DELETE FROM records WHERE seq <= 5');
  };
  const request = { afterSeq: 0, throughSeq: 10, limit: 256, maxBytes: 1_000_000 };
  const { records: found } = readPage(rows, new ArchiveReader(archiveFolder(path)), request);
  expect(found.map(({ seq, kind }) => [seq, kind])).toEqual(records.map(({ seq, kind }) => [seq, kind]));
  reading.close();
  database.close();
});
