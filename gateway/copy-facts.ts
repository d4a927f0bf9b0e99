import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { CopyFacts } from './backup/make-backup.ts';
import { STATE_FILE } from './engine/state-schema.ts';
import { readIdentity } from './history/offset-file.ts';
import { LOG_FILE } from './log/log-schema.ts';
import { loadSite } from './site/load-site.ts';
import { unreadable } from './storage/storage-error.ts';

/**
 * What the copies in a backup's folder say of themselves, whatever version their tables have: of them only what has been
 * there since version 1 is asked. Rejects with a StorageError where one cannot be read.
 */
export async function readCopyFacts(folder: string, siteName: string): Promise<CopyFacts> {
  const data = join(folder, 'data');
  const last = firstRow(join(data, 'log', LOG_FILE), 'SELECT seq, ms FROM records ORDER BY seq DESC LIMIT 1');
  const state = join(data, STATE_FILE);
  const progress = existsSync(state) ? firstRow(state, 'SELECT seq FROM progress')?.seq : undefined;
  const site = loadSite(join(folder, 'site', siteName), { environment: {} });
  return {
    last: { logSeq: Number(last?.seq ?? 0), logMs: Number(last?.ms ?? 0) },
    progress: Number(progress ?? 0),
    siteHash: site.ok ? site.site.hash : null,
    history: (await readIdentity(join(data, 'history', 'offset.json'))) ?? null,
  };
}

function firstRow(path: string, sql: string): Record<string, SQLOutputValue> | undefined {
  // Nobody else writes the copy, and no files that SQLite would want for that are to come to lie beside it.
  const url = pathToFileURL(path);
  url.search = 'immutable=1';
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(url, { readOnly: true });
    return database.prepare(sql).get();
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    database?.close();
  }
}
