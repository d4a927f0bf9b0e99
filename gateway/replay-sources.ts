import { join } from 'node:path';
import type { LogRecord } from '../model/log.ts';
import type { Site } from '../model/site.ts';
import { openStateDbForReading, type StoredState } from './engine/read-state-db.ts';
import { CommandFailed } from './exit.ts';
import { readIdentity } from './history/offset-file.ts';
import { openHistoryForReading, type StoredHistory } from './history/read-history.ts';
import { openLogForReading, type StoredLog } from './log/read-log.ts';

/** Records of the log's beginning among which its first site file must be. */
const FIRST_SITE_WITHIN = 10_000;

/** What a replay reads of a data folder, also while a gateway runs on it. */
export interface ReplaySources {
  readonly dataDir: string;
  readonly log: StoredLog;
  /** Undefined where there is none, or where it belongs to another log. */
  readonly state: StoredState | undefined;
  /** The newest record whose changes were stored when the sources were opened. */
  readonly progress: number;
  close(): Promise<void>;
}

/** Opens log and state of a data folder for reading only. Throws a CommandFailed where there is no log. */
export function openSources(dataDir: string): ReplaySources {
  // The state first: what it says of records is of records that the log then has.
  const state = openStateDbForReading(dataDir);
  try {
    const progress = state?.progress ?? 0;
    const log = openLogForReading(join(dataDir, 'log'));
    if (!log) {
      throw new CommandFailed({
        zh: `${dataDir} 中没有日志（用 --data 指定数据目录）`,
        en: `there is no log in ${dataDir} (name the data folder with --data)`,
      });
    }
    return {
      dataDir,
      log,
      state: progress <= log.last.logSeq ? state : undefined,
      progress,
      async close() {
        state?.close();
        await log.close();
      },
    };
  } catch (error) {
    state?.close();
    throw error;
  }
}

/** The site file that the log begins with; without one, that of the newest snapshot; undefined where there is neither. */
export async function firstSite(sources: ReplaySources): Promise<Site | undefined> {
  const { log } = sources;
  const { first, last } = log;
  const throughSeq = Math.min(last.logSeq, first.logSeq - 1 + FIRST_SITE_WITHIN);
  for await (const records of log.records(first.logSeq - 1, throughSeq)) {
    const found = records.find((record): record is LogRecord & { kind: 'site' } => record.kind === 'site');
    if (found) return found.site;
  }
  return siteBefore(sources, Number.POSITIVE_INFINITY);
}

/** The site file that the log ends with; undefined where it has none. */
export async function lastSite(sources: ReplaySources): Promise<Site | undefined> {
  const { log, state } = sources;
  let site: Site | undefined;
  let afterSeq = log.first.logSeq - 1;
  for (const snapshot of state?.snapshots(log.last.logSeq) ?? []) {
    if (snapshot instanceof Error || !snapshot.site) continue;
    site = snapshot.site;
    afterSeq = snapshot.logSeq;
    break;
  }
  for await (const records of log.records(afterSeq, log.last.logSeq)) {
    for (const record of records) if (record.kind === 'site') site = record.site;
  }
  return site;
}

/** The site file of the newest snapshot before a time; undefined where there is none. */
export function siteBefore({ log, state }: ReplaySources, ms: number): Site | undefined {
  for (const snapshot of state?.snapshots(log.lastSeqBefore(ms)) ?? []) {
    if (!(snapshot instanceof Error) && snapshot.site) return snapshot.site;
  }
  return undefined;
}

/** Opens the embedded history of a data folder. Throws a CommandFailed where history is elsewhere, or nowhere. */
export async function openHistorySource(dataDir: string): Promise<StoredHistory> {
  const home = await readIdentity(join(dataDir, 'history', 'offset.json'));
  if (home?.startsWith('influx')) {
    throw new CommandFailed({
      zh: '该数据目录的历史存于 InfluxDB，--history 只能读取内置历史库',
      en: 'the history of this data folder is in InfluxDB, which --history cannot read: it reads the embedded history only',
    });
  }
  const history = openHistoryForReading(dataDir);
  if (history) return history;
  throw new CommandFailed({
    zh: `${dataDir} 中没有内置历史库`,
    en: `there is no embedded history in ${dataDir}`,
  });
}
