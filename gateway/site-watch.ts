import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as realDelay } from 'node:timers/promises';

/** How often the files are looked at, real ms. */
export interface WatchPace {
  readonly lookEveryMs: number;
  /** Files that do not come to rest are read after this time all the same. */
  readonly longestUnrestMs: number;
  /** Files that could not be taken over for a reason outside of them are tried again after this time. */
  readonly retryMs: number;
}

const usualPace: WatchPace = { lookEveryMs: 1000, longestUnrestMs: 10_000, retryMs: 30_000 };

/** Profiles and maps beside a site file that are watched at most; a reload by hand reads those beyond as well. */
const MAX_PACKS = 5000;

export interface WatchOptions {
  /** The site file; profiles and maps are looked for beside it. */
  readonly path: string;
  /** What {@link fileMarks} gave before the files were last read, by whomever. */
  readonly read: () => string;
  /** Called once the files are other than when they were read, and at rest; false where it could not be done. */
  readonly onChange: () => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly pace?: WatchPace;
}

/**
 * Looks at the site file and at the profiles and maps beside it until `signal` aborts. It asks the file system each time
 * rather than being told: editors replace files, containers swap links, network shares tell nobody.
 */
export async function watchSite({ path, read, onChange, signal, pace = usualPace }: WatchOptions): Promise<void> {
  let last = '';
  let restlessSinceMs: number | undefined;
  let notBeforeMs = 0;
  for (;;) {
    // It rejects only where it is aborted, which the next line sees.
    await realDelay(pace.lookEveryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const now = await fileMarks(path);
    const atRest = now === last;
    last = now;
    if (now === read()) {
      restlessSinceMs = undefined;
      continue;
    }
    restlessSinceMs ??= performance.now();
    if (!atRest && performance.now() - restlessSinceMs < pace.longestUnrestMs) continue;
    if (performance.now() < notBeforeMs) continue;
    restlessSinceMs = undefined;
    if (!(await onChange())) notBeforeMs = performance.now() + pace.retryMs;
  }
}

/**
 * What the file system says of the site file and the packs beside it: another text as soon as one of them is written,
 * replaced, added or removed.
 */
export async function fileMarks(path: string): Promise<string> {
  const packs = await packFiles(path);
  const marks: string[] = [];
  for (const file of [path, ...packs]) marks.push(`${file} ${await markOf(file)}`);
  return marks.join('\n');
}

async function markOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file);
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    // Not there, or not to be looked at: the load says so, with the place.
    return 'absent';
  }
}

/** Paths of the profiles and maps beside the site file at `path`. */
export async function packFiles(path: string): Promise<readonly string[]> {
  const folder = dirname(path);
  const maps = join(folder, 'maps');
  const folders = [join(folder, 'profiles'), ...(await entries(maps)).map((name) => join(maps, name))];
  const files: string[] = [];
  for (const packs of folders) {
    for (const name of await entries(packs)) if (name.endsWith('.yaml')) files.push(join(packs, name));
  }
  return files.slice(0, MAX_PACKS);
}

/** Names in a folder; none where there is no such folder. */
async function entries(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    // Most sites have no packs of their own.
    return [];
  }
}
