import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import type { Activation } from '../../model/alarm.ts';
import type { Stamp } from '../../model/log.ts';
import { root } from './child.ts';

const casesFolder = join(root, 'test', 'cases', 'upgrade');

/** Names of the kept data folders of earlier versions. */
export const upgradeCases: readonly string[] = readdirSync(casesFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** What the program that wrote a case said of it; see `test/cases/upgrade/make.ts`. */
export interface UpgradeExpectation {
  readonly last: Stamp;
  readonly siteHash: string;
  readonly pointNumbers: Readonly<Record<string, number>>;
  readonly activations: readonly Activation[];
  readonly rates: readonly { readonly system: string; readonly rate: Readonly<Record<string, unknown>> }[];
  readonly outbox: Readonly<Record<string, number>>;
  readonly ledger: Readonly<Record<string, readonly { readonly fromMs: number; readonly class: string }[]>>;
  /** How many samples history has of each point, and the sum of their values. */
  readonly history: Readonly<Record<string, { readonly count: number; readonly sum: number }>>;
}

export interface UpgradeCase {
  readonly siteFile: string;
  readonly expected: UpgradeExpectation;
}

/** Unpacks the data folder of a case into `dataDir`. */
export function unpackCase(name: string, dataDir: string): UpgradeCase {
  const folder = join(casesFolder, name);
  const files = join(folder, 'files');
  for (const entry of readdirSync(files, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = relative(files, join(entry.parentPath, entry.name)).replace(/\.zst$/, '');
    const to = join(dataDir, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, zstdDecompressSync(readFileSync(join(files, `${path}.zst`))));
  }
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as UpgradeExpectation;
  return { siteFile: join(folder, 'site', 'site.yaml'), expected };
}
