import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BoxFile, boxFileOf } from './backup/box-file.ts';
import { STATE_FILE, stateMigrations } from './engine/state-schema.ts';
import { HISTORY_FILE, historyMigrations } from './history/embedded-schema.ts';
import { LOG_FILE, logMigrations } from './log/log-schema.ts';
import { TIME_TRUST_FILE } from './storage/trusted-clock.ts';

/**
 * What of the data folder goes into a backup, in the order in which it is copied while the gateway writes: how far
 * history is before the history, and what follows from the log before the log. So no copy tells of a record that the
 * copy of the log does not have; what a copy lacks is worked out again from the log at the next start. The archive comes
 * after the log, since records move from the log into it.
 */
export const boxFiles: readonly BoxFile[] = [
  { path: 'acknowledge.key', kind: 'file' },
  { path: TIME_TRUST_FILE, kind: 'file' },
  // The key too: with another one every server would have to trust the gateway anew.
  { path: 'opcua/own.pem', kind: 'file' },
  { path: 'opcua/trusted', kind: 'folder' },
  { path: 'history/offset.json', kind: 'file' },
  { path: `history/${HISTORY_FILE}`, kind: 'database', migrations: historyMigrations },
  { path: STATE_FILE, kind: 'database', migrations: stateMigrations },
  { path: `log/${LOG_FILE}`, kind: 'database', migrations: logMigrations, needed: true },
  { path: 'log/archive', kind: 'folder' },
];

/** What of the data folder goes into no backup, by path below it. */
const leftOut: readonly RegExp[] = [
  // Of the process that runs, or of a write that has not ended.
  /(^|\/)lock\.(db|json)$/,
  /^instance\.json$/,
  /(^|\/)\.[^/]*$/,
  /-(wal|shm|journal)$/,
  /\.(new|next|saved|unfinished)$/,
  // Of the past: from before a file was brought up to date, damaged, of another log, what the demo's processes said.
  /\.before-v\d+$/,
  /\.damaged-[^/]+$/,
  /\.of-lost-log-\d+$/,
  /^[^/]+\.log(\.1)?$/,
  // Of servers that nobody trusts, and what follows from the own certificate.
  /^opcua\/(waiting|lamplighter\.der)$/,
  // Of one InfluxDB, which the backup does not hold either: what it refused for good.
  /^history\/dead-letters$/,
];

/** Paths below the data folder that this program neither backs up nor leaves out on purpose. */
export function unknownNames(dataDir: string): readonly string[] {
  return namesBelow(dataDir, '').filter(
    (path) => !boxFileOf(boxFiles, path) && !leftOut.some((pattern) => pattern.test(path)),
  );
}

/** Files in a folder and in the folders in it that hold files of ours. */
function namesBelow(dataDir: string, folder: string): readonly string[] {
  if (!existsSync(join(dataDir, folder))) return [];
  return readdirSync(join(dataDir, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const holdsOurs = entry.isDirectory() && boxFiles.some((file) => `${file.path}/`.startsWith(`${path}/`));
    return holdsOurs ? namesBelow(dataDir, path) : [path];
  });
}
