import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Rules {
  readonly forbidden: readonly { readonly name: string; readonly from: { readonly pathNot?: string | string[] } }[];
  readonly options: Record<string, unknown>;
}

const root = join(import.meta.dirname, '..', '..');
const { forbidden, options }: Rules = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs'));

/** Library → pattern of the folder that may import it, as the rules have it. */
const owners = new Map(
  forbidden
    .filter(({ name }) => name.startsWith('owner-of-'))
    .map(({ name, from }) => [name.slice('owner-of-'.length), new RegExp([from.pathNot].flat().at(-1) ?? '^$')]),
);

type Refused = readonly [rule: string, file: string, statement: string];

/** An import that the named rule must refuse: a file, and the statement in it. */
const refused: readonly Refused[] = [
  ['model-imports-nothing', 'model/a.ts', "import type { X } from '../rules/x.ts';"],
  ['rules-import-model', 'rules/a.ts', "import type { X } from '../gateway/engine/x.ts';"],
  ['adapter-imports-itself-and-model', 'adapters/mqtt/a.ts', "import { x } from '../modbus/x.ts';"],
  ['registry-imports-adapters', 'adapters/a.ts', "import { x } from '../rules/x.ts';"],
  ['site-imports-model-profiles-schemas', 'gateway/site/a.ts', "import { x } from '../../rules/x.ts';"],
  ['site-imports-model-profiles-schemas', 'gateway/site/b.ts', "import { x } from '../../adapters/modbus/x.ts';"],
  ['engine-imports-rules', 'gateway/engine/a.ts', "import { x } from '../log/x.ts';"],
  ['replay-imports-rules', 'gateway/replay/a.ts', "import { x } from '../log/x.ts';"],
  ['replay-imports-rules', 'gateway/replay/b.ts', "import type { X } from '../engine/x.ts';"],
  ['point-list-imports-site', 'gateway/point-list/a.ts', "import { x } from '../../adapters/modbus/x.ts';"],
  ['links-import-adapters', 'gateway/links/a.ts', "import { x } from '../../rules/x.ts';"],
  ['part-imports-model', 'gateway/log/a.ts', "import { x } from '../history/x.ts';"],
  ['part-imports-model', 'gateway/history/a.ts', "import type { X } from '../log/x.ts';"],
  ['part-imports-model', 'gateway/duty/channels/a.ts', "import { x } from '../../../rules/x.ts';"],
  ['part-imports-model', 'gateway/http/a.ts', "import { x } from '../engine/x.ts';"],
  ['backup-imports-storage', 'gateway/backup/a.ts', "import { x } from '../log/x.ts';"],
  ['storage-imports-model', 'gateway/storage/a.ts', "import { x } from '../log/x.ts';"],
  ['root-imports-no-page-no-simulator', 'gateway/a.ts', "import { x } from '../simulators/x.ts';"],
  ['root-imports-no-page-no-simulator', 'gateway/demo/a.ts', "import { x } from '../../dashboard/x.ts';"],
  ['gateway-part-has-a-rule', 'gateway/novelty/a.ts', "import type { X } from '../../model/x.ts';"],
  ['dashboard-imports-contract', 'dashboard/a.ts', "import type { X } from '../model/x.ts';"],
  ['dashboard-imports-contract', 'dashboard/parts/a.tsx', "import type { X } from '../../gateway/http/x.ts';"],
  ['dashboard-imports-contract-types', 'dashboard/b.ts', "import { x } from '../gateway/http/contract.ts';"],
  ['simulators-import-nothing', 'simulators/plant/a.ts', "import type { X } from '../../model/x.ts';"],
  ['model-and-rules-do-no-io', 'rules/b.ts', "import { readFileSync } from 'node:fs';"],
  ['nothing-imports-tests', 'gateway/b.ts', "import { x } from '../test/x.ts';"],
  ['nothing-imports-tests', 'rules/c.ts', "import { x } from './x.test.ts';"],
  ['no-cycle', 'rules/cycle.ts', "import { x } from './z-cycle.ts';"],
  ['import-resolves', 'gateway/log/b.ts', "import { x } from './nowhere.ts';"],
  ['library-is-declared', 'gateway/log/c.ts', "import { x } from 'undeclared';"],
  ['gateway-runs-without-dev-dependencies', 'gateway/log/d.ts', "import { x } from 'fast-check';"],
  ...[...owners].flatMap(([library, owner], index) =>
    [
      [`owner-of-${library}`, `gateway/novelty/owned-${index}.ts`, `import type { X } from '${library}';`] as const,
      [`owner-of-${library}`, `dashboard/owned-${index}.ts`, `import { x } from '${library}/part.js';`] as const,
    ].filter(([, file]) => !owner.test(file)),
  ),
];

/** Imports that no rule may refuse. */
const accepted: readonly (readonly [file: string, statement: string])[] = [
  ['rules/ok.ts', "import type { X } from '../model/x.ts';"],
  ['rules/type-cycle.ts', "import type { X } from './z-type-cycle.ts';"],
  ['rules/ok.test.ts', "import { x } from '../gateway/log/x.ts'; import { readFileSync } from 'node:fs';"],
  ['adapters/registry.ts', "import { x } from './modbus/x.ts';"],
  ['adapters/modbus/ok.ts', "import { x } from 'modbus-serial'; import { y } from './x.ts';"],
  ['gateway/site/ok.ts', "import { x } from '../../rules/profile.ts'; import { y } from '../../adapters/registry.ts';"],
  ['gateway/engine/ok.ts', "import { x } from '../../rules/x.ts'; import { y } from '../storage/x.ts';"],
  ['gateway/backup/ok.ts', "import { x } from '../storage/x.ts'; import type { X } from '../../model/x.ts';"],
  ['gateway/replay/ok.ts', "import { x } from '../../rules/x.ts'; import type { X } from '../../model/x.ts';"],
  ['gateway/http/ok.ts', "import { x } from './contract.ts'; import { y } from 'fastify';"],
  ['gateway/ok.ts', "import { x } from './log/x.ts'; import { y } from '../rules/x.ts'; import { z } from 'pino';"],
  ['dashboard/ok.tsx', "import type { X } from '../gateway/http/contract.ts'; import { y } from 'preact';"],
  ['simulators/ok.ts', "import { x } from 'aedes'; import { readFileSync } from 'node:fs';"],
  ['test/ok.ts', "import { x } from '../gateway/log/x.ts'; import { y } from '../simulators/x.ts';"],
];

/** Files that the statements above lead to; each exports a value and a type. */
const targets = [
  ...['model', 'rules', 'dashboard', 'simulators', 'test', 'adapters/modbus'].map((folder) => `${folder}/x.ts`),
  ...['engine', 'log', 'history', 'http', 'storage'].map((part) => `gateway/${part}/x.ts`),
  'gateway/http/contract.ts',
  'rules/profile.ts',
  'rules/x.test.ts',
];

describe('import rules', () => {
  let folder: string;
  let violations: { readonly rule: string; readonly file: string }[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lamplighter-imports-'));
    const write = (file: string, text: string) => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    };
    const { dependencies, devDependencies } = readPackage();
    write('package.json', JSON.stringify({ type: 'module', dependencies, devDependencies }));
    for (const library of [...owners.keys(), 'undeclared']) {
      write(
        `node_modules/${library}/package.json`,
        JSON.stringify({ name: library, version: '1.0.0', main: 'index.js' }),
      );
      write(`node_modules/${library}/index.js`, 'export const x = 1, y = 1, z = 1;');
      write(`node_modules/${library}/part.js`, 'export const x = 1;');
    }
    for (const file of targets) write(file, 'export const x = 1, y = 1; export type X = typeof x;\n');
    for (const [, file, statement] of refused) write(file, `${statement}\nexport const own = 1;\n`);
    for (const [file, statement] of accepted) write(file, `${statement}\nexport const own = 1;\n`);
    // A cycle is reported once, at its first file by name.
    write('rules/z-cycle.ts', "import { own } from './cycle.ts';\nexport const x = own;\n");
    write('rules/z-type-cycle.ts', "import { own } from './type-cycle.ts';\nexport type X = typeof own;\n");
    const folders = ['model', 'rules', 'adapters', 'gateway', 'dashboard', 'simulators', 'test'];
    const { output } = await cruise(folders, {
      ...options,
      baseDir: folder,
      validate: true,
      ruleSet: { forbidden: forbidden as never },
    });
    violations = (output as ICruiseResult).summary.violations.map(({ rule, from }) => ({
      rule: rule.name,
      file: from,
    }));
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(refused)('%s refuses %s: %s', (rule, file) => {
    expect(violations).toContainEqual({ rule, file });
  });

  it.each(accepted)('accepts %s: %s', (file) => {
    expect(violations.filter((violation) => violation.file === file)).toEqual([]);
  });

  it('tries every rule', () => {
    expect(new Set(refused.map(([rule]) => rule))).toEqual(new Set(forbidden.map(({ name }) => name)));
  });

  it('knows an owner of every library that can be imported', () => {
    // Programs, plugins and types that no file imports.
    const tools = /^(@biomejs\/biome|@types\/|knip$|typescript$|node-(linux|darwin|win)-)/;
    const { dependencies, devDependencies } = readPackage();
    const libraries = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !tools.test(name));
    expect(libraries.filter((name) => !owners.has(name))).toEqual([]);
  });
});

function readPackage() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Record<string, string>;
    readonly devDependencies: Record<string, string>;
  };
}
