import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { type DurableLog, openLog } from '../../gateway/log/open-log.ts';
import type { Clock } from '../../model/clock.ts';
import type { LogRecord } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { seededRandom } from './recorded-site.ts';

const FILES = ['log.db', 'log.db-wal'] as const;
const POINTS = 200;

/** A log's files as they lie while it is written, part of it in the write-ahead file, and what is in it. */
export interface LogTemplate {
  readonly dir: string;
  readonly records: readonly LogRecord[];
}

/** What happens to a file: its end is cut off, or bytes in it are not what was written. Places are shares of its size. */
export type Damage =
  | { readonly file: (typeof FILES)[number]; readonly kind: 'cut'; readonly at: number }
  | { readonly file: (typeof FILES)[number]; readonly kind: 'flip'; readonly at: number; readonly bits: number };

export const flips: fc.Arbitrary<Damage> = fc.record({
  file: fc.constantFrom(...FILES),
  kind: fc.constant('flip' as const),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  bits: fc.integer({ min: 1, max: 255 }),
});
export const cuts: fc.Arbitrary<Damage> = fc.record({
  file: fc.constantFrom(...FILES),
  kind: fc.constant('cut' as const),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

function open(dir: string, minimumSeq = 0): Promise<DurableLog> {
  let nowMs = 1_800_000_000_000;
  const clock: Clock = { now: () => nowMs++, rate: 1, simulated: true, delay: () => Promise.resolve() };
  return openLog({ dir, clock, log: { info: () => undefined, warn: () => undefined }, minimumSeq });
}

async function readAll(log: DurableLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (;;) {
    const page = await log.read(records.at(-1)?.logSeq ?? 0, 256);
    if (page.length === 0) return records;
    records.push(...page);
  }
}

/** Writes a log of records of all sizes into `dir`. */
export async function logTemplate(dir: string): Promise<LogTemplate> {
  const source = join(dir, 'source');
  const random = seededRandom(7);
  const first = await open(source);
  await first.numbersFor(Array.from({ length: POINTS }, (_, point) => ({ key: `asset-${point}/value` })));
  await append(first, 60, random);
  await first.close();
  // What follows lies in the write-ahead file, as long as that has not grown to a thousand pages.
  const log = await open(source);
  await append(log, 30, random);
  const records = await readAll(log);
  const template = join(dir, 'template');
  mkdirSync(template);
  for (const file of FILES) copyFileSync(join(source, file), join(template, file));
  await log.close();
  return { dir: template, records };
}

async function append(log: DurableLog, groups: number, random: () => number): Promise<void> {
  for (let group = 0; group < groups; group++) {
    const appended: Promise<unknown>[] = [];
    for (let record = 0; record < 10; record++) {
      const builder = new BatchBuilder();
      const samples = record === 9 ? 2000 * random() : 30 * random();
      for (let row = 0; row < samples; row++) builder.good(1 + Math.floor(random() * POINTS), row, 2000, random());
      appended.push(log.append(record < 4 ? { kind: 'tick' } : { kind: 'samples', link: 'l', batch: builder.take() }));
    }
    await Promise.all(appended);
  }
}

/** What a damaged log gave, once it was opened, read, written and opened again. */
export interface DamagedRun {
  /** Records that were read back as they were written, of how many. */
  readonly whole: number;
  readonly of: number;
}

/**
 * Damages a copy of the template in the empty folder `dir`, and throws unless: it opens; every place has its record as
 * it was written, or is told as damaged or lost; what is appended gets a new place and a new number, and is read back;
 * and all that holds after opening it again, too.
 */
export async function runDamaged(template: LogTemplate, damages: readonly Damage[], dir: string): Promise<DamagedRun> {
  for (const file of FILES) copyFileSync(join(template.dir, file), join(dir, file));
  for (const damage of damages) apply(dir, damage);
  const { records } = template;
  const knownSeq = records.length;
  const log = await open(dir, knownSeq);
  let whole: number;
  try {
    whole = compare(records, await readAll(log), 'after opening');
    const stamp = await log.append({ kind: 'start', version: 'again' });
    if (stamp.logSeq <= knownSeq) throw new Error(`place ${stamp.logSeq} was given twice`);
    const number = (await log.numbersFor([{ key: 'new/point' }])).get('new/point');
    const isCut = damages.some(({ kind }) => kind === 'cut');
    if (!isCut && (number === undefined || number <= POINTS)) throw new Error(`number ${number} was given twice`);
  } finally {
    await log.close();
  }
  const again = await open(dir, knownSeq);
  try {
    const found = await readAll(again);
    compare(records, found, 'after opening again');
    if (!found.some((record) => record.kind === 'start' && record.version === 'again')) {
      throw new Error('what was appended is not there');
    }
  } finally {
    await again.close();
  }
  return { whole, of: records.length };
}

function apply(dir: string, damage: Damage): void {
  const path = join(dir, damage.file);
  const bytes = readFileSync(path);
  const at = Math.floor(damage.at * bytes.length);
  if (damage.kind === 'cut') truncateSync(path, at);
  else {
    bytes[at] = (bytes[at] ?? 0) ^ damage.bits;
    writeFileSync(path, bytes);
  }
}

/** Throws where a place is missing, doubled or another than was written; gives how many are whole. */
function compare(written: readonly LogRecord[], found: readonly LogRecord[], when: string): number {
  let seq = 1;
  let whole = 0;
  let ms = 0;
  for (const record of found) {
    const fromSeq = record.kind === 'lost' ? record.fromSeq : record.logSeq;
    if (fromSeq !== seq) throw new Error(`${when}: record ${fromSeq} (${record.kind}) where ${seq} was to come`);
    if (record.logMs < ms) throw new Error(`${when}: time goes back at ${record.logSeq}`);
    seq = record.logSeq + 1;
    ms = record.logMs;
    const original = written[record.logSeq - 1];
    if (record.kind === 'lost' || record.kind === 'damaged' || original === undefined) continue;
    if (!isDeepStrictEqual(record, original))
      throw new Error(`${when}: record ${record.logSeq} is not what was written`);
    whole++;
  }
  if (seq <= written.length) throw new Error(`${when}: the log ends at ${seq - 1}`);
  return whole;
}
