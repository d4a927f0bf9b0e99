import type { ArchiveReader } from './archive-reader.ts';
import type { FoundRecord, ReaderRequest } from './log-messages.ts';
import type { LogRows } from './log-rows.ts';
import { type CheckedRecord, isWhole } from './record-checksum.ts';
import { encodeLost, lostFrom } from './record-codec.ts';

/** Records, and bytes of them, among which a whole one is looked for after one that is not. */
const NEAR_RECORDS = 64;
const NEAR_BYTES = 1024 * 1024;

export interface Page {
  readonly records: readonly FoundRecord[];
  readonly throughSeq: number;
}

/**
 * The next records from the log's file, or from the archive where the file no longer has them. What is in neither is
 * one `lost` record in its place, so that whoever reads knows that something was there.
 */
export function readPage(log: LogRows, archive: ArchiveReader, request: Omit<ReaderRequest, 'id'>): Page {
  // What moves to the archive between two looks at the file would be in neither.
  return log.inOneMoment(() => pageOf(log, archive, request));
}

function pageOf(log: LogRows, archive: ArchiveReader, request: Omit<ReaderRequest, 'id'>): Page {
  const { afterSeq, throughSeq, limit, maxBytes } = request;
  const page = new PageBuilder(log, archive, request);
  const first = log.after(afterSeq, throughSeq, 1, maxBytes)[0];
  if (first?.seq !== afterSeq + 1) {
    const archived = archive.next(afterSeq, Math.min(throughSeq, (first?.seq ?? throughSeq + 1) - 1));
    for (const record of archived) {
      // A copy, since the reader of the archive keeps the block and this one goes to another thread.
      if (!page.add({ ...record, body: record.body.slice() })) return page.end();
    }
    if (archived.length > 0) return page.end();
  }
  const rows = log.after(afterSeq, throughSeq, limit, maxBytes);
  for (const record of rows) if (!page.add(record)) return page.end();
  // Fewer than asked for: what is missing up to the end is not there.
  if (rows.length < limit && log.after(rows.at(-1)?.seq ?? afterSeq, throughSeq, 1, 1).length === 0) {
    page.missing(throughSeq);
  }
  return page.end();
}

class PageBuilder {
  readonly #log: LogRows;
  readonly #archive: ArchiveReader;
  readonly #throughSeq: number;
  readonly #limit: number;
  readonly #maxBytes: number;
  readonly #records: FoundRecord[] = [];
  #bytes = 0;
  #expectedSeq: number;
  /** Place of the sample after the record before; undefined where that is not known. */
  #nextOrdinal: number | undefined;

  constructor(
    log: LogRows,
    archive: ArchiveReader,
    { afterSeq, throughSeq, limit, maxBytes }: Omit<ReaderRequest, 'id'>,
  ) {
    this.#log = log;
    this.#archive = archive;
    this.#throughSeq = throughSeq;
    this.#limit = limit;
    this.#maxBytes = maxBytes;
    this.#expectedSeq = afterSeq + 1;
  }

  /** Adds the next record; false where the page ends before it. */
  add(record: CheckedRecord): boolean {
    const whole = isWhole(record);
    // A row that is not what was written may have another place than it says.
    if (!whole && record.seq !== this.#expectedSeq) return true;
    if (record.seq < this.#expectedSeq) return true;
    if (record.seq > this.#throughSeq) {
      this.missing(this.#throughSeq, record);
      return false;
    }
    const coversFrom = whole ? (lostFrom(record) ?? record.seq) : record.seq;
    if (coversFrom > this.#expectedSeq) this.missing(coversFrom - 1, record);
    this.#bytes += record.body.byteLength;
    if (this.#records.length >= this.#limit) return false;
    if (this.#bytes > this.#maxBytes && this.#records.length > 0) return false;
    const { crc: _, body, ...rest } = record;
    if (whole) this.#push({ ...rest, body });
    else this.#push({ ...rest, ms: this.#timeOf(rest.seq), body: undefined });
    this.#nextOrdinal = whole ? record.ordinal + record.count : undefined;
    return true;
  }

  /** What comes next through `throughSeq` is not there; `next` is the record after it. */
  missing(throughSeq: number, next?: CheckedRecord): void {
    const fromSeq = this.#expectedSeq;
    if (throughSeq < fromSeq || this.#records.length >= this.#limit) return;
    const firstOrdinal = this.#nextOrdinal ?? this.#ordinalFrom(fromSeq);
    const samples =
      next === undefined || firstOrdinal === undefined
        ? this.#log.samplesGone(fromSeq - 1, throughSeq)
        : Math.max(0, next.ordinal - firstOrdinal);
    const ms = next?.ms ?? this.#timeOf(throughSeq);
    this.#push({ seq: throughSeq, ms, ordinal: 0, ...encodeLost(fromSeq, samples) });
    this.#nextOrdinal = undefined;
  }

  /** Place of the first sample of a record that is not there, from the record before it; undefined where that is gone. */
  #ordinalFrom(seq: number): number | undefined {
    if (seq === 1) return 0;
    const place = seq - 1;
    const inLog = this.#log.after(place - 1, place, 1, 1)[0];
    const before = inLog?.seq === place ? inLog : this.#archive.next(place - 1, place)[0];
    return before && isWhole(before) ? before.ordinal + before.count : undefined;
  }

  /**
   * The time of a record that cannot be asked for it: that of the next one that can, so that time never goes back,
   * wherever a page begins; of the one before where there is none.
   */
  #timeOf(seq: number): number {
    const next =
      this.#log.after(seq, seq + NEAR_RECORDS, NEAR_RECORDS, NEAR_BYTES).find(isWhole) ??
      this.#archive.next(seq, seq + NEAR_RECORDS).find(isWhole);
    return next?.ms ?? this.#records.at(-1)?.ms ?? this.#log.newest()?.logMs ?? 0;
  }

  /** At least one step further than where the page began. */
  end(): Page {
    if (this.#records.length === 0) this.missing(this.#expectedSeq);
    return { records: this.#records, throughSeq: this.#expectedSeq - 1 };
  }

  #push(record: FoundRecord): void {
    this.#records.push(record);
    this.#expectedSeq = record.seq + 1;
  }
}
