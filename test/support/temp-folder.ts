import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder that is removed when the running test has finished. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
