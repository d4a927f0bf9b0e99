import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unreadable } from './storage/storage-error.ts';

const FILE = 'acknowledge.key';
const KEY_BYTES = 32;

/**
 * The key that signs links in notices: made once, readable by the owner only. One that is cut short or empty is made
 * anew, since anybody could forge links that it signs. Throws a StorageError `unreadable`.
 */
export function acknowledgeKey(dataDir: string): Buffer {
  const path = join(dataDir, FILE);
  try {
    const kept = existsSync(path) ? readFileSync(path) : undefined;
    if (kept?.length === KEY_BYTES) return kept;
    const key = randomBytes(KEY_BYTES);
    const temporary = `${path}.new`;
    // One that a crash left behind may have other permissions.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, key, { mode: 0o600, flush: true });
    renameSync(temporary, path);
    return key;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
