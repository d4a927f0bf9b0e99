import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerReply, ReloadReply, SiteRefusedReply, SiteReply } from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { Estate } from '../support/estate.ts';
import { until } from '../support/until.ts';

/** Site seconds per real second. */
const RATE = 10;
const WITHIN_MS = 45_000;

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-reload-'));
const siteFile = join(folder, 'site.yaml');

/** What the tests change of the site. */
interface Parts {
  readonly pumpPoll?: string;
  readonly secondLift?: string;
  readonly more?: string;
  readonly moreLinks?: string;
}

/** The part of the demo estate that these tests need: lifts, a fire pump, the feeders of the street lights. */
function siteText({ pumpPoll = '1s', secondLift = 'key: lift-2', more = '', moreLinks = '' }: Parts = {}): string {
  return `
site: { key: part, name: { zh: 局部, en: Part }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.32 }
links:
  - { key: lifts, name: { zh: 电梯, en: Lifts }, protocol: opcua, endpoint: "\${LAMPLIGHTER_LINK_LIFTS}" }
  - key: fire-pump-1
    name: { zh: 消防泵, en: Fire pump }
    protocol: modbus
    endpoint: "\${LAMPLIGHTER_LINK_FIRE_PUMP_1}"
    poll: ${pumpPoll}
  - key: street-cabinet
    name: { zh: 路灯, en: Street lights }
    protocol: modbus
    endpoint: "\${LAMPLIGHTER_LINK_STREET_CABINET}"
${moreLinks}
systems:
  - key: all
    name: { zh: 全部, en: All }
    rates: [{ key: in-service, name: { zh: 在用率, en: In service }, window: live, target: 95% }]
assets:
  - key: lift-1
    name: { zh: 1 号电梯, en: Lift 1 }
    profile: lift
    system: all
    link: lifts
    map: bacnet-style-lift
    address: { namespace: "urn:lamplight-garden:lift" }
  - ${secondLift}
    name: { zh: 2 号电梯, en: Lift 2 }
    profile: lift
    system: all
    link: lifts
    map: bacnet-style-lift
    address: { namespace: "urn:lamplight-garden:lift", prefix: lift-2 }
  - key: fire-pump-1
    name: { zh: 1 号消防泵, en: Fire pump 1 }
    profile: fire-pump
    system: all
    link: fire-pump-1
    map: firetrol-gpx-demo
    address: { unit: 1 }
  - key: feeder-{n}
    each: { n: 1..3 }
    name: { zh: "{n} 号路灯回路", en: "Street light feeder {n}" }
    profile: streetlight-feeder
    system: all
    link: street-cabinet
    map: street-cabinet-demo
    address: { unit: "{n}" }
${more}
`;
}

const secondPump = {
  moreLinks: `
  - key: fire-pump-2
    name: { zh: 消防泵二, en: Second fire pump }
    protocol: modbus
    endpoint: "\${LAMPLIGHTER_LINK_FIRE_PUMP_2}"`,
  more: `
  - key: fire-pump-2
    name: { zh: 2 号消防泵, en: Fire pump 2 }
    profile: fire-pump
    system: all
    link: fire-pump-2
    map: firetrol-gpx-demo
    address: { unit: 1 }`,
};

const renamedLift = 'key: lift-b\n    formerly: lift-2';

/** Writes as an editor does: another file beside, which then takes the place of the one before. */
function save(parts: Parts): void {
  const text = siteText(parts);
  writeFileSync(`${siteFile}.new`, text);
  renameSync(`${siteFile}.new`, siteFile);
}

let estate: Estate;

beforeAll(async () => {
  save({});
  estate = await Estate.start(RATE, ['--site', siteFile]);
  await until('all is known', WITHIN_MS, async () =>
    (await estate.systems()).every(({ counts }) => counts.unknown === 0),
  );
});

afterAll(async () => {
  await estate.end();
  rmSync(folder, { recursive: true, force: true });
});

const site = () => estate.get<SiteReply>('/api/site');
const link = async (key: string) => (await estate.links()).find((candidate) => candidate.key === key);
const openAlarm = async (asset: string) => (await estate.alarms()).find((alarm) => alarm.asset === asset);

async function reload(): Promise<{ status: number; body: ReloadReply | SiteRefusedReply }> {
  const response = await fetch(`${estate.url}/api/site/reload`, { method: 'POST' });
  return { status: response.status, body: (await response.json()) as ReloadReply | SiteRefusedReply };
}

/** Counts the snapshots that a page gets until `stop` aborts. */
async function countSnapshots(stop: AbortSignal, seen: { snapshots: number }): Promise<void> {
  const response = await fetch(`${estate.url}/api/live`, { signal: stop });
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += Buffer.from(chunk).toString('latin1');
    seen.snapshots += rest.match(/^event: snapshot$/gm)?.length ?? 0;
    rest = rest.slice(rest.lastIndexOf('\n') + 1);
  }
}

test('a changed file is taken over, and disturbs nobody of whom it says nothing new', async () => {
  const trip = await estate.fault('feeder-trip', 'feeder-1');
  const trapped = await estate.fault('trapped-passenger', 'lift-2');
  const trippedBefore = await until('the trip is an alarm', WITHIN_MS, () => openAlarm('feeder-1'));
  const trappedBefore = await until('the lift is an alarm', WITHIN_MS, () => openAlarm('lift-2'));
  await until('the lift is down', WITHIN_MS, async () => (await estate.asset('lift-2')).class === 'down');
  const assetsBefore = new Map((await estate.assets()).map((asset) => [asset.key, asset]));
  const cabinetBefore = await link('street-cabinet');
  const pumpBefore = await link('fire-pump-1');
  const historyFromMs = (await site()).nowMs - 60_000;
  const stop = new AbortController();
  const page = { snapshots: 0 };
  const counting = countSnapshots(stop.signal, page).catch(() => undefined);
  await until('the page is served', WITHIN_MS, () => page.snapshots === 1);

  save({ pumpPoll: '900ms', secondLift: renamedLift, ...secondPump });
  await until('the new asset is there', WITHIN_MS, async () =>
    (await estate.assets()).some(({ key }) => key === 'fire-pump-2'),
  );
  await until('it has data', WITHIN_MS, async () => (await estate.asset('fire-pump-2')).class === 'up');
  expect((await estate.points('fire-pump-2')).some(({ value }) => value !== null)).toBe(true);
  await until('the page begins anew', WITHIN_MS, () => page.snapshots === 2);
  stop.abort();
  await counting;

  // The link of which nothing new was said is as it was; the changed one was made anew, and so was the renamed lift's.
  expect(await link('street-cabinet')).toEqual({ ...cabinetBefore, wire: expect.anything() });
  await until('the changed link is up again', WITHIN_MS, async () => (await link('fire-pump-1'))?.state === 'up');
  expect((await link('fire-pump-1'))?.sinceMs).toBeGreaterThan(pumpBefore?.sinceMs ?? 0);
  await until('the lifts’ link is up again', WITHIN_MS, async () => (await link('lifts'))?.state === 'up');
  const lines = estate.gateway.lines.filter((line) => line.includes('"part":"links"'));
  const changes = lines.filter((line) => /"msg":"link (up|back|down|refused)"/.test(line));
  expect(changes.filter((line) => line.includes('"link":"street-cabinet"'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('"msg":"link down"'))).toEqual([]);

  // Ledger and alarms go on, also under the new name. The other lift is left out: its link was made anew, and on a busy
  // machine that takes longer than its points are trusted at this rate.
  for (const key of ['feeder-1', 'feeder-2', 'feeder-3']) {
    const { class: name, sinceMs } = await estate.asset(key);
    expect({ key, name, sinceMs }).toEqual({
      key,
      name: assetsBefore.get(key)?.class,
      sinceMs: assetsBefore.get(key)?.sinceMs,
    });
  }
  await until('the renamed lift is down', WITHIN_MS, async () => (await estate.asset('lift-b')).class === 'down');
  expect((await estate.assets()).map(({ key }) => key)).not.toContain('lift-2');
  const { activationId, raisedMs } = trippedBefore;
  expect(await openAlarm('feeder-1')).toMatchObject({ activationId, raisedMs });
  expect(await openAlarm('lift-b')).toMatchObject({ activationId: trappedBefore.activationId });
  expect(await estate.acknowledge(trappedBefore.activationId, 'zhang-san')).toMatchObject({ asset: 'lift-b' });
  const ledger = await estate.get<LedgerReply>(`/api/ledger?asset=lift-b&from=${historyFromMs - 3_600_000}`);
  expect(ledger.stretches.map((stretch) => stretch.class)).toContain('up');
  const downMs = assetsBefore.get('lift-2')?.sinceMs;
  expect(ledger.stretches).toContainEqual(expect.objectContaining({ class: 'down', fromMs: downMs }));
  expect((await fetch(`${estate.url}/api/ledger?asset=lift-2`)).status).toBe(404);
  const history = await estate.get<{ count: number[] }>(
    `/api/history?point=lift-b/position&from=${historyFromMs}&to=${historyFromMs + 60_000}&buckets=1`,
  );
  expect(history.count[0]).toBeGreaterThan(0);

  await estate.mend(trip);
  await estate.mend(trapped);
  await estate.resetWhenGone(trappedBefore.activationId, WITHIN_MS);
  await until('the lift is over', WITHIN_MS, async () => (await openAlarm('lift-b')) === undefined);
});

test('a file with mistakes is refused with all of them, and the site before stays until they are mended', async () => {
  const before = await estate.assets();
  const bad = { secondLift: renamedLift, more: '\n  - { key: lost, nmae: x }', moreLinks: secondPump.moreLinks };
  save(bad);
  const refused = await until('it is refused', WITHIN_MS, async () => (await site()).refused);
  expect(refused.count).toBe(refused.problems.length);
  expect(refused.problems.map(({ code }) => code)).toContain('E010');
  expect((await estate.assets()).map(({ key }) => key)).toEqual(before.map(({ key }) => key));
  expect((await fetch(`${estate.url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${estate.url}/metrics`)).text()).toMatch(/^lamplighter_site_refused 1$/m);

  const { status, body } = await reload();
  expect({ status, code: (body as SiteRefusedReply).code }).toEqual({ status: 422, code: 'site-refused' });
  expect((body as SiteRefusedReply).problems).toEqual(refused.problems);
  const command = new Child('gateway/main.ts', ['reload', '--data', estate.dataDir]);
  expect(await command.exit()).toBe(1);
  const unknownKey = refused.problems.find(({ code }) => code === 'E010');
  const place = `${unknownKey?.file}:${unknownKey?.line}:${unknownKey?.column} E010 ${unknownKey?.text.en}`;
  expect(command.lines.filter((line) => line.startsWith(place))).toHaveLength(1);
  expect(command.lines).toHaveLength(refused.count + 1);
  // The same mistakes are told once, however often the file is read.
  expect(estate.gateway.lines.filter((line) => line.includes('site file refused'))).toHaveLength(1);

  save({ pumpPoll: '900ms', secondLift: renamedLift, ...secondPump });
  await until('it is mended', WITHIN_MS, async () => (await site()).refused === undefined);
  expect((await estate.assets()).map(({ key }) => key)).toEqual(before.map(({ key }) => key));
});

test('the command says what changed, and that nothing did', async () => {
  const run = async () => {
    const command = new Child('gateway/main.ts', ['reload', '--data', estate.dataDir]);
    expect(await command.exit()).toBe(0);
    return command.lines;
  };
  expect(await run()).toEqual(['site file unchanged']);
  // The gateway may have looked at it by itself before the command asks; the end is the same.
  save({ pumpPoll: '900ms', secondLift: renamedLift });
  const lines = await run();
  expect([
    ['site file taken over', 'links removed 1: fire-pump-2', 'assets removed 1: fire-pump-2'],
    ['site file unchanged'],
  ]).toContainEqual(lines);
  expect((await estate.assets()).map(({ key }) => key)).not.toContain('fire-pump-2');
  expect(await link('fire-pump-2')).toBeUndefined();
  expect(await (await fetch(`${estate.url}/metrics`)).text()).not.toContain('link="fire-pump-2"');
});

test('a profile beside the site file is watched, too, and SIGHUP makes it read what it would not see', async () => {
  const reloads = async (outcome: string) => {
    const text = await (await fetch(`${estate.url}/metrics`)).text();
    return Number(new RegExp(`^lamplighter_reloads\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  const takenBefore = await reloads('taken');
  mkdirSync(join(folder, 'profiles'));
  writeFileSync(
    join(folder, 'profiles', 'streetlight-feeder.yaml'),
    `
name: { zh: 回路, en: Feeder }
points:
  breakerClosed: { kind: bool, name: { zh: 合闸, en: breaker closed }, staleAfter: 5s }
up: breakerClosed
alarms: {}
`,
  );
  const { status, body } = await reload();
  // The map has points that this profile lacks: a mistake, and with it the proof that the profile was read.
  expect(status).toBe(422);
  expect((body as SiteRefusedReply).problems.map(({ code }) => code)).toContain('E071');
  rmSync(join(folder, 'profiles'), { recursive: true });
  await until('the gateway sees that it is gone', WITHIN_MS, async () => (await site()).refused === undefined);
  expect(await reloads('taken')).toBe(takenBefore);
  const unchangedBefore = await reloads('unchanged');
  estate.gateway.process.kill('SIGHUP');
  await until('it has read the file', WITHIN_MS, async () => (await reloads('unchanged')) === unchangedBefore + 1);
});

test('many who ask at once share one reload, and the next start goes on from the site that was taken over', async () => {
  const count = async () => {
    const text = await (await fetch(`${estate.url}/metrics`)).text();
    return Number(/^lamplighter_reloads\{outcome="unchanged"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await count();
  const answers = await Promise.all(Array.from({ length: 20 }, () => reload()));
  expect((await count()) - before).toBeLessThanOrEqual(3);
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  const assets = (await estate.assets()).map(({ key }) => key);
  expect(await estate.gateway.end()).toBe(0);
  await estate.startGateway();
  expect((await estate.assets()).map(({ key }) => key)).toEqual(assets);
  await until('all is known again', WITHIN_MS, async () =>
    (await estate.systems()).every(({ counts }) => counts.unknown === 0),
  );
  expect(await (await fetch(`${estate.url}/metrics`)).text()).toMatch(/^lamplighter_engine_divergences 0$/m);
});
