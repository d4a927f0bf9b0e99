import { X509Certificate } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { SetupRefused } from '../../../model/adapter.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { factsOf, readCertificate, thumbprintOf } from './certificate-facts.ts';
import { opcuaCertificates } from './certificates.ts';
import { judgeServer } from './judge-server.ts';
import { GIVEN_FILE, makeOwn, OWN_FILE, ownOrMade, readOwn } from './own-certificate.ts';
import { MAX_WAITING, ServerCertificates } from './server-certificates.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-11-24T12:00:00Z');
const ADDRESS = '10.0.0.7:4840';

async function certificateOf(days = 100): Promise<X509Certificate> {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  await makeOwn(folder, { days, replace: false, nowMs: NOW_MS });
  const certificate = new X509Certificate(readFileSync(join(folder, OWN_FILE)));
  rmSync(folder, { recursive: true });
  return certificate;
}

const [first, second] = await Promise.all([certificateOf(), certificateOf()]);

test('the own certificate is made once, whoever asks at the same time, and stays', async () => {
  const folder = join(tempFolder(), 'opcua');
  expect(readOwn(folder)).toBeUndefined();
  const all = await Promise.all([1, 2, 3].map(() => ownOrMade(folder, NOW_MS)));
  const again = await ownOrMade(folder, NOW_MS + DAY_MS);
  const prints = new Set([...all, again].map(({ facts }) => facts.thumbprint));
  expect(prints.size).toBe(1);
  expect(readdirSync(folder).sort()).toEqual([GIVEN_FILE, OWN_FILE].sort());
});

test('its key is for its owner alone, and what is given to servers has none', async () => {
  const folder = tempFolder();
  await makeOwn(folder, { days: 10, replace: false, nowMs: NOW_MS });
  const own = readOwn(folder);
  expect(statSync(join(folder, OWN_FILE)).mode & 0o777).toBe(0o600);
  expect(own?.facts.file).toBe(join(folder, GIVEN_FILE));
  expect(readFileSync(join(folder, GIVEN_FILE)).equals(own?.certificate.raw ?? Buffer.alloc(0))).toBe(true);
});

test('it says who it is by the URI that the client announces, and begins before a server’s late clock', async () => {
  const folder = tempFolder();
  await makeOwn(folder, { days: 30, replace: false, nowMs: NOW_MS });
  const own = readOwn(folder);
  expect(own?.facts.uri).toBe(own?.applicationUri);
  expect(own?.applicationUri).toMatch(/^urn:.*:Lamplighter:/);
  expect(own?.facts.fromMs).toBeLessThan(NOW_MS - DAY_MS);
  expect(own?.facts.untilMs).toBeGreaterThanOrEqual(NOW_MS + 30 * DAY_MS - 1000);
  expect(own?.facts.untilMs).toBeLessThan(NOW_MS + 31 * DAY_MS);
});

test('one that is there is replaced only where somebody says so', async () => {
  const folder = tempFolder();
  const certificates = opcuaCertificates(folder);
  const wanted = { days: 10, replace: false, nowMs: NOW_MS };
  const made = await certificates.make(wanted);
  const refused = await certificates.make(wanted);
  const before = certificates.own()?.thumbprint;
  expect(made.ok && made.value.thumbprint).toBe(before);
  expect(refused).toMatchObject({
    ok: false,
    text: { zh: expect.stringContaining('--replace'), en: expect.stringContaining(before ?? 'none') },
  });
  expect(await certificates.make({ ...wanted, replace: true })).toMatchObject({ ok: true });
  expect(certificates.own()?.thumbprint).not.toBe(before);
});

test('a file that is none of ours is told, and not replaced', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, OWN_FILE), 'not a key');
  const told = await ownOrMade(folder, NOW_MS).catch((error: unknown) => error);
  expect(told).toBeInstanceOf(SetupRefused);
  const command = `certificates make --replace --data ${dirname(folder)}`;
  for (const text of Object.values((told as SetupRefused).reason)) {
    for (const word of [join(folder, OWN_FILE), command]) expect(text).toContain(word);
  }
  expect(readFileSync(join(folder, OWN_FILE), 'utf8')).toBe('not a key');
});

test('what a server shows waits, is trusted by its thumbprint alone, and can be refused again', () => {
  const servers = new ServerCertificates(tempFolder());
  expect(servers.trust('lifts', thumbprintOf(first))).toMatchObject({ ok: false });
  servers.putAside('lifts', ADDRESS, first);
  servers.putAside('pumps', '[fe80::1]:4840', second);
  expect(servers.all().map(({ link, address, state }) => [link, address, state])).toEqual([
    ['lifts', ADDRESS, 'waiting'],
    ['pumps', '[fe80::1]:4840', 'waiting'],
  ]);
  expect(servers.trust('lfts', thumbprintOf(first))).toMatchObject({
    ok: false,
    text: { zh: expect.stringContaining('lifts, pumps'), en: expect.stringContaining('lifts, pumps') },
  });
  const other = servers.trust('lifts', thumbprintOf(second));
  expect(other).toMatchObject({ ok: false, text: { zh: expect.stringContaining(thumbprintOf(first)) } });
  expect(servers.trusted('lifts', ADDRESS)).toBeUndefined();
  expect(servers.trust('lifts', first.fingerprint)).toMatchObject({ ok: true, value: { state: 'trusted' } });
  expect(servers.trusted('lifts', ADDRESS)?.raw.equals(first.raw)).toBe(true);
  expect(servers.trust('lifts', thumbprintOf(first))).toMatchObject({
    ok: false,
    text: { zh: expect.stringContaining('已经信任'), en: expect.stringContaining('already') },
  });
  expect(servers.trusted('lifts', '10.0.0.8:4840')).toBeUndefined();
  expect(servers.trusted('pumps', ADDRESS)).toBeUndefined();
  expect(servers.refuse('lifts')).toHaveLength(1);
  expect(servers.trusted('lifts', ADDRESS)).toBeUndefined();
  expect(servers.all().map(({ link }) => link)).toEqual(['pumps']);
});

test('one certificate waits and one is trusted at an address, the newest that was shown and accepted', () => {
  const servers = new ServerCertificates(tempFolder());
  for (const certificate of [first, second]) servers.putAside('lifts', ADDRESS, certificate);
  expect(servers.all().map(({ thumbprint }) => thumbprint)).toEqual([thumbprintOf(second)]);
  servers.trust('lifts', thumbprintOf(second));
  servers.putAside('lifts', ADDRESS, first);
  servers.trust('lifts', thumbprintOf(first));
  expect(servers.all().map(({ thumbprint, state }) => [thumbprint, state])).toEqual([[thumbprintOf(first), 'trusted']]);
});

test('one that a gateway put aside again while it was being trusted stays trusted', () => {
  const servers = new ServerCertificates(tempFolder());
  for (const _ of [1, 2]) {
    servers.putAside('lifts', ADDRESS, first);
    expect(servers.trust('lifts', thumbprintOf(first)).ok).toBe(true);
    expect(servers.trusted('lifts', ADDRESS)?.raw.equals(first.raw)).toBe(true);
  }
});

test('a damaged file among the trusted trusts nobody, and gives way to what is trusted next', () => {
  const folder = tempFolder();
  const servers = new ServerCertificates(folder);
  servers.putAside('lifts', ADDRESS, first);
  servers.trust('lifts', thumbprintOf(first));
  const [name = ''] = readdirSync(join(folder, 'trusted'));
  writeFileSync(join(folder, 'trusted', name), '');
  expect(servers.trusted('lifts', ADDRESS)).toBeUndefined();
  servers.putAside('lifts', ADDRESS, second);
  servers.trust('lifts', thumbprintOf(second));
  expect(servers.trusted('lifts', ADDRESS)?.raw.equals(second.raw)).toBe(true);
  expect(readdirSync(join(folder, 'trusted'))).toHaveLength(1);
});

test.skipIf(process.getuid?.() !== 0)('what root puts aside belongs to whom the data folder does', () => {
  const data = tempFolder();
  const nobody = 65_534;
  chownSync(data, nobody, nobody);
  const folder = join(data, 'opcua');
  new ServerCertificates(folder).putAside('lifts', ADDRESS, first);
  const [name = ''] = readdirSync(join(folder, 'waiting'));
  for (const path of ['', 'trusted', 'waiting', join('waiting', name)]) {
    expect([path, statSync(join(folder, path)).uid]).toEqual([path, nobody]);
  }
});

test('what waits is bounded', () => {
  const folder = tempFolder();
  const servers = new ServerCertificates(folder);
  for (let port = 0; port < MAX_WAITING + 5; port++) servers.putAside('lifts', `10.0.0.7:${port}`, first);
  expect(readdirSync(join(folder, 'waiting'))).toHaveLength(MAX_WAITING);
});

test('a file among the trusted that is no certificate is shown to nobody, and does not hide the others', () => {
  const folder = tempFolder();
  const servers = new ServerCertificates(folder);
  servers.putAside('lifts', ADDRESS, first);
  servers.trust('lifts', thumbprintOf(first));
  mkdirSync(join(folder, 'trusted'), { recursive: true });
  writeFileSync(join(folder, 'trusted', 'pumps@x@y.pem'), 'nonsense');
  writeFileSync(join(folder, 'trusted', 'README'), 'nonsense');
  expect(servers.all()).toHaveLength(1);
});

test('a server is believed by the very certificate that was trusted, and told why not otherwise', () => {
  const server = { link: 'lifts', address: ADDRESS, dataDir: 'data', nowMs: NOW_MS };
  expect(judgeServer(first, { ...server, trusted: first })).toBeUndefined();
  const unknown = judgeServer(first, { ...server, trusted: undefined });
  const command = `npm run lamplighter -- certificates trust lifts ${thumbprintOf(first)}`;
  for (const text of [unknown?.zh, unknown?.en]) {
    expect(text).toContain(command);
    expect(text).toContain(first.subject.slice(0, 20));
    expect(text).not.toMatch(/变了|CHANGED/);
  }
  const changed = judgeServer(second, { ...server, trusted: first });
  for (const text of [changed?.zh, changed?.en]) {
    expect(text).toMatch(/变了|CHANGED/);
    expect(text).toContain(thumbprintOf(first));
    expect(text).toContain(`trust lifts ${thumbprintOf(second)}`);
  }
});

test('an expired certificate is believed if it is the trusted one, and said to be expired if it is not', () => {
  const server = { link: 'lifts', address: ADDRESS, dataDir: '/var/lib/lamplighter', nowMs: NOW_MS + 1000 * DAY_MS };
  expect(judgeServer(first, { ...server, trusted: first })).toBeUndefined();
  expect(judgeServer(first, { ...server, trusted: undefined })).toMatchObject({
    zh: expect.stringMatching(/已于.*过期/),
    en: expect.stringMatching(/expired on .* --data \/var\/lib\/lamplighter$/),
  });
  const early = judgeServer(first, { ...server, trusted: undefined, nowMs: NOW_MS - 1000 * DAY_MS });
  expect(early).toMatchObject({
    zh: expect.stringContaining('才生效'),
    en: expect.stringContaining('valid only from'),
  });
});

test('of a chain the first certificate is the server’s own; what is none, or too long, is none', () => {
  const chain = Buffer.concat([first.raw, second.raw]);
  expect(readCertificate(chain)?.raw.equals(first.raw)).toBe(true);
  expect(readCertificate(first.raw.subarray(0, 100))).toBeUndefined();
  expect(readCertificate(Buffer.alloc(0))).toBeUndefined();
  expect(readCertificate(Buffer.alloc(100_000, 0x30))).toBeUndefined();
  expect(factsOf(first)).toMatchObject({
    thumbprint: expect.stringMatching(/^[0-9a-f]{40}$/),
    hosts: [expect.stringMatching(/^DNS:/)],
    uri: expect.stringMatching(/^urn:/),
  });
});
