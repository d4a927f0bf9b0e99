import { PAGE_BYTES } from './sqlite-pages.ts';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** First four bytes of the file: checksums are of little-endian or of big-endian words. */
const MAGIC_LITTLE = 0x377f0682;
const MAGIC_BIG = 0x377f0683;

/** What a write-ahead file holds of the present generation; section 4 of SQLite's file format. */
export interface WalFrames {
  /** Place in the file of the bytes of each page's newest frame in a transaction that was committed. */
  readonly pages: ReadonlyMap<number, number>;
  /** Commits after the first frame whose checksum fails: SQLite passes over all of them. */
  readonly commitsPassedOver: number;
  /** The file ends within a frame, behind one of the present generation: whatever was in it and after it is gone. */
  readonly endsWithin: boolean;
}

/** Reads the frames of a write-ahead file, also behind one that is damaged. */
export function walFrames(wal: Uint8Array): WalFrames {
  const pages = new Map<number, number>();
  if (wal.byteLength < HEADER_BYTES) return { pages, commitsPassedOver: 0, endsWithin: false };
  const view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
  const salts = presentSalts(view);
  const little = view.getUint32(0) !== MAGIC_BIG;
  let sums: readonly [number, number] = checksum(view, 0, 24, [0, 0], little);
  const isKnown = view.getUint32(0) === MAGIC_LITTLE || view.getUint32(0) === MAGIC_BIG;
  let chained = isKnown && sums[0] === view.getUint32(24) && sums[1] === view.getUint32(28);
  let commitsPassedOver = 0;
  let pending: [page: number, at: number][] = [];
  let lastIsPresent = false;
  let at = HEADER_BYTES;
  for (; at + FRAME_HEADER_BYTES + PAGE_BYTES <= wal.byteLength; at += FRAME_HEADER_BYTES + PAGE_BYTES) {
    if (view.getUint32(at + 8) !== salts[0] || view.getUint32(at + 12) !== salts[1]) {
      // The rest of an earlier generation, or a frame whose header is damaged.
      chained = false;
      lastIsPresent = false;
      continue;
    }
    lastIsPresent = true;
    sums = checksum(view, at + FRAME_HEADER_BYTES, PAGE_BYTES, checksum(view, at, 8, sums, little), little);
    chained &&= sums[0] === view.getUint32(at + 16) && sums[1] === view.getUint32(at + 20);
    pending.push([view.getUint32(at), at + FRAME_HEADER_BYTES]);
    if (view.getUint32(at + 4) === 0) continue;
    for (const [page, place] of pending) pages.set(page, place);
    pending = [];
    if (!chained) commitsPassedOver++;
  }
  return { pages, commitsPassedOver, endsWithin: lastIsPresent && at < wal.byteLength };
}

/** Those of the header; of the first frame where the header's are not those of any frame near it. */
function presentSalts(view: DataView): readonly [number, number] {
  const header = [view.getUint32(16), view.getUint32(20)] as const;
  const saltsAt = (frame: number) => {
    const at = HEADER_BYTES + frame * (FRAME_HEADER_BYTES + PAGE_BYTES);
    if (at + FRAME_HEADER_BYTES > view.byteLength) return undefined;
    return [view.getUint32(at + 8), view.getUint32(at + 12)] as const;
  };
  const [first, second] = [saltsAt(0), saltsAt(1)];
  const isSame = (a: readonly [number, number] | undefined, b: readonly [number, number]) =>
    a !== undefined && a[0] === b[0] && a[1] === b[1];
  if (first === undefined || isSame(first, header) || isSame(second, header)) return header;
  // Two frames that agree are right where the header is not.
  return isSame(second, first) ? first : header;
}

/** Section 4.2, of `bytes` bytes from `at` on, a multiple of 8. */
function checksum(
  view: DataView,
  at: number,
  bytes: number,
  [first, second]: readonly [number, number],
  little: boolean,
): [number, number] {
  let [s0, s1] = [first, second];
  for (let word = at; word < at + bytes; word += 8) {
    s0 = (s0 + view.getUint32(word, little) + s1) >>> 0;
    s1 = (s1 + view.getUint32(word + 4, little) + s0) >>> 0;
  }
  return [s0, s1];
}
