import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function urlOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the phone has no stdout');
  const [line] = await once(createInterface(child.stdout), 'line');
  const ready = JSON.parse(String(line)) as { ready: boolean; url: string };
  expect(ready.ready).toBe(true);
  return ready.url;
}

test('the phone tells its address, serves it, and goes with its parent', async () => {
  const child = start(['--port', '0', '--with-parent']);
  const url = await urlOf(child);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(url)).status).toBe(200);
  const ended = once(child, 'exit');
  child.stdin?.end();
  expect((await ended)[0]).toBe(0);
});

test('a phone ends on SIGTERM although a page is watching, and asks for signatures if it was given a key', async () => {
  const child = start(['--port', '0', '--secret', 'key']);
  const url = await urlOf(child);
  const live = await fetch(`${url}/live`);
  expect((await fetch(`${url}/webhook`, { method: 'POST', body: '{"id":"a"}' })).status).toBe(401);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
  await expect(live.text()).rejects.toThrow();
});

test('a port that is taken is refused with a line and exit code 2', async () => {
  const { port } = new URL(await urlOf(start(['--port', '0'])));
  const second = start(['--port', port]);
  const stderr: string[] = [];
  second.stderr?.on('data', (chunk) => stderr.push(String(chunk)));
  expect((await once(second, 'close'))[0]).toBe(2);
  expect(stderr.join('')).toMatch(new RegExp(`^port ${port} is taken\n`));
});
