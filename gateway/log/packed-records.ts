import { BLOCK_HEADER_BYTES, type BlockHeader, decodeBlock, encodeBlock, readBlockHeader } from './archive-segment.ts';
import type { StoredRecord } from './log-messages.ts';

/** Records, in order, that wait compressed for the disk: as a block of the archive. */
export interface PackedRecords {
  readonly header: BlockHeader;
  readonly payload: Uint8Array;
}

/** Packs records, of which there is at least one. */
export function packRecords(records: readonly StoredRecord[]): PackedRecords {
  // The checksum is made where they are written; in memory the block's own is enough.
  const block = encodeBlock(records.map((record) => ({ ...record, crc: 0 })));
  const header = readBlockHeader(block);
  if (!header) throw new Error('a block that was just made cannot be read');
  return { header, payload: block.subarray(BLOCK_HEADER_BYTES) };
}

/** The records again, each with a body of its own. */
export function unpackRecords({ header, payload }: PackedRecords): readonly StoredRecord[] {
  const records = decodeBlock(header, payload);
  if (!records) throw new Error('records in memory are not what was packed');
  return records;
}
