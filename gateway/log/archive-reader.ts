import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { listSegments, type Segment } from './archive-folder.ts';
import {
  BLOCK_HEADER_BYTES,
  type BlockHeader,
  decodeBlock,
  findBlockHeader,
  readBlockHeader,
} from './archive-segment.ts';
import type { CheckedRecord } from './record-checksum.ts';

/** Unpacked blocks that are kept, so that several readers who page through them unpack each once. */
const MAX_KEPT_BLOCKS = 4;
/** Segments whose blocks are kept in mind. */
const MAX_KEPT_INDEXES = 64;
/** Damaged files that are told. */
const MAX_TOLD = 1000;

interface PlacedBlock {
  readonly header: BlockHeader;
  /** Place of the payload in the file. */
  readonly at: number;
}

/** Reads the segments of an archive's folder, also while segments come and go. What is damaged is passed over. */
export class ArchiveReader {
  readonly #folder: string;
  readonly #onDamaged: (file: string) => void;
  readonly #told = new Set<string>();
  readonly #indexes = new Map<string, readonly PlacedBlock[]>();
  readonly #blocks = new Map<string, readonly CheckedRecord[]>();
  #segments: readonly Segment[] | undefined;

  /** `onDamaged` gets the name of each file in which something cannot be read, once. */
  constructor(folder: string, onDamaged: (file: string) => void = () => undefined) {
    this.#folder = folder;
    this.#onDamaged = onDamaged;
  }

  /** Oldest segment first, as the folder is now. */
  list(): readonly Segment[] {
    this.#segments = listSegments(this.#folder);
    return this.#segments;
  }

  /**
   * The next records after `afterSeq` up to `throughSeq`, in order: those of one block, so that there may be more after
   * them; none where the archive has none.
   */
  next(afterSeq: number, throughSeq: number): readonly CheckedRecord[] {
    // What is not in the folder as it was may have come since, and what was in it may be gone.
    for (const segments of [this.#segments ?? [], this.list()]) {
      for (const segment of segments) {
        if (segment.firstSeq > throughSeq) break;
        if (segment.lastSeq <= afterSeq) continue;
        const records = this.#nextIn(segment, afterSeq, throughSeq);
        if (records.length > 0) return records;
      }
    }
    return [];
  }

  /** The newest record with a time before `ms`; undefined where there is none. */
  lastBefore(ms: number): CheckedRecord | undefined {
    const segments = this.list().filter(({ firstMs }) => firstMs < ms);
    for (const segment of segments.reverse()) {
      for (const block of [...this.#index(segment)].reverse()) {
        if (block.header.firstMs >= ms) continue;
        const found = this.#block(segment, block).findLast((record) => record.ms < ms);
        if (found) return found;
      }
    }
    return undefined;
  }

  /** The oldest or the newest record that can be read. */
  end(which: 'first' | 'last'): CheckedRecord | undefined {
    const segments = which === 'first' ? this.list() : this.list().toReversed();
    for (const segment of segments) {
      const blocks = this.#index(segment);
      for (const block of which === 'first' ? blocks : blocks.toReversed()) {
        const found = this.#block(segment, block).at(which === 'first' ? 0 : -1);
        if (found) return found;
      }
    }
    return undefined;
  }

  /** What the headers of a segment's blocks say, without unpacking any. */
  headers(segment: Segment): readonly BlockHeader[] {
    return this.#index(segment).map(({ header }) => header);
  }

  /** All records of one kind, oldest first; only blocks that hold any are unpacked. */
  *ofKind(kind: number): Generator<CheckedRecord> {
    for (const segment of this.list()) {
      for (const block of this.#index(segment)) {
        if ((block.header.kinds & (1 << kind)) === 0) continue;
        for (const record of this.#block(segment, block)) if (record.kind === kind) yield record;
      }
    }
  }

  #nextIn(segment: Segment, afterSeq: number, throughSeq: number): readonly CheckedRecord[] {
    for (const block of this.#index(segment)) {
      if (block.header.lastSeq <= afterSeq) continue;
      if (block.header.firstSeq > throughSeq) break;
      const records = this.#block(segment, block).filter(({ seq }) => seq > afterSeq && seq <= throughSeq);
      if (records.length > 0) return records;
    }
    return [];
  }

  #index(segment: Segment): readonly PlacedBlock[] {
    const known = this.#indexes.get(segment.path);
    if (known) return known;
    const index = this.#withFile(segment, (file) => this.#readIndex(segment, file)) ?? [];
    keep(this.#indexes, segment.path, index, MAX_KEPT_INDEXES);
    return index;
  }

  #readIndex(segment: Segment, file: number): PlacedBlock[] {
    const { size } = fstatSync(file);
    const blocks: PlacedBlock[] = [];
    for (let at = 0; at < size; ) {
      const header = readBlockHeader(read(file, at, BLOCK_HEADER_BYTES));
      const end = header && at + BLOCK_HEADER_BYTES + header.payloadBytes;
      if (header && end !== undefined && end <= size) {
        blocks.push({ header, at: at + BLOCK_HEADER_BYTES });
        at = end;
        continue;
      }
      this.#damaged(segment);
      const next = findBlockHeader(read(file, at, size - at), 1);
      if (next === undefined) break;
      at += next;
    }
    if (blocks.at(-1)?.header.lastSeq !== segment.lastSeq) this.#damaged(segment);
    return blocks;
  }

  #block(segment: Segment, { header, at }: PlacedBlock): readonly CheckedRecord[] {
    const key = `${at} ${segment.path}`;
    const known = this.#blocks.get(key);
    if (known) return known;
    const records = this.#withFile(segment, (file) => {
      const found = decodeBlock(header, read(file, at, header.payloadBytes));
      if (!found) this.#damaged(segment);
      return found;
    });
    keep(this.#blocks, key, records ?? [], MAX_KEPT_BLOCKS);
    return records ?? [];
  }

  /** Undefined where the file is gone, since the folder was listed, or the disk cannot read it. */
  #withFile<T>(segment: Segment, use: (file: number) => T): T | undefined {
    let file: number | undefined;
    try {
      file = openSync(segment.path, 'r');
      return use(file);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EIO') this.#damaged(segment);
      else if (code !== 'ENOENT') throw error;
      return undefined;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #damaged({ path }: Segment): void {
    if (this.#told.has(path) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(path);
    this.#onDamaged(basename(path));
  }
}

/** Up to `bytes` bytes from `at` on; fewer at the end of the file. */
function read(file: number, at: number, bytes: number): Uint8Array {
  const buffer = new Uint8Array(bytes);
  let got = 0;
  while (got < bytes) {
    const more = readSync(file, buffer, got, bytes - got, at + got);
    if (more === 0) break;
    got += more;
  }
  return buffer.subarray(0, got);
}

function keep<T>(kept: Map<string, T>, key: string, value: T, max: number): void {
  kept.set(key, value);
  for (const oldest of kept.keys()) {
    if (kept.size <= max) break;
    kept.delete(oldest);
  }
}
