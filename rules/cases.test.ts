import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRuleCase } from '../test/support/rule-case.ts';
import { reportOf } from '../test/support/rule-report.ts';
import { runRuleCase } from '../test/support/rule-run.ts';

const folder = fileURLToPath(new URL('../test/cases/rules/', import.meta.url));
const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

test.each(names)('case %s', (name) => {
  const ruleCase = readRuleCase(join(folder, name));
  const { expected, got } = reportOf(ruleCase, runRuleCase(ruleCase));
  expect(got).toBe(expected);
});
