import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLogForReading } from '../../gateway/log/read-log.ts';
import type { LogRecord } from '../../model/log.ts';
import { ProbeEstate } from './probe-estate.ts';
import { PROBE_POINTS, probeKey } from './probe-site.ts';
import { embeddedRows } from './stored-rows.ts';
import { until } from './until.ts';

const PROBES = 2;
const MESSAGES_PER_SECOND = 80;
const RATE = 20;

/** Real ms for anything that is waited for. */
const WITHIN_MS = 90_000;

/** Where and how a file of the log is damaged while the gateway is away; places are shares of its size. */
export type LogDamage =
  | { readonly file: 'log.db' | 'log.db-wal'; readonly kind: 'cut'; readonly at: number }
  | { readonly file: 'log.db' | 'log.db-wal'; readonly kind: 'flip'; readonly at: number };

/** What became of the samples after a log was damaged between a kill and a start, once for each damage. */
export interface DamageRun {
  readonly acknowledgedSamples: number;
  /** Samples of records that could no longer be read. */
  readonly damagedSamples: number;
  /** Acknowledged samples that the store lacks though their record is whole. Must be 0. */
  readonly missingSamples: number;
  /** Rows of the store that no device has sent, or with another value. Must be 0. */
  readonly strangeSamples: number;
  /** Lines in which the gateway told of the damage, one for each damage that cost anything. */
  readonly told: readonly string[];
  /** Damages that cost records and of which nothing was told. Must be 0. */
  readonly untold: number;
}

/** Kills the gateway under load, damages its log, starts it again, and goes on, for each damage. */
export async function runDamages(damages: readonly LogDamage[]): Promise<DamageRun> {
  const estate = await ProbeEstate.open({ probes: PROBES, messagesPerSecond: MESSAGES_PER_SECOND, rate: RATE });
  const acknowledged = () => estate.devices.reduce((count, device) => count + device.acknowledged, 0);
  const lost = new Set<string>();
  const told: string[] = [];
  let untold = 0;
  try {
    await estate.start();
    for (const damage of damages) {
      const wanted = acknowledged() + 300;
      await until('messages are acknowledged', WITHIN_MS, () => acknowledged() >= wanted);
      await estate.gateway?.end('SIGKILL');
      const before = await readLog(copyOf(estate, 'before'));
      inflict(join(estate.dataDir, 'log'), damage);
      const gateway = await estate.start();
      const cost = lostOf(before, await readLog(join(estate.dataDir, 'log')));
      for (const sample of cost) lost.add(sample);
      const lines = gateway.lines.filter(
        (line) => line.includes('"part":"log"') && /damaged|lost|cannot be read/.test(line),
      );
      told.push(...lines.slice(0, 1));
      if (cost.length > 0 && lines.length === 0) untold++;
    }
    await estate.drain(WITHIN_MS);
    await estate.historyCaughtUp(WITHIN_MS);
    await estate.gateway?.end();
    return { ...(await compareSamples(estate, lost)), told, untold };
  } finally {
    await estate.end();
  }
}

/** A copy of the log's folder as the kill has left it, whose reading changes nothing. */
function copyOf(estate: ProbeEstate, name: string): string {
  const copy = join(estate.folder, name);
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(estate.dataDir, 'log'), copy, { recursive: true });
  return copy;
}

/** Samples by `logSeq` of their record, each as point and time. */
async function readLog(dir: string): Promise<ReadonlyMap<number, readonly string[]>> {
  const log = openLogForReading(dir);
  if (log === undefined) throw new Error(`there is no log in ${dir}`);
  const keys = new Map([...log.pointNumbers].map(([key, number]) => [number, key]));
  const found = new Map<number, readonly string[]>();
  for await (const records of log.records(0, log.last.logSeq)) {
    for (const record of records) if (record.kind === 'samples') found.set(record.logSeq, samplesOf(record, keys));
  }
  await log.close();
  return found;
}

function samplesOf(record: LogRecord & { kind: 'samples' }, keys: ReadonlyMap<number, string>): string[] {
  return [...record.batch.point].map((point, row) => `${keys.get(point)} ${record.batch.sourceMs[row]}`);
}

function lostOf(
  before: ReadonlyMap<number, readonly string[]>,
  after: ReadonlyMap<number, readonly string[]>,
): string[] {
  return [...before].flatMap(([seq, samples]) => (after.has(seq) ? [] : samples));
}

function inflict(dir: string, damage: LogDamage): void {
  const path = join(dir, damage.file);
  const bytes = readFileSync(path);
  const at = Math.floor(damage.at * bytes.length);
  if (damage.kind === 'cut') truncateSync(path, at);
  else {
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
  }
}

async function compareSamples(
  estate: ProbeEstate,
  lost: ReadonlySet<string>,
): Promise<Omit<DamageRun, 'told' | 'untold'>> {
  const counts = { acknowledgedSamples: 0, damagedSamples: lost.size, missingSamples: 0, strangeSamples: 0 };
  const store = embeddedRows(estate.dataDir);
  for (const [index, { messages }] of estate.devices.entries()) {
    const asset = probeKey(index + 1);
    for (const point of PROBE_POINTS) {
      const first = messages[0]?.sourceMs ?? 0;
      const last = messages.at(-1)?.sourceMs ?? 0;
      const rows = new Map((await store.rows(asset, point, first, last + 1)).map(({ ms, value }) => [ms, value]));
      for (const { sourceMs, acknowledged, count, fault } of messages) {
        const value = rows.get(sourceMs);
        rows.delete(sourceMs);
        if (acknowledged) counts.acknowledgedSamples++;
        const isThere = value === (point === 'count' ? count : Number(fault));
        if (value !== undefined && !isThere) counts.strangeSamples++;
        if (acknowledged && !isThere && !lost.has(`${asset}/${point} ${sourceMs}`)) counts.missingSamples++;
      }
      counts.strangeSamples += rows.size;
    }
  }
  return counts;
}
