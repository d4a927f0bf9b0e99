import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from '../storage/folder-lock.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { BoxFile } from './box-file.ts';

/** Begin of the name of a folder in which a restore works; where one lies in a data folder, it did not end. */
export const RESTORING_PREFIX = '.restoring-';

/** Throws a StorageError where a gateway runs on the data folder, it has files of ours, or a restore has not ended. */
export function refuseUsed(dataDir: string, boxFiles: readonly BoxFile[]): void {
  refuseUnfinished(dataDir);
  const names = namesIn(dataDir);
  const ours = names.find((name) => isOurs(name, boxFiles));
  if (ours === undefined) return;
  // Whoever runs on it is a better reason than what lies in it.
  if (existsSync(join(dataDir, 'log', 'lock.db'))) lockFolder(join(dataDir, 'log'), dataDir).release();
  throw new StorageError('in-use', {
    zh: `数据目录 ${dataDir} 中已有数据（${ours}），不会覆盖；请用 --data 另选目录，或先移走它`,
    en: `the data folder ${dataDir} has data already (${ours}), which is not overwritten; choose another with --data, or move it away`,
  });
}

/** Throws a StorageError where a restore into the folder did not end: what is there is not all. */
export function refuseUnfinished(dataDir: string): void {
  const left = namesIn(dataDir).find((name) => name.startsWith(RESTORING_PREFIX));
  if (left === undefined) return;
  throw new StorageError('unreadable', {
    zh: `数据目录 ${dataDir} 中有未完成的恢复（${left}）；请清空该目录后重新恢复`,
    en: `a restore into the data folder ${dataDir} did not end (${left}); empty the folder and restore again`,
  });
}

function isOurs(name: string, boxFiles: readonly BoxFile[]): boolean {
  return (
    name === 'instance.json' ||
    boxFiles.some(({ path }) => {
      const [first = ''] = path.split('/');
      return name === first || name.startsWith(`${path}-`);
    })
  );
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
