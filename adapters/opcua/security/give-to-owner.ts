import { chownSync, statSync } from 'node:fs';

/** What root makes belongs to whom the data folder does: the gateway, which may run as another user, must read it. */
export function giveToOwner(path: string, dataDir: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dataDir);
  chownSync(path, uid, gid);
}
