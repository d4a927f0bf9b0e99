import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const modules = join(root, 'node_modules');

/** Folders and files whose imports are checked. */
const sources = [
  'model',
  'adapters',
  'rules',
  'gateway',
  'dashboard',
  'simulators',
  'test',
  'setup.mjs',
  'vitest.config.ts',
];

/** Every check: its name, and what Node is told to run in the project's folder. */
const checks: readonly (readonly [name: string, ...args: string[]])[] = [
  ['biome', join(modules, '@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings'],
  ['tsc', join(modules, 'typescript/bin/tsc'), '--noEmit', '-p', '.'],
  ['tsc (page)', join(modules, 'typescript/bin/tsc'), '--noEmit', '-p', 'dashboard'],
  [
    'dependency-cruiser',
    join(modules, 'dependency-cruiser/bin/dependency-cruiser.mjs'),
    ...sources,
    '--config=.dependency-cruiser.cjs',
    '--output-type=err-long',
  ],
  ['knip', join(modules, 'knip/bin/knip.js'), '--no-progress', '--treat-config-hints-as-errors'],
  ['generated files', 'gateway/site/generate-schema.ts', '--check'],
];

const outcomes = checks.map(([name, ...args]) => {
  console.log(`\n== ${name}`);
  const startMs = performance.now();
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) console.error(error);
  return { name, passed: status === 0, seconds: (performance.now() - startMs) / 1000 };
});

console.log();
for (const { name, passed, seconds } of outcomes) {
  console.log(`${passed ? 'passed' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)`);
}
if (outcomes.some(({ passed }) => !passed)) process.exitCode = 1;
