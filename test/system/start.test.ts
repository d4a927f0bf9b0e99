import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SystemReply } from '../../gateway/http/contract.ts';
import type { Instance } from '../../gateway/instance.ts';
import { Child } from '../support/child.ts';
import { freePort } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

/** Real ms for a demo to be there and to be gone. */
const WITHIN_MS = 60_000;

interface RunningDemo {
  readonly child: Child;
  readonly port: number;
  readonly dir: string;
  readonly instance: Instance;
}

async function startDemo(dir = tempFolder()): Promise<RunningDemo> {
  const port = await freePort();
  const child = new Child('gateway/start.ts', ['--port', String(port), '--data', dir]);
  await until('the demo says where its page is', WITHIN_MS, () => {
    if (child.ended) throw new Error(child.lines.join('\n'));
    return child.lines.some((line) => line.includes('Ctrl-C'));
  });
  return { child, port, dir, instance: JSON.parse(readFileSync(join(dir, 'instance.json'), 'utf8')) as Instance };
}

async function litRate(url: string): Promise<number | null | undefined> {
  const systems = (await (await fetch(`${url}/api/systems`)).json()) as SystemReply[];
  return systems.find(({ key }) => key === 'streetlight')?.rates[0]?.value;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: it has ended.
    return false;
  }
}

test('two demos run side by side, each on its own addresses, and end with all their processes', async () => {
  const [one, two] = await Promise.all([startDemo(), startDemo()]);
  try {
    for (const { instance, port } of [one, two]) {
      expect(instance.url).toBe(`http://127.0.0.1:${port}`);
      await until('53 of 67 lamps are lit', WITHIN_MS, async () => (await litRate(instance.url)) === 53 / 67);
      const page = await fetch(instance.url);
      expect(page.headers.get('content-type')).toContain('text/html');
    }
    const addresses = ({ simulators }: Instance) => [
      simulators?.control,
      simulators?.phone,
      ...Object.values(simulators?.links ?? {}),
    ];
    const shared = addresses(one.instance).filter((address) => addresses(two.instance).includes(address));
    expect(shared).toEqual([]);

    const command = new Child('gateway/main.ts', [
      'simulate',
      'fault',
      'intercom-lost',
      '--asset',
      'intercom-2',
      '--data',
      two.dir,
    ]);
    expect(await command.exit()).toBe(0);
    const open = async ({ instance }: RunningDemo) => (await fetch(`${instance.url}/api/alarms`)).text();
    await until('the fault is an alarm of the second', WITHIN_MS, async () => (await open(two)).includes('intercom-2'));
    expect(await open(one)).not.toContain('intercom-2');
  } finally {
    one.child.process.kill('SIGINT');
    two.child.process.kill('SIGTERM');
  }
  expect(await one.child.exit()).toBe(0);
  expect(await two.child.exit()).toBe(0);
  for (const { instance, dir } of [one, two]) {
    expect(isAlive(instance.pid)).toBe(false);
    await expect(fetch(instance.simulators?.control ?? '')).rejects.toThrow();
    await expect(fetch(instance.simulators?.phone ?? '')).rejects.toThrow();
    expect(existsSync(join(dir, 'instance.json'))).toBe(false);
  }
});

test('a demo that is killed takes its processes with it', async () => {
  const { child, instance } = await startDemo();
  await child.end('SIGKILL');
  await until('the gateway has noticed', WITHIN_MS, () => !isAlive(instance.pid));
  await until('the simulator has noticed', WITHIN_MS, () =>
    fetch(instance.simulators?.control ?? '').then(
      () => false,
      () => true,
    ),
  );
  await until('the phone has noticed', WITHIN_MS, () =>
    fetch(instance.simulators?.phone ?? '').then(
      () => false,
      () => true,
    ),
  );
});

test('a process that is killed is named, ends the demo with 1, and its log outlives the restart', async () => {
  const { child, dir, instance } = await startDemo();
  process.kill(instance.pid, 'SIGKILL');
  expect(await child.exit()).toBe(1);
  const log = join(dir, 'gateway.log');
  expect(child.lines.at(-1)).toBe(`lamplighter: gateway ended unexpectedly, see ${log}`);
  const before = readFileSync(log, 'utf8');
  const again = await startDemo(dir);
  expect(readFileSync(log, 'utf8').startsWith(before)).toBe(true);
  expect(await again.child.end()).toBe(0);
});

test('a demo that is told to end while it starts does so at once', async () => {
  const dir = tempFolder();
  const child = new Child('gateway/start.ts', ['--port', '0', '--data', dir]);
  await until('a process is started', WITHIN_MS, () => existsSync(join(dir, 'simulators.log')));
  expect(await child.end('SIGTERM')).toBe(0);
  expect(child.lines).toEqual([]);
});

test.each([
  ['--rate', 'abc', 'must be a number above 0'],
  ['--rate', '0', 'must be a number above 0'],
  ['--seed', 'x', 'must be a whole number'],
])('%s %s is one clear line and exit code 2', async (option, value, text) => {
  const child = new Child('gateway/start.ts', ['--port', '0', '--data', tempFolder(), option, value]);
  expect(await child.exit()).toBe(2);
  expect(child.lines).toEqual([`lamplighter: ${option} ${text}: ${value}`]);
});

test('a port in use is one clear line and exit code 2', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  try {
    for (const file of [['gateway/start.ts'], ['gateway/main.ts', 'run', '--site', 'gateway/demo/site.yaml']]) {
      const [name = '', ...args] = file;
      const child = new Child(name, [...args, '--port', String(port), '--data', tempFolder()]);
      expect(await child.exit()).toBe(2);
      expect(child.lines.filter((line) => !line.startsWith('{'))).toEqual([
        expect.stringMatching(/^lamplighter: port .*in use/),
      ]);
    }
  } finally {
    server.close();
  }
});

test('a data folder that cannot be written is one clear line and exit code 2', async () => {
  const file = join(tempFolder(), 'a-file');
  writeFileSync(file, '');
  const child = new Child('gateway/start.ts', ['--port', '0', '--data', join(file, 'data')]);
  expect(await child.exit()).toBe(2);
  expect(child.lines).toEqual([expect.stringMatching(/^lamplighter: data folder .* cannot be written/)]);
});

test.runIf(existsSync('/proc/self'))('a data folder where nothing can be made is refused at once', async () => {
  for (const dir of ['/proc', '/proc/lamplighter/data']) {
    const child = new Child('gateway/start.ts', ['--port', '0', '--data', dir]);
    expect(await child.exit()).toBe(2);
    expect(child.lines).toEqual([expect.stringMatching(/^lamplighter: data folder .* cannot be written/)]);
  }
});

test('a second gateway on the same data folder is told who holds it', async () => {
  const { child, dir, instance } = await startDemo();
  try {
    const second = new Child('gateway/main.ts', [
      'run',
      '--site',
      'gateway/demo/site.yaml',
      '--port',
      '0',
      '--data',
      dir,
    ]);
    expect(await second.exit()).toBe(2);
    expect(second.lines.join('\n')).toContain(`the data folder ${dir} is in use by process ${instance.pid}`);
    const log = join(dir, 'simulators.log');
    const before = readFileSync(log, 'utf8');
    const demo = new Child('gateway/start.ts', ['--port', '0', '--data', dir]);
    expect(await demo.exit()).toBe(2);
    expect(demo.lines).toEqual([
      expect.stringMatching(`^lamplighter: .*data folder ${dir} is in use by process ${instance.pid} `),
    ]);
    expect(readFileSync(log, 'utf8').startsWith(before)).toBe(true);
    expect(readFileSync(log, 'utf8').match(/ simulators starts$/gm)).toHaveLength(1);
  } finally {
    await child.end();
  }
});

test('commands speak the language of the terminal and say what was wrong', async () => {
  const zh = { LANG: 'zh_CN.UTF-8', LC_ALL: 'zh_CN.UTF-8' };
  const none = new Child('gateway/main.ts', ['simulate', 'fault', 'feeder-trip', '--data', tempFolder()], zh);
  expect(await none.exit()).toBe(3);
  expect(none.lines).toEqual([expect.stringContaining('没有正在运行的实例')]);
  const unknown = new Child('gateway/main.ts', ['simmulate']);
  expect(await unknown.exit()).toBe(2);
  expect(unknown.lines).toEqual([expect.stringContaining('there is no command "simmulate"')]);
  const open = new Child('gateway/main.ts', [
    'run',
    '--site',
    'gateway/demo/site.yaml',
    '--host',
    '0.0.0.0',
    '--data',
    tempFolder(),
  ]);
  expect(await open.exit()).toBe(2);
  expect(open.lines).toEqual([expect.stringContaining('LAMPLIGHTER_TOKEN')]);
});
