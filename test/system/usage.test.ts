import { expect, test } from 'vitest';
import { Child } from '../support/child.ts';
import { writeProbeSite } from '../support/probe-site.ts';
import { tempFolder } from '../support/temp-folder.ts';

const zh = { LANG: 'zh_CN.UTF-8', LC_ALL: 'zh_CN.UTF-8' };

test.each([
  ['gateway/start.ts', ['--foo'], 'there is no option --foo', '没有选项 --foo'],
  ['gateway/start.ts', ['foo'], 'unexpected argument: foo', '多余的参数：foo'],
  ['gateway/main.ts', ['run', '--site'], 'option --site needs a value', '选项 --site 缺少值'],
  ['gateway/main.ts', ['check', 'x', '--json=1'], 'option --json takes no value', '选项 --json 不带值'],
])('%s %j is one line and exit code 2', async (file, args, inEnglish, inChinese) => {
  for (const [environment, line] of [
    [{}, inEnglish],
    [zh, inChinese],
  ] as const) {
    const child = new Child(file, args, environment);
    expect(await child.exit()).toBe(2);
    expect(child.lines).toEqual([`lamplighter: ${line}`]);
  }
});

test('--help prints the commands, and the options of one, on stdout', async () => {
  const help = async (args: readonly string[], environment = {}) => {
    const child = new Child('gateway/main.ts', args, environment);
    expect(await child.exit()).toBe(0);
    return child.lines.join('\n');
  };
  expect(await help(['--help'])).toMatch(/^ {2}replay +run the log again/m);
  // Also beside what would be refused.
  expect(await help(['check', 'a', 'b', '--help'], zh)).toContain('--strict  有警告也算不通过');
});

test('check counts what a site has, one of it as one', async () => {
  const file = writeProbeSite(tempFolder(), { probes: 1, brokerPort: 1 });
  const child = new Child('gateway/main.ts', ['check', file]);
  expect(await child.exit()).toBe(0);
  expect(child.lines).toEqual([`${file}: 1 link, 1 asset, 2 points`]);
});
