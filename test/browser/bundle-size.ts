import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What a browser loads before the first page is drawn: scripts and styles, gzip −9, bytes. */
export const FIRST_ROUTE_BUDGET_BYTES = 45_000;
/** All scripts and styles together, gzip −9, bytes. */
export const ALL_BUDGET_BYTES = 120_000;

/** An entry of Vite's manifest, as far as it is used here. */
interface Chunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly imports?: readonly string[];
  readonly isEntry?: boolean;
}

/** Sizes of a built page in bytes after gzip, with the files that they are the sum of. */
export interface BundleSize {
  readonly firstRouteBytes: number;
  readonly firstRouteFiles: readonly string[];
  readonly allBytes: number;
  readonly allFiles: readonly string[];
}

/** Measures the page that was built into `folder`; throws if its manifest has no entry. */
export function measureBundle(folder: string): BundleSize {
  const manifest = JSON.parse(readFileSync(join(folder, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>;
  const entry = Object.entries(manifest).find(([, chunk]) => chunk.isEntry === true);
  if (entry === undefined) throw new Error(`${folder} has no entry in its manifest`);
  const firstRouteFiles = [...filesOf(entry[0], manifest)];
  const allFiles = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(?:js|css)$/.test(path),
  );
  const sum = (files: readonly string[]) =>
    files.reduce((bytes, file) => bytes + gzipSync(readFileSync(join(folder, file)), { level: 9 }).length, 0);
  return { firstRouteBytes: sum(firstRouteFiles), firstRouteFiles, allBytes: sum(allFiles), allFiles };
}

/** The chunk's own files and those of all that it imports at once; what it imports later is not among them. */
function filesOf(key: string, manifest: Record<string, Chunk>, seen = new Set<string>()): Set<string> {
  const chunk = manifest[key];
  if (chunk === undefined || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const file of chunk.css ?? []) seen.add(file);
  for (const imported of chunk.imports ?? []) filesOf(imported, manifest, seen);
  return seen;
}
