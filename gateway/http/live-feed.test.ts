import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { raisedAlarm } from '../../test/support/raised-alarm.ts';
import { until } from '../../test/support/until.ts';
import {
  type AlarmReply,
  type AssetReply,
  LIVE_WIRE_MS,
  type LinkReply,
  type LiveEvents,
  type PointReply,
} from './contract.ts';
import { LiveFeed, MAX_BACKLOG_BYTES } from './live-feed.ts';

const WITHIN_MS = 20_000;

/** Bytes of the estate's snapshot: more than the system keeps for a connection by itself. */
const SNAPSHOT_BYTES = 12 * 1024 * 1024;

const text = { zh: '文', en: 'text' };
const alarm: AlarmReply = { ...raisedAlarm(), assetName: text, system: null };
const point: PointReply = {
  key: 'lift/note',
  asset: 'lift',
  point: 'note',
  name: text,
  kind: 'text',
  unit: null,
  states: null,
  value: 'x'.repeat(SNAPSHOT_BYTES),
  quality: 'good',
  reason: null,
  sourceMs: 0,
  receivedMs: 0,
};

const asset: AssetReply = {
  key: 'lift',
  name: text,
  system: 'lifts',
  profile: 'lift',
  link: 'line',
  parent: null,
  location: {},
  contractor: null,
  group: null,
  warrantyUntil: null,
  commissioning: false,
  outOfService: null,
  job: null,
  plannedUntilMs: null,
  class: 'up',
  sinceMs: 0,
  availability: null,
  availabilityLow: null,
  availabilityHigh: null,
};

const link: LinkReply = {
  key: 'line',
  name: text,
  protocol: 'modbus',
  state: 'up',
  sinceMs: 0,
  reason: null,
  nextRetryMs: null,
  reconnects: 0,
  lastError: null,
  wire: {
    requests: 0,
    messages: 0,
    timeouts: 0,
    failures: 0,
    overruns: 0,
    errorRatio: null,
    roundTripMs: null,
    revision: null,
    address: null,
    certificates: null,
  },
  badPoints: { count: 0, named: [] },
};

let feed: LiveFeed;
let server: Server;
let streams: IncomingMessage[];
let assets: AssetReply[];
let links: LinkReply[];
let points: PointReply[];

beforeEach(async () => {
  streams = [];
  assets = [];
  links = [];
  points = [point];
  const site = { key: 's', name: text, timeZone: 'UTC', simulated: true, clockRate: 1, nowMs: 0, version: '0' };
  feed = new LiveFeed({
    site: () => site,
    systems: () => [],
    assets: () => assets,
    points: () => points,
    pointChanges: () => [],
    alarms: () => [],
    links: () => links,
  });
  server = createServer((_, response) => feed.add(response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});

afterEach(async () => {
  for (const stream of streams) stream.destroy();
  feed.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A page that has been answered and has read nothing yet. */
async function connect(): Promise<IncomingMessage> {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const stream = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent: false }, resolve).on('error', reject).end();
  });
  stream.on('error', () => undefined);
  streams.push(stream);
  return stream;
}

/** Reads a page; how often each kind of event came. */
function read(stream: IncomingMessage): Map<string, number> {
  const seen = new Map<string, number>();
  let rest = '';
  stream.setEncoding('latin1');
  stream.on('data', (chunk: string) => {
    // Events are looked for where they begin; the long line of a snapshot need not be kept.
    rest = (rest + chunk).replace(/^event: (\w+)\n/gm, (_, event: string) => {
      seen.set(event, (seen.get(event) ?? 0) + 1);
      return '';
    });
    rest = rest.slice(rest.lastIndexOf('\n') + 1).slice(0, 100);
  });
  return seen;
}

test('pages that read nothing hold a bounded number of bytes together, and hold up no other page', async () => {
  for (let n = 0; n < 12; n++) await connect();
  const healthy = read(await connect());
  await until('the other page has its snapshot', WITHIN_MS, () => healthy.get('snapshot') === 1);
  feed.alarm(alarm);
  await until('the other page has the alarm', WITHIN_MS, () => healthy.get('alarm') === 1);
  expect(feed.backlogBytes).toBeLessThan(MAX_BACKLOG_BYTES + SNAPSHOT_BYTES);
  expect(feed.clients).toBeLessThan(13);
});

test('a page that reads too slowly gets a snapshot in place of what it missed', async () => {
  const stream = await connect();
  const long = { ...alarm, consequence: { zh: '', en: 'x'.repeat(400_000) } };
  for (let n = 0; n < 20; n++) {
    feed.alarm(long);
    await new Promise((done) => setImmediate(done));
  }
  expect(feed.backlogBytes).toBeLessThan(SNAPSHOT_BYTES + 2 * 1024 * 1024);
  const seen = read(stream);
  await until('it has caught up', WITHIN_MS, () => feed.backlogBytes === 0);
  feed.alarm(alarm);
  await until('it has a new snapshot', WITHIN_MS, () => seen.get('snapshot') === 2);
  expect(seen.get('alarm')).toBeLessThan(20);
});

test('after another site file every page that keeps up begins anew, the others when they have caught up', async () => {
  const quick = read(await connect());
  const slow = await connect();
  await until('the quick page has its snapshot', WITHIN_MS, () => quick.get('snapshot') === 1);
  for (let n = 2; n < 6; n++) {
    feed.renew();
    await until('the quick page has another', WITHIN_MS, () => quick.get('snapshot') === n);
  }
  await until('only the slow page is waited for', WITHIN_MS, () => feed.backlogBytes < 2.1 * SNAPSHOT_BYTES);
  const seen = read(slow);
  await until('the slow page has caught up', WITHIN_MS, () => feed.backlogBytes === 0);
  feed.alarm(alarm);
  await until('it has the newest snapshot', WITHIN_MS, () => seen.get('snapshot') === 3);
});

test('an asset is told when its class or the work at it changes, not when time moves its ratio', async () => {
  const quick = read(await connect());
  await until('it has its snapshot', WITHIN_MS, () => quick.get('snapshot') === 1);
  const told = async (change: Partial<AssetReply>) => {
    const before = quick.get('delta') ?? 0;
    assets = assets.map((row) => ({ ...row, ...change }));
    feed.figuresChanged();
    await until(`told of ${JSON.stringify(change)}`, WITHIN_MS, () => (quick.get('delta') ?? 0) === before + 1);
  };
  assets = [asset];
  await told({});
  await told({ class: 'down' });
  await told({ job: { by: 'zhang', untilMs: 5 } });
  await told({ job: null });
  await told({ outOfService: { by: 'zhang', reason: 'rope', sinceMs: 5 } });
  await told({ plannedUntilMs: 9 });
  await told({ commissioning: true });
  const before = quick.get('delta');
  assets = [{ ...asset, ...assets[0], availability: 0.5 }];
  feed.figuresChanged();
  feed.alarm(alarm);
  await until('the alarm is told, and a delta would have been', WITHIN_MS, () => (quick.get('heartbeat') ?? 0) > 0);
  expect(quick.get('delta')).toBe(before);
});

test('what passes over a wire is told at a bounded pace, a change of its link at once', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  vi.advanceTimersByTime(2 * LIVE_WIRE_MS);
  points = [];
  const stream = await connect();
  const deltas = deltasOf(stream);
  const seen = read(stream);
  await until('it has its snapshot', WITHIN_MS, () => seen.get('snapshot') === 1);
  links = [link];
  /** What is told of links, where they are looked at after this change. */
  const toldOf = async (change: Partial<LinkReply>) => {
    const before = deltas.length;
    links = links.map((row) => ({ ...row, ...change }));
    // Assets are looked at together with links: there is a delta whether there is news of the link or not.
    assets = [{ ...asset, sinceMs: before }];
    feed.figuresChanged();
    await until('a delta came', WITHIN_MS, () => deltas.length > before);
    return deltas.at(-1)?.links;
  };
  const requests = (count: number) => ({ wire: { ...link.wire, requests: count } });
  expect(await toldOf({})).toMatchObject([{ key: 'line', wire: { requests: 0 } }]);
  expect(await toldOf(requests(5))).toEqual([]);
  expect(await toldOf({ lastError: { text, atMs: 1 } })).toEqual([]);
  expect(await toldOf({ state: 'down' })).toMatchObject([{ state: 'down', wire: { requests: 5 } }]);
  expect(await toldOf(requests(9))).toEqual([]);
  vi.advanceTimersByTime(LIVE_WIRE_MS);
  expect(await toldOf({})).toMatchObject([{ wire: { requests: 9 } }]);
  vi.advanceTimersByTime(LIVE_WIRE_MS);
  expect(await toldOf({}), 'nothing has passed').toEqual([]);
});

/** The deltas that a page gets, as they come. */
function deltasOf(stream: IncomingMessage): LiveEvents['delta'][] {
  const deltas: LiveEvents['delta'][] = [];
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const [kind = '', data = ''] = event.split('\ndata: ');
      if (kind === 'event: delta') deltas.push(JSON.parse(data));
    }
  });
  return deltas;
}
