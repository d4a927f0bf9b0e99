import { crc32 } from 'node:zlib';
import type { StoredRecord } from './log-messages.ts';

/** A record with the checksum that was stored with it. */
export interface CheckedRecord extends StoredRecord {
  readonly crc: number;
}

/** CRC-32 of a record's place, time, kind and counts as five little-endian doubles, and its body after them. */
export function recordCrc({ seq, ms, kind, ordinal, count, body }: StoredRecord): number {
  return crc32(body, crc32(new Uint8Array(Float64Array.of(seq, ms, kind, ordinal, count).buffer)));
}

/** Whether a record is as it was written. Logs of version 1 have the checksum of the body alone. */
export function isWhole(record: CheckedRecord): boolean {
  return recordCrc(record) === record.crc || crc32(record.body) === record.crc;
}
