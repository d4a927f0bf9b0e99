import type { LogEntry, LogRecord, Stamp, Taken } from '../../model/log.ts';
import type { Batch } from '../../model/sample.ts';
import type { StoredRecord } from './log-messages.ts';
import { type PackedRecords, packRecords, unpackRecords } from './packed-records.ts';
import type { Promised } from './promised.ts';
import { decodeRecord, type EncodedEntry, encodeEntry, encodeLost, kindNumbers } from './record-codec.ts';

/** Bytes that an entry takes in memory beside its body, and one that is packed with others (measured). */
const ENTRY_BYTES = 1000;
const PACKED_ENTRY_BYTES = 150;
/** Bytes of the promises, from here to the adapter, by which somebody waits for an entry to be on disk. */
const HEARD_BYTES = 2000;
/** A batch's columns are eight objects with a buffer each, which a batch of few samples is mostly made of (measured). */
const BATCH_BYTES = 4096;
const SAMPLE_BYTES = 34;
/** A text or a detail, of 256 bytes at most, and its place. */
const TEXT_BYTES = 400;

/** An entry on its way, and whom to tell. */
export interface Pending {
  readonly kind: LogEntry['kind'];
  /** Undefined once only its body is kept. */
  entry: LogEntry | undefined;
  readonly ms: number;
  readonly samples: number;
  /** What it takes in memory. */
  bytes: number;
  /** Undefined where too much is waiting, and once it has been handed to the writer while the entry is here. */
  encoded: EncodedEntry | undefined;
  readonly taken: Promised<Taken>;
  readonly kept: Promised<Stamp>;
}

/** An entry that has its place. */
export interface PlacedEntry {
  readonly kind: 'entry';
  readonly pending: Pending;
  readonly seq: number;
  readonly ordinal: number;
  shown: boolean;
}

/** Entries with places one after the other that were shown, and wait compressed for a disk that takes nothing. */
export interface PlacedPack {
  readonly kind: 'pack';
  readonly seq: number;
  readonly packed: PackedRecords;
  readonly bytes: number;
  readonly entries: readonly { readonly stamp: Stamp; readonly kept: Promised<Stamp> }[];
}

/** Places that were shown and whose entries are gone; told on disk as one record. */
export interface PlacedLoss {
  readonly kind: 'lost';
  readonly fromSeq: number;
  readonly ordinal: number;
  seq: number;
  ms: number;
  samples: number;
}

export type Placed = PlacedEntry | PlacedPack | PlacedLoss;

/** Samples and ticks come again by themselves; nothing else does. */
export function isExpendable({ kind }: Pending): boolean {
  return kind === 'samples' || kind === 'tick';
}

/** Bytes that an entry takes in memory; `encoded` is needed of all but samples. */
export function bytesOf(entry: LogEntry, encoded: EncodedEntry | undefined): number {
  if (entry.kind === 'samples') return bytesOfBatch(entry.batch) + (encoded?.body.byteLength ?? 0);
  return bytesOfBody(encoded ?? encodeEntry(entry));
}

function bytesOfBatch({ length, texts, details }: Batch): number {
  return BATCH_BYTES + length * SAMPLE_BYTES + (texts.size + details.size) * TEXT_BYTES;
}

export function bytesOfBody({ body }: EncodedEntry): number {
  return ENTRY_BYTES + body.byteLength;
}

/** Keeps of an entry only what the disk is to get, a small part of what its columns take. */
export function keepBodyOnly(pending: Pending): void {
  if (!pending.entry) return;
  pending.encoded ??= encodeEntry(pending.entry);
  pending.bytes = bytesOfBody(pending.encoded);
  pending.entry = undefined;
}

/** Packs entries that were shown, in order, of which there is at least one, and of which only the bodies are kept. */
export function pack(items: readonly PlacedEntry[]): PlacedPack {
  const packed = packRecords(items.map(recordToStore));
  const entries = items.map(({ seq, pending: { ms, kept } }) => ({ stamp: { logSeq: seq, logMs: ms }, kept }));
  const heard = entries.filter(({ kept }) => kept.isHeard).length;
  const bytes = packed.payload.byteLength + items.length * PACKED_ENTRY_BYTES + heard * HEARD_BYTES;
  return { kind: 'pack', seq: items.at(-1)?.seq ?? 0, packed, bytes, entries };
}

/** How many records an item is on disk, and about how many bytes of them. */
export function sizeOf(item: Placed): { readonly records: number; readonly bytes: number } {
  if (item.kind === 'lost') return { records: 1, bytes: 0 };
  if (item.kind === 'entry') return { records: 1, bytes: item.pending.bytes };
  return { records: item.entries.length, bytes: item.packed.header.rawBytes };
}

/** As the writer gets it: the bodies move to it, so those that are all that is kept of an entry are copied. */
export function storedOf(item: Placed): readonly StoredRecord[] {
  if (item.kind === 'pack') return unpackRecords(item.packed);
  if (item.kind === 'lost') {
    const { seq, ms, ordinal, samples, fromSeq } = item;
    return [{ seq, ms, ordinal, ...encodeLost(fromSeq, samples) }];
  }
  const record = recordToStore(item);
  if (!item.pending.entry) return [{ ...record, body: record.body.slice() }];
  item.pending.encoded = undefined;
  return [record];
}

function recordToStore({ pending, seq, ordinal }: PlacedEntry): StoredRecord {
  const encoded = pending.encoded ?? (pending.entry && encodeEntry(pending.entry));
  if (!encoded) throw new Error('of an entry that waits neither the entry nor its body is here');
  return { seq, ms: pending.ms, ordinal, ...encoded };
}

/** The keys and numbers that a record gives to points; none where it is of another kind. */
export function pointsOf({ seq, ms, kind, ordinal, body }: StoredRecord): readonly (readonly [string, number])[] {
  if (kind !== kindNumbers.points) return [];
  const record = decodeRecord({ logSeq: seq, logMs: ms }, kind, ordinal, body);
  return record?.kind === 'points' ? record.numbers : [];
}

/** The record of an entry as a reader gets it. */
export function recordOf({ pending, seq, ordinal }: PlacedEntry): LogRecord {
  const stamp = { logSeq: seq, logMs: pending.ms };
  if (pending.entry) return asRecord(pending.entry, stamp, ordinal, pending.encoded);
  return decoded(recordToStore({ kind: 'entry', pending, seq, ordinal, shown: true }));
}

/** A record that was made ready for the disk, as it will come from there. */
export function decoded({ seq, ms, kind, ordinal, body }: StoredRecord): LogRecord {
  const record = decodeRecord({ logSeq: seq, logMs: ms }, kind, ordinal, body);
  if (record === undefined) throw new Error(`record ${seq} cannot be read back`);
  return record;
}

/**
 * The record as a reader gets it from memory: exactly as it would come from disk, so that a replay sees the same. The
 * columns of samples are shared, since nobody may change a batch that was handed over.
 */
export function asRecord(entry: LogEntry, stamp: Stamp, firstOrdinal: number, encoded?: EncodedEntry): LogRecord {
  if (entry.kind === 'samples') return { ...stamp, ...entry, firstOrdinal };
  const { logSeq: seq, logMs: ms } = stamp;
  return decoded({ seq, ms, ordinal: firstOrdinal, ...(encoded ?? encodeEntry(entry)) });
}
