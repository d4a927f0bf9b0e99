import { spawnSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '..', '..');

/** What the linter must find by type; such rules fall silent when they cannot tell a promise. */
const samples: readonly (readonly [rule: string, text: string])[] = [
  ['noFloatingPromises', 'async function work() {}\nexport function start() {\n  work();\n}\n'],
  [
    'noMisusedPromises',
    'async function work() {}\nexport function start() {\n  if (work()) return 1;\n  return 2;\n}\n',
  ],
  ['noMisusedPromises', 'async function work() {}\nexport function start() {\n  [1].forEach(async () => work());\n}\n'],
  [
    'useExhaustiveSwitchCases',
    "export function pick(kind: 'a' | 'b') {\n  switch (kind) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
  ],
];

it('the linter sees forgotten promises and cases', () => {
  const folder = tempFolder();
  copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  for (const [index, [, text]] of samples.entries()) writeFileSync(join(folder, `sample-${index}.ts`), text);
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const args = [biome, 'ci', '--vcs-enabled=false', '--error-on-warnings', '--reporter=github', '.'];
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect(status).toBe(1);
  for (const [index, [rule]] of samples.entries()) {
    expect(stdout).toMatch(new RegExp(`::error title=lint/\\w+/${rule},file=[^,]*sample-${index}\\.ts,`));
  }
});
