import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CountedHome } from '../../gateway/history/counted-home.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { InfluxPoster } from '../../gateway/history/influx-post.ts';
import type { Outcome } from '../../model/history.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { blockOf, lookup, pointOf, type Row } from './history-samples.ts';
import { answer, type InfluxPeer, type PeerWrite, refuse, startInfluxPeer } from './influx-peer.ts';

const T = 1_795_464_000_000;
const never = new AbortController().signal;

interface Told {
  readonly fields: object;
  readonly message: string;
}

interface Opened {
  readonly home: CountedHome;
  readonly told: Told[];
  readonly deadLetterDir: string;
}

function open(peer: InfluxPeer, access: Partial<Parameters<typeof influxHistory>[0]> = {}): Opened {
  const told: Told[] = [];
  const deadLetterDir = join(tempFolder(), 'dead-letters');
  const logger = { warn: (fields: object, message: string) => void told.push({ fields, message }) };
  const home = influxHistory({ url: peer.url, database: 'd', lookup, deadLetterDir, logger, ...access });
  onTestFinished(() => home.close());
  return { home, told, deadLetterDir };
}

const rows = (count: number): Row[] => Array.from({ length: count }, (_, index) => [1, T + index, index]);
const write = (home: CountedHome, count = 3): Promise<Outcome> => home.writeSamples([blockOf(0, rows(count))], never);

function deadLetters(dir: string): { time: string; reason: string; line: string }[] {
  const files = readdirSync(dir).sort();
  return files.flatMap((file) =>
    readFileSync(join(dir, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line)),
  );
}

const again: [what: string, by: (write: PeerWrite) => void, outcome: object][] = [
  [
    'does not know who asks (401)',
    refuse(401, 'authorization failed'),
    { reason: 'HTTP 401: authorization failed', afterMs: 1000 },
  ],
  ['does not allow it (403)', refuse(403, 'not yours'), { reason: 'HTTP 403: not yours' }],
  [
    'asks for patience (429)',
    refuse(429, 'too many', { 'retry-after': '7' }),
    { reason: 'HTTP 429: too many', afterMs: 7000 },
  ],
  [
    'is overloaded until a date (503)',
    refuse(503, 'busy', { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' }),
    { reason: 'HTTP 503: busy', afterMs: 60_000 },
  ],
  ['names no time that could be (503)', refuse(503, 'busy', { 'retry-after': 'soon' }), { afterMs: 1000 }],
  ['fails (500)', refuse(500, 'engine: full'), { reason: 'HTTP 500: engine: full', afterMs: 1000 }],
  ['cannot reach its own (502)', ({ response }) => answer(response, 502, '<html>bad</html>'), { reason: /HTTP 502/ }],
  ['drops the connection', ({ request }) => request.socket.destroy(), { reason: /socket hang up|ECONNRESET/ }],
  [
    'drops the connection in the middle of its answer',
    ({ response }) => {
      response.writeHead(500, { 'content-length': '1000' });
      response.write('{"error":"half');
      setImmediate(() => response.destroy());
    },
    { reason: /aborted|terminated|ECONNRESET/ },
  ],
  [
    'is a login page (200)',
    ({ response }) => answer(response, 200, '<html>log in</html>', { 'content-type': 'text/html' }),
    { reason: 'HTTP 200 text/html: this is not an answer of InfluxDB' },
  ],
  [
    'says 204 of a page',
    ({ response }) => response.setHeader('content-type', 'text/html').writeHead(204).end(),
    { reason: 'HTTP 204 text/html: this is not an answer of InfluxDB' },
  ],
  [
    'wants TLS all at once (400)',
    ({ response }) => answer(response, 400, 'Client sent an HTTP request to an HTTPS server.', { 'content-type': '' }),
    { reason: /HTTP 400: Client sent/ },
  ],
  [
    'has a proxy before it that refuses (407)',
    ({ response }) => answer(response, 407, '{"error":"log in to the proxy"}'),
    { reason: 'HTTP 407: log in to the proxy' },
  ],
  [
    'sends one elsewhere (302)',
    ({ response }) => response.writeHead(302, { location: '/login' }).end(),
    { reason: /HTTP 302/ },
  ],
  [
    'answers without end',
    ({ response }) => {
      response.writeHead(500);
      const flood = () => {
        if (!response.destroyed) response.write(Buffer.alloc(64 * 1024, 'x'), () => setImmediate(flood));
      };
      flood();
    },
    { reason: 'an answer of more than 65536 bytes' },
  ],
];

test.each(again)('a server that %s is tried again later, with everything', async (_what, by, outcome) => {
  const peer = await startInfluxPeer();
  const { home, deadLetterDir } = open(peer);
  peer.next.push(by);
  const first = await write(home);
  expect(first).toMatchObject({ outcome: 'retry' });
  for (const [key, value] of Object.entries(outcome)) {
    const found = (first as unknown as Record<string, unknown>)[key];
    if (value instanceof RegExp) expect(found).toMatch(value);
    else expect(found).toBe(value);
  }
  expect(peer.taken).toEqual([]);
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(peer.taken).toHaveLength(3);
  expect(home.sent).toEqual({ rows: 3, rejected: 0, deadLettered: 0 });
  expect(() => readdirSync(deadLetterDir)).toThrow();
});

test('a server that has closed a kept connection meanwhile is asked over another one', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  expect(await write(home)).toEqual({ outcome: 'done' });
  // Only a connection that was used before is ended, so that the second try comes over a new one.
  const used = new WeakSet<object>();
  peer.onWrite = ({ request, response }) => {
    if (used.has(request.socket)) request.socket.resetAndDestroy();
    else response.writeHead(204).end();
    used.add(request.socket);
  };
  for (let turn = 0; turn < 4; turn++) expect(await write(home)).toEqual({ outcome: 'done' });
});

test('a server that says nothing is given up after its time, and gets less the next time', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer, { timeoutMs: 500 });
  peer.next.push(() => undefined);
  expect(await write(home, 5000)).toEqual({ outcome: 'retry', afterMs: 1000, reason: 'no answer within 500 ms' });
  expect(await write(home, 5000)).toEqual({ outcome: 'done' });
  expect(peer.bodies.slice(0, 3)).toEqual([5000, expect.any(Number), expect.any(Number)]);
  expect(peer.bodies[1]).toBeLessThan(2600);
});

test('a server for which bodies are too large gets smaller ones, and what is too large by itself is a dead letter', async () => {
  const peer = await startInfluxPeer();
  const { home, deadLetterDir } = open(peer);
  peer.onWrite = ({ lines, response }) => {
    const bytes = lines.join('\n').length;
    if (bytes > 20_000) answer(response, 413, '{"error":"Request Entity Too Large"}');
    else response.writeHead(204).end();
  };
  const big: Row[] = [...rows(2000), [4, T, 'x'.repeat(30_000)], ...rows(10)];
  expect(await home.writeSamples([blockOf(0, big)], never)).toEqual({
    outcome: 'refused',
    reason: 'HTTP 413: Request Entity Too Large',
    count: 1,
  });
  expect(peer.taken).toHaveLength(2010);
  expect(deadLetters(deadLetterDir)).toEqual([
    { time: expect.any(String), reason: 'HTTP 413: Request Entity Too Large', line: expect.stringContaining('xxx') },
  ]);
  // The size is remembered: nothing is refused again.
  const before = peer.bodies.length;
  await write(home, 1000);
  expect(peer.bodies.slice(before).every((lines) => lines < 300)).toBe(true);
});

test('a server for which every body is too large is tried again later', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  peer.onWrite = refuse(413, 'Request Entity Too Large');
  expect(await write(home, 5000)).toMatchObject({ outcome: 'retry', reason: 'HTTP 413: Request Entity Too Large' });
  expect(peer.bodies.length).toBeLessThan(20);
  peer.onWrite = undefined;
  expect(await write(home, 5000)).toEqual({ outcome: 'done' });
});

test('an error in the thread that writes costs nothing but a try', async () => {
  const peer = await startInfluxPeer();
  const { home, told } = open(peer);
  expect(await write(home)).toEqual({ outcome: 'done' });
  // What no engine gives: the thread cannot make a line of it.
  const broken = { logSeq: 1, ordinal: 0, change: { kind: 'alarm', event: 'raised', atMs: T } } as never;
  expect(await home.writeChanges([broken], never)).toMatchObject({
    outcome: 'retry',
    reason: expect.stringContaining('the thread that writes to InfluxDB has ended'),
  });
  expect(told.map(({ message }) => message)).toEqual([
    'the thread that writes to InfluxDB failed and is started again',
  ]);
  // The new thread knows the points, too.
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(peer.taken).toHaveLength(6);
});

test('a server that answers before it has read everything, and then hangs up, is understood', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  peer.next.push(({ response, request }) => {
    response.writeHead(413).end('{"error":"enough"}', () => request.socket.destroySoon());
  });
  expect(await write(home, 100)).toEqual({ outcome: 'done' });
  expect(new Set(peer.taken).size).toBe(100);
});

test('what a server has not read when it says that it has taken it is not written over', async () => {
  const peer = await startInfluxPeer();
  const early = createServer((_request, response) => response.writeHead(204).end());
  early.listen(0, '127.0.0.1');
  await once(early, 'listening');
  onTestFinished(() => {
    early.closeAllConnections();
    early.close();
  });
  const { port } = early.address() as AddressInfo;
  // More than the buffers of a connection hold, so that it waits in ours.
  const body = Buffer.alloc(64 * 1024 * 1024, 'x');
  const posted = async (url: string) => {
    const poster = new InfluxPoster({ url, database: 'd' });
    onTestFinished(() => poster.close());
    return poster.post(body, never);
  };
  expect(await posted(`http://127.0.0.1:${port}`)).toEqual({ kind: 'done', isSent: false });
  expect(await posted(peer.url)).toEqual({ kind: 'done', isSent: true });
});

test('a database that was dropped is made again', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  await write(home);
  peer.queries.length = 0;
  peer.next.push(refuse(404, 'database not found: "d"'));
  expect(await write(home)).toMatchObject({ outcome: 'retry', reason: 'HTTP 404: database not found: "d"' });
  peer.onQuery = (query, response) => {
    const missing =
      query.startsWith('SHOW RETENTION') && !peer.queries.some((asked) => asked.startsWith('CREATE DATABASE'));
    answer(response, 200, JSON.stringify({ results: [missing ? { error: 'database not found: d' } : {}] }));
  };
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(peer.queries).toContain('CREATE DATABASE "d" WITH DURATION INF REPLICATION 1 NAME "lamplighter_raw"');
});

test('lines that are refused are found among the others, and become dead letters', async () => {
  const peer = await startInfluxPeer();
  const { home, deadLetterDir } = open(peer);
  // As 2.x does: whole or not at all.
  const isBad = (line: string) => /value=(7|207|333)[,]/.test(line);
  peer.onWrite = ({ lines, response }) => {
    if (lines.some(isBad)) answer(response, 400, '{"code":"invalid","message":"unable to parse"}');
    else response.writeHead(204).end();
  };
  expect(await write(home, 500)).toEqual({ outcome: 'refused', reason: 'HTTP 400: unable to parse', count: 3 });
  expect(peer.taken).toHaveLength(497);
  expect(deadLetters(deadLetterDir).map(({ line }) => isBad(line))).toEqual([true, true, true]);
  expect(home.sent).toEqual({ rows: 497, rejected: 3, deadLettered: 3 });
});

test('the search for refused lines ends where there are too many, and the dead letters have all that is in doubt', async () => {
  const peer = await startInfluxPeer();
  const { home, deadLetterDir } = open(peer);
  peer.onWrite = refuse(400, 'unable to parse');
  expect(await write(home, 5000)).toMatchObject({ outcome: 'refused', count: 5000 });
  expect(peer.bodies.length).toBeLessThan(100);
  expect(deadLetters(deadLetterDir)).toHaveLength(5000);
});

test('a refusal of all lines of a body is not searched', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  peer.onWrite = ({ lines, response }) =>
    answer(
      response,
      400,
      JSON.stringify({ error: `partial write: points beyond retention policy dropped=${lines.length}` }),
    );
  expect(await write(home, 5000)).toMatchObject({ outcome: 'refused', count: 5000 });
  expect(peer.bodies).toEqual([5000]);
});

test('is not blocked by a disk that has no room for dead letters', async () => {
  const peer = await startInfluxPeer();
  // A file where the folder should be.
  const deadLetterDir = join(tempFolder(), 'dead-letters');
  writeFileSync(deadLetterDir, '');
  const { home, told } = open(peer, { deadLetterDir });
  peer.next.push(refuse(400, 'partial write: points beyond retention policy dropped=3'));
  expect(await write(home)).toMatchObject({ outcome: 'refused', count: 3 });
  expect(home.sent).toEqual({ rows: 0, rejected: 3, deadLettered: 0 });
  expect(told.map(({ message }) => message)).toContain('refused rows cannot be kept as dead letters');
  expect(await write(home)).toEqual({ outcome: 'done' });
});

test('a server that is no InfluxDB gets no sample', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  peer.onQuery = (_query, response) => answer(response, 200, '<html>welcome</html>', { 'content-type': 'text/html' });
  expect(await write(home)).toMatchObject({ outcome: 'retry' });
  peer.onQuery = (_query, response) => answer(response, 200, '{}');
  expect(await write(home)).toMatchObject({ outcome: 'retry', reason: 'this is not an answer of InfluxDB' });
  expect(peer.bodies).toEqual([]);
  peer.onQuery = undefined;
  expect(await write(home)).toEqual({ outcome: 'done' });
});

test('what another database took while this one came is written again', async () => {
  const peer = await startInfluxPeer();
  const { home } = open(peer);
  let identity = 'first';
  peer.onQuery = (query, response) => {
    const series = { name: 'lamplighter:about', columns: ['time', 'identity'], values: [[0, identity]] };
    const asked = query.startsWith('SELECT "identity"');
    answer(response, 200, JSON.stringify({ results: [asked ? { series: [series] } : {}] }));
  };
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(home.database).toEqual({ identity: 'first', hadRows: false });
  const held = Promise.withResolvers<PeerWrite>();
  peer.next.push(held.resolve);
  const slow = write(home);
  const { response } = await held.promise;
  identity = 'second';
  peer.next.push(refuse(404, 'database not found: "d"'));
  expect(await write(home)).toMatchObject({ outcome: 'retry' });
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(home.database).toEqual({ identity: 'second', hadRows: false });
  response.writeHead(204).end();
  expect(await slow).toMatchObject({ outcome: 'retry', reason: expect.stringContaining('another one') });
});

test('a server that does not know set-up statements is told of once, and written to', async () => {
  const peer = await startInfluxPeer();
  const { home, told } = open(peer);
  peer.onQuery = (_query, response) => answer(response, 403, '{"error":"not implemented"}');
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(peer.taken).toHaveLength(6);
  await expect.poll(() => told.length).toBe(2);
  expect(told[0]?.message).toContain('not set up');
  expect(told[1]?.message).toContain('does not say which database it is');
  expect(home.database).toBeUndefined();
});

test.each([
  [{ token: 'very-secret' }, 'Token very-secret'],
  [{ username: 'duty', password: 'very-secret' }, `Basic ${Buffer.from('duty:very-secret').toString('base64')}`],
])('says who it is, and shows it to nobody: %j', async (access, header) => {
  const peer = await startInfluxPeer();
  const { home, told } = open(peer, access);
  const seen = new Set<string | undefined>();
  peer.onQuery = (_query, response, request) => {
    seen.add(request.headers.authorization);
    answer(response, 403, JSON.stringify({ error: `no rights for ${request.headers.authorization} very-secret` }));
  };
  peer.onWrite = ({ request, response }) => {
    seen.add(request.headers.authorization);
    answer(response, 401, JSON.stringify({ error: `who is ${request.headers.authorization} very-secret` }));
  };
  const outcome = await write(home);
  expect(outcome).toMatchObject({ outcome: 'retry' });
  expect([...seen]).toEqual([header]);
  await expect.poll(() => told.length).toBeGreaterThan(0);
  const asked = await home.series(pointOf('double'), T, T + 1, 1).catch((error: unknown) => error);
  const shown = [JSON.stringify(outcome), JSON.stringify(told), String(asked), JSON.stringify(asked), home.identity];
  for (const text of shown) expect(text).not.toMatch(new RegExp(`very-secret|${header.split(' ')[1]}`));
});

test('speaks TLS with a server whose authority it was given, and with no other', async () => {
  const folder = tempFolder();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=influx', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  );
  const ca = readFileSync(cert, 'utf8');
  const peer = await startInfluxPeer({ key: readFileSync(key, 'utf8'), cert: ca });
  const strange = open(peer);
  expect(await write(strange.home)).toMatchObject({ outcome: 'retry', reason: expect.stringContaining('self-signed') });
  expect(peer.queries).toEqual([]);
  const poster = new InfluxPoster({ url: peer.url, database: 'd' });
  onTestFinished(() => poster.close());
  expect(await poster.post(Buffer.from('m v=1 1\n'), never)).toMatchObject({
    kind: 'retry',
    reason: expect.stringContaining('self-signed'),
  });
  expect(peer.bodies).toEqual([]);
  const { home } = open(peer, { ca });
  expect(await write(home)).toEqual({ outcome: 'done' });
  expect(peer.taken).toHaveLength(3);
  await expect(home.series(pointOf('double'), T, T + 1, 1)).resolves.toMatchObject({ count: [0] });
});
