import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinkReply, PointReply } from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { OpcuaServerProcess, PLANT_NAMESPACE } from '../support/opcua-server-process.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 30_000;

const PROFILE = `name: { zh: 风机, en: Fan }
points:
  speed: { kind: double, unit: Hz, name: { zh: 转速, en: speed }, staleAfter: 1500ms }
up: speed >= 0.0
alarms: {}
`;
const MAP = `name: { zh: 变频器, en: Drive }
source: test/system/opcua-gap.test.ts
profile: fan
points:
  speed: { node: "s={asset}", namespace: "${PLANT_NAMESPACE}" }
`;
const siteOf = (endpoint: string) => `site:
  key: plant
  name: { zh: 机房, en: Plant }
  timeZone: Asia/Shanghai
  latitude: 23.10
  longitude: 113.32
links:
  - { key: bus, name: { zh: 总线, en: Bus }, protocol: opcua, endpoint: '${endpoint}', refresh: 500ms }
systems:
  - { key: vent, name: { zh: 通风, en: Ventilation }, rates: [] }
assets:
  - { key: n1, name: { zh: 1 号风机, en: Fan 1 }, profile: fan, system: vent, link: bus, map: drive }
`;

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-opcua-gap-'));
const dataDir = join(folder, 'data');
let server: OpcuaServerProcess;
let gateway: Child;
let port: number;

async function get<T>(path: string): Promise<T> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).json() as Promise<T>;
}

const speed = async () => (await get<PointReply[]>('/api/points?asset=n1')).find(({ key }) => key === 'n1/speed');
const bus = async () => (await get<LinkReply[]>('/api/links')).find(({ key }) => key === 'bus');
const isUp = async () => (await bus())?.state === 'up';

/** The stretches of the ledger, oldest first, each with its end. */
function ledger(): { readonly class: string; readonly fromMs: number; readonly untilMs: number }[] {
  const database = new DatabaseSync(join(dataDir, 'state.db'), { readOnly: true });
  try {
    const rows = database
      .prepare("SELECT class, from_ms AS fromMs FROM ledger WHERE asset = 'n1' ORDER BY from_ms, seq, ordinal")
      .all()
      .map((row) => ({ class: String(row.class), fromMs: Number(row.fromMs) }));
    return rows.map((row, n) => ({ ...row, untilMs: rows[n + 1]?.fromMs ?? Number.POSITIVE_INFINITY }));
  } finally {
    database.close();
  }
}

beforeAll(async () => {
  server = await OpcuaServerProcess.start({ items: 2, maxSessions: 1 });
  mkdirSync(join(folder, 'profiles'));
  mkdirSync(join(folder, 'maps', 'opcua'), { recursive: true });
  writeFileSync(join(folder, 'profiles', 'fan.yaml'), PROFILE);
  writeFileSync(join(folder, 'maps', 'opcua', 'drive.yaml'), MAP);
  writeFileSync(join(folder, 'site.yaml'), siteOf(server.endpoint));
  port = await freePort();
  const args = ['run', '--site', join(folder, 'site.yaml'), '--data', dataDir, '--port', String(port)];
  gateway = new Child('gateway/main.ts', args, { LAMPLIGHTER_LOG_LEVEL: 'silent' });
  await gateway.ready();
  await until('the fan is known', WITHIN_MS, async () => (await speed())?.value === 1);
});

afterAll(async () => {
  await gateway?.end();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const HOUR_MS = 3_600_000;
const SPARE_NAMESPACE = 'urn:lab:spare';

/** What happens to the server, and how it is there again; one after the other, so that each has what the former left. */
const fates = [
  ['is killed', () => server.kill(), () => server.start()],
  ['is frozen', () => server.freeze(), () => server.thaw()],
  [
    'starts again an hour ahead of us, its namespaces in another order',
    () => server.shutDown(),
    () => server.start({ namespaces: [SPARE_NAMESPACE, PLANT_NAMESPACE], clockOffMs: HOUR_MS }),
  ],
  ['starts again an hour behind us', () => server.kill(), () => server.start({ clockOffMs: -HOUR_MS })],
] as const;

test.each(fates)(
  'while its server, which takes one session, %s, an asset is unknown: not up, and not down',
  async (_what, go, come) => {
    const lastReplyMs = (await speed())?.receivedMs ?? Number.NaN;
    await go();
    const goneMs = Date.now();
    await until('the link is down', WITHIN_MS, async () => !(await isUp()));
    const backMs = Date.now();
    await come();
    const known = await until('the fan is known again', WITHIN_MS, async () => {
      const now = await speed();
      return now?.value === 1 && (now.receivedMs ?? 0) > backMs && now;
    });
    expect(Math.abs((known.receivedMs ?? 0) - (known.sourceMs ?? 0)), 'no stamp of a clock that is off').toBeLessThan(
      HOUR_MS / 2,
    );
    const [gap] = await until('the ledger is on disk', WITHIN_MS, () => {
      const over = ledger().filter(({ fromMs, untilMs }) => fromMs < backMs && untilMs > goneMs + 1);
      return over.at(-1)?.untilMs !== Number.POSITIVE_INFINITY && over.filter((one) => one.class === 'unknown');
    });
    expect(gap?.fromMs, 'from the last good reply on').toBeGreaterThanOrEqual(lastReplyMs);
    expect(gap?.fromMs, 'nothing of the gap is up').toBeLessThanOrEqual(goneMs);
    expect(gap?.untilMs, 'to the return').toBeGreaterThanOrEqual(backMs);
    const within = ledger().filter(({ fromMs, untilMs }) => untilMs > goneMs && fromMs < backMs);
    expect(within.map((one) => one.class)).toEqual(['unknown']);
    const nowMs = Date.now();
    expect(
      ledger().filter(({ fromMs }) => fromMs > nowMs),
      'nothing is told of the future',
    ).toEqual([]);
    expect((await server.counts()).sessions).toBe(1);
  },
);

test('while a subscription is gone that nobody told of, an asset stays known, since it is read', async () => {
  // A subscription that never told anything would cost the session.
  const messages = async () => (await bus())?.wire.messages ?? 0;
  const before = await messages();
  await server.set(1, 2);
  await until('a change is told', WITHIN_MS, async () => (await messages()) > before);
  const { subscriptionsMade } = await server.counts();
  const fromMs = Date.now();
  await server.dropSubscriptions();
  await until('there is another', WITHIN_MS, async () => (await server.counts()).subscriptionsMade > subscriptionsMade);
  await server.set(1, 3);
  await until('the change is known', WITHIN_MS, async () => (await speed())?.value === 3);
  const since = ledger().filter(({ untilMs }) => untilMs > fromMs);
  expect(since.map((one) => one.class)).toEqual(['up']);
});
