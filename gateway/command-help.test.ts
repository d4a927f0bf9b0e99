import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CommandHelp, type CommandName, commandHelps, helpOf, overview } from './command-help.ts';

const names = Object.keys(commandHelps) as CommandName[];
/** Files in which a command reads its options. */
const files: Partial<Record<CommandName, readonly string[]>> = {
  run: ['run.ts'],
  export: ['export-command.ts', 'export-points.ts'],
};

/** The options that a command reads, by its source. */
function optionsRead(name: CommandName): string[] {
  const sources = (files[name] ?? [`${name}-command.ts`]).map((file) =>
    readFileSync(join(import.meta.dirname, file), 'utf8'),
  );
  const text = sources.join('\n');
  const declared = [...text.matchAll(/['"]?([a-z-]+)['"]?: \{ type: '(?:string|boolean)'/g)].map(
    ([, option]) => option,
  );
  const listed = /const protocolOptions = \[(.*?)\]/s.exec(text)?.[1]?.match(/[a-z-]+/g) ?? [];
  return [...new Set([...declared, ...listed])].map((option) => `--${option}`).sort();
}

test.each(names)('%s tells of each option that it reads, and of no other', (name) => {
  const { options }: CommandHelp = commandHelps[name];
  const told = options.map(({ option }) => option.en.split(' ')[0]);
  expect(told.toSorted()).toEqual(optionsRead(name));
  expect(options.map(({ option }) => option.zh.split(' ')[0])).toEqual(told);
});

test('the help of a command has its usage, what it does and its options, in the language of the terminal', () => {
  expect(helpOf('reload', 'en')).toBe(`usage: npm run lamplighter -- reload

make the running gateway read its site file again

  --data DIR  the gateway's data folder; data if absent
`);
  expect(helpOf('check', 'zh').split('\n').slice(4)).toEqual([
    '  --json    输出 JSON，供程序读取',
    '  --points  没有错误时，列出每个点在线上的地址',
    '  --strict  有警告也算不通过',
    '',
  ]);
  for (const name of names) expect(overview('zh')).toContain(`\n  ${name} `);
});
