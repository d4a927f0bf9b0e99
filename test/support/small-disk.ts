import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Whether this process may mount a disk of its own; a test that needs one is skipped by name where it may not. */
export const canMount: boolean = tryMount();

/** Mounts an empty disk in memory, `size` as `mount` reads it (`8m`), until the running test has finished. */
export function smallDisk(size: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-disk-'));
  mount(folder, `size=${size},mode=700`);
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', folder]);
    rmdirSync(folder);
  });
  return folder;
}

/** From now on nothing can be written to a disk of {@link smallDisk}. */
export function makeReadOnly(folder: string): void {
  mount(folder, 'remount,ro');
}

function mount(folder: string, options: string): void {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${folder}: ${stderr}`);
}

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  if (status === 0) spawnSync('umount', [folder]);
  rmdirSync(folder);
  return status === 0;
}
