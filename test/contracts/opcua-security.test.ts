import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  LogLevel,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  type OPCUAServerOptions,
  SecurityPolicy,
  setLogLevel,
} from 'node-opcua';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import { opcuaCertificates } from '../../adapters/opcua/security/certificates.ts';
import { makeOwn, OWN_FILE } from '../../adapters/opcua/security/own-certificate.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { AdapterRun, type Ending } from '../support/adapter-run.ts';
import { OpcuaServerProcess, PLANT_NAMESPACE } from '../support/opcua-server-process.ts';
import { freePort } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 15_000;
const DAY_MS = 86_400_000;
const PASSWORD = 'a-secret-that-nobody-may-read';

/** Certificates of the servers of this file; making them takes longer than everything else. */
const pki = mkdtempSync(join(tmpdir(), 'lamplighter-opcua-security-'));
afterAll(() => rmSync(pki, { recursive: true, force: true }));
beforeAll(() => setLogLevel(LogLevel.Emergency));

/** What the links of a test told their log. */
const lines: string[] = [];
const log = {
  info: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  warn: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
};

/** A server that trusts every client unless it is told otherwise, and one user by password. */
async function serverOf(options: OPCUAServerOptions & { readonly trusts?: 'all' | 'nobody' } = {}): Promise<string> {
  const { trusts = 'all', ...others } = options;
  const manager = (name: string) =>
    new OPCUACertificateManager({
      rootFolder: join(pki, name),
      automaticallyAcceptUnknownCertificate: trusts === 'all',
      disableFileWatchers: true,
    });
  const port = await freePort();
  const server = new OPCUAServer({
    port,
    host: '127.0.0.1',
    hostname: 'controller.invalid',
    resourcePath: '/UA',
    serverCertificateManager: manager(trusts),
    userCertificateManager: manager(`${trusts}-users`),
    securityPolicies: [SecurityPolicy.Basic256Sha256],
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    allowAnonymous: true,
    isAuditing: false,
    userManager: { isValidUser: (user: string, password: string) => user === 'gateway' && password === PASSWORD },
    ...others,
  });
  await server.initialize();
  await server.start();
  onTestFinished(() => server.shutdown(0));
  return `opc.tcp://127.0.0.1:${port}/UA`;
}

interface Wanted {
  readonly folder: string;
  readonly settings?: object;
  /** The node that is read; the server's state if absent. */
  readonly address?: { readonly namespace: string; readonly node: string };
}

function begin(endpoint: string, { folder, settings, address }: Wanted): AdapterRun {
  const run = new AdapterRun(opcuaProtocol, {
    key: 'lifts',
    settings: { endpoint, security: { policy: 'Basic256Sha256' }, refresh: '200ms', ...settings },
    points: [
      {
        number: 1,
        key: 'lab/value',
        kind: 'double',
        address: address ?? { namespace: 'http://opcfoundation.org/UA/', node: 'i=2267' },
      },
    ],
    clock: systemClock(),
    log,
    folder,
  });
  onTestFinished(async () => {
    await run.abort();
    expect(run.violations).toEqual([]);
  });
  return run;
}

const good = (run: AdapterRun) =>
  run.until('the value is good', () => run.latest('value')?.quality === 'good', WITHIN_MS);

async function ended(run: AdapterRun): Promise<Ending> {
  await run.until('the run ends', () => run.ending !== undefined, WITHIN_MS);
  expect([run.ups, run.goodSamples]).toEqual([0, 0]);
  return run.ended;
}

/** Trusts whatever waits of the link, as somebody does who compared it. */
function trustWhatWaits(folder: string): string {
  const certificates = opcuaCertificates(folder);
  const [waiting] = certificates.servers().filter(({ state }) => state === 'waiting');
  if (waiting === undefined) throw new Error('no certificate waits');
  const done = certificates.trust('lifts', waiting.thumbprint);
  expect(done.ok).toBe(true);
  return waiting.thumbprint;
}

/** A link that has met the server once, and whose server's certificate was trusted then. */
async function acquainted(endpoint: string, settings?: object): Promise<string> {
  const folder = tempFolder();
  await ended(begin(endpoint, { folder, ...(settings && { settings }) }));
  trustWhatWaits(folder);
  return folder;
}

/** Why a run is refused, in both languages. */
async function refusal(run: AdapterRun): Promise<string> {
  const ending = await ended(run);
  expect(ending).toMatchObject({ how: 'refused', reason: { zh: /./, en: /./ } });
  return ending.how === 'refused' ? `${ending.reason.zh}\n${ending.reason.en}` : '';
}

test('an unknown server is refused with the command to trust it, and read once somebody has', async () => {
  const endpoint = await serverOf();
  const folder = tempFolder();
  const why = await refusal(begin(endpoint, { folder }));
  const [waiting] = opcuaCertificates(folder).servers();
  expect(waiting).toMatchObject({ link: 'lifts', state: 'waiting', address: endpoint.slice(10, -3) });
  expect(why).toContain(`npm run lamplighter -- certificates trust lifts ${waiting?.thumbprint}`);
  expect(why).not.toContain('CHANGED');
  trustWhatWaits(folder);
  const run = begin(endpoint, { folder });
  await good(run);
  expect(
    opcuaCertificates(folder)
      .servers()
      .map(({ state }) => state),
  ).toEqual(['trusted']);
  const certificates = run.wire.facts().certificates;
  expect(certificates?.ownUntilMs).toBe(opcuaCertificates(folder).own()?.untilMs);
  expect(certificates?.serverUntilMs).toBe(waiting?.untilMs);
});

test('what a person asks of a server that is not trusted is told the refusal alone, which says what to do', async () => {
  const endpoint = await serverOf();
  const adapter = opcuaProtocol.create({
    ...{ key: 'lifts', points: [], clock: systemClock(), log, wire: untoldWire, folder: tempFolder() },
    settings: { endpoint, security: { policy: 'best' } },
  });
  const { signal } = new AbortController();
  const trouble = { what: { en: expect.stringContaining('certificates trust lifts') }, next: [] };
  expect(await adapter.probe?.({ where: 'i=2258' }, signal)).toMatchObject({ finding: { trouble } });
  expect(await adapter.scan?.({}, signal, () => undefined)).toMatchObject({ end: { trouble } });
});

test('another link does not believe it for that', async () => {
  const endpoint = await serverOf();
  const folder = await acquainted(endpoint);
  const [{ thumbprint } = { thumbprint: '' }] = opcuaCertificates(folder).servers();
  expect(opcuaCertificates(folder).trust('pumps', thumbprint)).toMatchObject({ ok: false });
});

test('a server that comes back with another certificate: lost, refused as changed, and read once it is accepted', async () => {
  const secured = { securityPolicies: ['Basic256Sha256'], securityModes: ['SignAndEncrypt'] } as const;
  const server = await OpcuaServerProcess.start({ ...secured, items: 2, certificatesFolder: join(pki, 'before') });
  onTestFinished(() => server.stop());
  const address = { namespace: PLANT_NAMESPACE, node: 's=n1' };
  const folder = tempFolder();
  await ended(begin(server.endpoint, { folder, address }));
  const before = trustWhatWaits(folder);
  const run = begin(server.endpoint, { folder, address });
  await good(run);
  await server.kill();
  await run.until('the link is lost', () => run.ending?.how === 'lost', WITHIN_MS);
  await server.start({ certificatesFolder: join(pki, 'after') });
  const why = await refusal(begin(server.endpoint, { folder, address }));
  const after = trustWhatWaits(folder);
  expect(after).not.toBe(before);
  for (const word of ['CHANGED', '变了', before, `trust lifts ${after}`]) expect(why).toContain(word);
  const again = begin(server.endpoint, { folder, address });
  await again.until('its item is live again', () => again.latest('value')?.value === 1, WITHIN_MS);
  await server.set(1, 42);
  await again.until('and its changes', () => again.latest('value')?.value === 42, WITHIN_MS);
}, 60_000);

test('a server that does not trust us: the file and the thumbprint to be trusted there', async () => {
  const endpoint = await serverOf({ trusts: 'nobody' });
  const folder = await acquainted(endpoint);
  const why = await refusal(begin(endpoint, { folder }));
  const own = opcuaCertificates(folder).own();
  for (const word of ['不信任我方证书', 'does not trust our certificate', own?.file ?? '?', own?.thumbprint ?? '?'])
    expect(why).toContain(word);
});

test('our certificate is out of its time for the server: clocks are to be checked', async () => {
  const endpoint = await serverOf({ trusts: 'nobody' });
  const folder = await acquainted(endpoint);
  await makeOwn(folder, { days: 1, replace: true, nowMs: Date.now() - 10 * DAY_MS });
  const why = await refusal(begin(endpoint, { folder }));
  // Such a server says no more than that it failed a check; that ours has expired is known here.
  expect(why).toMatch(/check the clocks/);
  expect(why).toContain('certificates make --replace');
});

test('what the server does not offer is told with what it does', async () => {
  const endpoint = await serverOf();
  const folder = tempFolder();
  const why = await refusal(begin(endpoint, { folder, settings: { security: { policy: 'Aes256_Sha256_RsaPss' } } }));
  expect(why).toContain('Basic256Sha256/signAndEncrypt');
  const signed = await refusal(begin(endpoint, { folder, settings: { security: { policy: 'best', mode: 'sign' } } }));
  expect(signed).toContain('Basic256Sha256/signAndEncrypt');
  const none = await refusal(begin(endpoint, { folder, settings: { security: undefined } }));
  expect(none.match(/security: \{ policy: best \}/g)).toHaveLength(2);
});

test('best is the strongest of what is offered', async () => {
  const { Aes128_Sha256_RsaOaep, Basic256Sha256 } = SecurityPolicy;
  const endpoint = await serverOf({ securityPolicies: [Basic256Sha256, Aes128_Sha256_RsaOaep] });
  const settings = { security: { policy: 'best' } };
  const folder = await acquainted(endpoint, settings);
  await good(begin(endpoint, { folder, settings }));
});

test('users: a wrong password, a way that is not accepted, files that are none', async () => {
  const endpoint = await serverOf({ allowAnonymous: false });
  const files = tempFolder();
  await makeOwn(files, { days: 2, replace: false, nowMs: Date.now() });
  await makeOwn(join(files, 'other'), { days: 2, replace: false, nowMs: Date.now() });
  writeFileSync(join(files, 'nonsense.pem'), PASSWORD);
  const [own, other] = [join(files, OWN_FILE), join(files, 'other', OWN_FILE)];
  const user = { username: 'gateway', password: PASSWORD };
  const folder = await acquainted(endpoint, user);
  const why = (settings: object) => refusal(begin(endpoint, { folder, settings }));
  expect(await why({ username: 'gateway', password: `${PASSWORD}!` })).toContain('user name and password');
  expect(await why({})).toMatch(/it accepts: user name and password, user certificate/);
  expect(await why({ userCertificate: own, userKey: join(files, 'nowhere.pem') })).toMatch(/nowhere\.pem.*ENOENT/);
  expect(await why({ userCertificate: own, userKey: join(files, 'nonsense.pem') })).toMatch(/no key/);
  expect(await why({ userCertificate: join(files, 'nonsense.pem'), userKey: own })).toMatch(/no certificate/);
  expect(await why({ userCertificate: own, userKey: other })).toContain('do not belong together');
  await good(begin(endpoint, { folder, settings: user }));
  await good(begin(endpoint, { folder, settings: { userCertificate: own, userKey: own } }));
});

test('a user’s certificate that the server does not know', async () => {
  const endpoint = await serverOf({ userCertificateManager: distrusting(), allowAnonymous: false });
  const files = tempFolder();
  await makeOwn(files, { days: 2, replace: false, nowMs: Date.now() });
  const own = join(files, OWN_FILE);
  const settings = { userCertificate: own, userKey: own };
  const folder = await acquainted(endpoint, settings);
  expect(await refusal(begin(endpoint, { folder, settings }))).toMatch(/user’s certificate|user name and password/);
});

test('a folder that cannot be used, and a certificate of ours that is none, are told as what they are', async () => {
  const endpoint = await serverOf();
  const folder = tempFolder();
  writeFileSync(join(folder, 'file'), '');
  expect(await refusal(begin(endpoint, { folder: join(folder, 'file', 'opcua') }))).toContain('folder of certificates');
  mkdirSync(join(folder, 'opcua'));
  writeFileSync(join(folder, 'opcua', OWN_FILE), 'nonsense');
  expect(await refusal(begin(endpoint, { folder: join(folder, 'opcua') }))).toContain('folder of certificates');
});

test('more sessions than the server has is told, and tried again', async () => {
  const endpoint = await serverOf({ serverCapabilities: { maxSessions: 1 } });
  const folder = await acquainted(endpoint);
  await good(begin(endpoint, { folder }));
  const second = begin(endpoint, { folder });
  expect(await ended(second)).toMatchObject({
    how: 'lost',
    reason: { en: expect.stringContaining('no session left') },
  });
});

test('an abort while the server is asked leaves nothing behind', async () => {
  const endpoint = await serverOf();
  const folder = await acquainted(endpoint);
  for (const waitMs of [0, 10, 30]) {
    const run = begin(endpoint, { folder });
    await until('a moment', WITHIN_MS, waited(waitMs));
    expect(await run.abort()).toEqual({ how: 'resolved' });
  }
});

test('no secret is in any line of the log', () => {
  expect(lines.join('\n')).not.toContain(PASSWORD);
});

function distrusting(): OPCUACertificateManager {
  return new OPCUACertificateManager({
    rootFolder: join(pki, 'distrusting-users'),
    automaticallyAcceptUnknownCertificate: false,
    disableFileWatchers: true,
  });
}

function waited(ms: number): () => boolean {
  const endMs = performance.now() + ms;
  return () => performance.now() >= endMs;
}
