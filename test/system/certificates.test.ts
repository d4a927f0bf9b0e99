import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { HealthReply, LinkReply } from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { OpcuaServerProcess } from '../support/opcua-server-process.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

/** A link that is refused is tried again each 30 s; less than that shows that it was told. */
const AT_ONCE_MS = 15_000;
const WITHIN_MS = 40_000;
const PASSWORD = 'a-secret-of-this-test';

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-certificates-'));
const siteFile = join(folder, 'site.yaml');
const dataDir = join(folder, 'data');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const siteText = (endpoint: string) => `
site: { key: lifts, name: { zh: 电梯, en: Lifts }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - key: lifts
    name: { zh: 电梯, en: Lifts }
    protocol: opcua
    endpoint: "${endpoint}"
    security: { policy: best }
    username: gateway
    password: "\${LIFTS_PASSWORD}"
systems:
  - { key: lift, name: { zh: 电梯, en: Lifts }, rates: [] }
assets: []
`;

/** Runs a command to its end; what it printed, and its exit code. */
async function certificates(...args: string[]): Promise<{ code: number | string | null; text: string }> {
  const child = new Child('gateway/main.ts', ['certificates', '--data', dataDir, ...args]);
  const code = await child.exit();
  return { code, text: child.lines.join('\n') };
}

test('what the commands cannot use is one line with what to do, and another program at our port is no gateway', async () => {
  const data = join(folder, 'odd');
  mkdirSync(join(data, 'opcua'), { recursive: true });
  const own = join(data, 'opcua', 'own.pem');
  writeFileSync(own, 'damaged');
  const other = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const instance = {
    pid: 1,
    version: '0',
    url: `http://127.0.0.1:${port}`,
    token: null,
    startedMs: 0,
    simulators: null,
  };
  writeFileSync(join(data, 'instance.json'), JSON.stringify(instance));
  const shown = await certificates('--data', data);
  expect(shown.text.split('\n')).toHaveLength(1);
  expect(shown).toMatchObject({ code: 2, text: expect.stringContaining(`make --replace --data ${data}`) });
  const made = await certificates('make', '--replace', '--data', data);
  expect(made).toMatchObject({ code: 0, text: expect.stringContaining('no gateway runs') });
  rmSync(join(data, 'opcua'), { recursive: true });
  writeFileSync(join(data, 'opcua'), '');
  const barred = await certificates('make', '--data', data);
  expect(barred.text.split('\n')).toHaveLength(1);
  expect(barred).toMatchObject({ code: 2, text: expect.stringContaining('as root') });
});

test('a server is trusted by command, refused by command, and a new certificate of ours is used at once', async () => {
  const server = await OpcuaServerProcess.start({
    items: 1,
    securityPolicies: ['Basic256Sha256', 'Aes128_Sha256_RsaOaep'],
    securityModes: ['SignAndEncrypt'],
    users: { gateway: PASSWORD },
    allowAnonymous: false,
  });
  onTestFinished(() => server.stop());
  writeFileSync(siteFile, siteText(server.endpoint));
  mkdirSync(dataDir);
  expect(await certificates('make', '--days', '20')).toMatchObject({
    code: 0,
    text: expect.stringContaining('no gateway runs'),
  });
  expect((await certificates('make')).code).toBe(1);

  const port = await freePort();
  const args = ['run', '--site', siteFile, '--data', dataDir, '--port', String(port)];
  const gateway = new Child('gateway/main.ts', args, { LIFTS_PASSWORD: PASSWORD });
  onTestFinished(async () => void (await gateway.end()));
  await gateway.ready();
  const get = async <T>(path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T;
  const link = async () => (await get<LinkReply[]>('/api/links'))[0];
  const linkIs = (state: LinkReply['state'], withinMs: number) =>
    until(`the link is ${state}`, withinMs, async () => {
      const now = await link();
      return now?.state === state && now;
    });

  const refused = await linkIs('refused', WITHIN_MS);
  const command = /certificates (trust lifts [0-9a-f]{40} --data \S+)/.exec(refused.reason?.en ?? '')?.[1] ?? '';
  const [, , thumbprint = '', , where = ''] = command.split(' ');
  expect(where).toBe(dataDir);
  expect((await certificates('trust', 'lifts', 'ab'.repeat(20))).code).toBe(1);
  expect(await certificates('trust', 'lifts', thumbprint)).toMatchObject({
    code: 0,
    text: expect.stringContaining('lifts connects anew'),
  });
  const up = await linkIs('up', AT_ONCE_MS);
  expect(up.wire.certificates?.serverUntilMs).toBeGreaterThan(Date.now());

  // Ours ends in 20 days: told ahead, to whoever asks, and to the rules.
  await until(
    'the end is told',
    WITHIN_MS,
    async () => (await get<HealthReply>('/api/health')).certificates.expiring === 1,
  );
  const alarms = () => get<{ alarm: string }[]>('/api/alarms');
  await until('and alarmed', WITHIN_MS, async () =>
    (await alarms()).some(({ alarm }) => alarm === 'certificate-expiring'),
  );
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toMatch(/lamplighter_certificates_expiring 1\n/);
  expect(metrics).toMatch(/lamplighter_link_own_certificate_until_ms\{link="lifts"\} \d{13}/);

  const before = up.wire.certificates?.ownUntilMs ?? 0;
  expect(await certificates('make', '--replace')).toMatchObject({
    code: 0,
    text: expect.stringContaining('lifts connects anew'),
  });
  await until('the new one is used', AT_ONCE_MS, async () => {
    const now = await link();
    return now?.state === 'up' && (now.wire.certificates?.ownUntilMs ?? 0) > before;
  });
  expect((await certificates('refuse', 'lifts')).code).toBe(0);
  await linkIs('refused', AT_ONCE_MS);
  const shown = await certificates();
  expect(shown.text).toMatch(/lifts 127\.0\.0\.1:\d+: waits to be trusted/);

  // Nothing secret in what the gateway said, or the commands.
  const key = /-----BEGIN PRIVATE KEY-----\n(.{40})/.exec(readFileSync(join(dataDir, 'opcua', 'own.pem'), 'utf8'))?.[1];
  expect(key).toHaveLength(40);
  const said = [...gateway.lines, shown.text, JSON.stringify(refused)].join('\n');
  expect(said).not.toContain(PASSWORD);
  expect(said).not.toContain(key);
  expect(said).toContain('link refused');
});
