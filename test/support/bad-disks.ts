import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { findTracer } from './system-calls.ts';

const run = promisify(execFile);

/** Real ms for mounting and the like. */
const COMMAND_MS = 20_000;

/** A disk that fails when it is told to, under a data folder. */
export interface BadDisk {
  readonly dataDir: string;
  /** Fails from now on; `pid` is the process that writes to it. */
  fail(pid: number): Promise<void>;
  /** Works again, with what it had. */
  mend(): Promise<void>;
  /** Unmounts and removes it. */
  remove(): Promise<void>;
}

/** A disk of a kind, or why it cannot be had on this machine. */
export type BadDiskMaker = () => Promise<BadDisk | { readonly missing: string }>;

/** The ways in which a disk can be bad. */
export const badDisks = {
  full: () => mounted(['-t', 'tmpfs', '-o', `size=${SMALL_MIB}m`, 'tmpfs'], fullDisk),
  'read-only for a while': () => traced('error=EROFS', 'pwrite64,pwritev,write,fsync,fdatasync,ftruncate,fallocate'),
  'slow, 200 ms for each sync': () => traced(`delay_enter=${SLOW_SYNC_MS * 1000}`, 'fsync,fdatasync'),
  'that hangs for a while': () => mountedImage(frozenDisk),
} as const satisfies Readonly<Record<string, BadDiskMaker>>;

export type BadDiskName = keyof typeof badDisks;

/** Size of the small disks, MiB. */
const SMALL_MIB = 48;

/** Real ms before each sync of a slow disk. */
const SLOW_SYNC_MS = 200;

const FILL_BYTES = [1024 * 1024, 4096, 1] as const;

/** A folder that is not mounted: what writes to it is traced, and its calls fail. */
async function traced(injection: string, calls: string): Promise<BadDisk | { readonly missing: string }> {
  const strace = await findTracer();
  if (strace === undefined) return { missing: 'strace is missing or may not trace here' };
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-disk-'));
  let tracer: ReturnType<typeof spawn> | undefined;
  const release = async () => {
    if (tracer === undefined || tracer.exitCode !== null) return;
    const ended = once(tracer, 'exit');
    tracer.kill('SIGINT');
    await ended;
    tracer = undefined;
  };
  return {
    dataDir: join(folder, 'data'),
    async fail(pid) {
      const paths = filesIn(folder).flatMap((path) => ['-P', path]);
      const options = ['-f', '-p', String(pid), '-e', `trace=${calls}`, '-e', `inject=${calls}:${injection}`, ...paths];
      tracer = spawn(strace, [...options, '-o', '/dev/null'], { stdio: ['ignore', 'ignore', 'pipe'] });
      const stderr = tracer.stderr;
      if (stderr === null) throw new Error('strace has no stderr');
      const lines = createInterface({ input: stderr });
      for await (const line of lines) if (/attached/.test(line)) break;
      stderr.resume();
    },
    mend: release,
    async remove() {
      await release();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

type MountedDisk = (folder: string) => Pick<BadDisk, 'fail' | 'mend'>;

/** A file system of its own, mounted with these options of `mount`. */
async function mounted(
  options: readonly string[],
  disk: MountedDisk,
  made?: string,
): Promise<BadDisk | { readonly missing: string }> {
  const folder = made ?? (await mkdtemp(join(tmpdir(), 'lamplighter-disk-')));
  const place = join(folder, 'disk');
  mkdirSync(place);
  try {
    await run('mount', [...options, place], { timeout: COMMAND_MS });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return { missing: `no file system can be mounted: ${error instanceof Error ? error.message : String(error)}` };
  }
  const { fail, mend } = disk(place);
  return {
    dataDir: join(place, 'data'),
    fail,
    mend,
    async remove() {
      await run('umount', [place], { timeout: COMMAND_MS });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An ext4 file system in a file. */
async function mountedImage(disk: MountedDisk): Promise<BadDisk | { readonly missing: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-disk-'));
  const image = join(folder, 'image');
  try {
    await run('truncate', ['-s', `${SMALL_MIB}M`, image], { timeout: COMMAND_MS });
    await run('mkfs.ext4', ['-q', '-F', image], { timeout: COMMAND_MS });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return { missing: `no ext4 can be made: ${error instanceof Error ? error.message : String(error)}` };
  }
  return mounted(['-o', 'loop', image], disk, folder);
}

/** Filled up to the last byte, and emptied again. */
function fullDisk(folder: string): Pick<BadDisk, 'fail' | 'mend'> {
  const filler = join(folder, 'filler');
  return {
    async fail() {
      const file = openSync(filler, 'w');
      try {
        for (const bytes of FILL_BYTES) fillWith(file, Buffer.alloc(bytes, 1));
      } finally {
        closeSync(file);
      }
    },
    async mend() {
      rmSync(filler);
    },
  };
}

function fillWith(file: number, bytes: Buffer): void {
  for (;;) {
    try {
      // A write that is cut short has filled the disk, too.
      if (writeSync(file, bytes) < bytes.length) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}

/** Whoever writes waits until it is thawed. */
function frozenDisk(folder: string): Pick<BadDisk, 'fail' | 'mend'> {
  let frozen = false;
  return {
    async fail() {
      await run('fsfreeze', ['-f', folder], { timeout: COMMAND_MS });
      frozen = true;
    },
    async mend() {
      if (frozen) await run('fsfreeze', ['-u', folder], { timeout: COMMAND_MS });
      frozen = false;
    },
  };
}
