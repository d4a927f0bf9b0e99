import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noticesFor } from '../../gateway/duty/notices.ts';
import { type Engine, startEngine } from '../../gateway/engine/engine.ts';
import { openState, type State } from '../../gateway/engine/open-state.ts';
import { openHistory } from '../../gateway/history/open-history.ts';
import { type DurableLog, openLog } from '../../gateway/log/open-log.ts';
import { loadSite } from '../../gateway/site/load-site.ts';
import type { Clock } from '../../model/clock.ts';
import type { LogEntry, Stamp } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Site } from '../../model/site.ts';
import { takeSnapshot } from '../../rules/snapshot.ts';
import { START_MS } from './timeline.ts';
import { until } from './until.ts';

export const LAMPS = 8;

/** What may be different in the site file of a recorded site. */
export interface SiteVariant {
  /** On-delay of a dark lamp. */
  readonly darkDelay?: string;
  /** Power, W, above which a lamp is lit. */
  readonly litAbove?: number;
  readonly target?: string;
  readonly lamps?: number;
  /** Give the lamps before the feeder, which a site file may. */
  readonly feederLast?: boolean;
}

const texts = (words: string) => `{ zh: 中文${words}, en: ${words} }`;

/** Writes a site file with its own profiles and maps into `folder`; gives its path. */
export function writeSite(folder: string, variant: SiteVariant = {}): string {
  const { darkDelay = '2s', litAbove = 5, target = '95%', lamps = LAMPS, feederLast = false } = variant;
  const write = (file: string, text: string) => {
    const path = join(folder, file);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  const alarmTexts = `text: ${texts('text')}, consequence: ${texts('consequence')}, action: ${texts('action')}`;
  write(
    'profiles/test-feeder.yaml',
    `name: ${texts('feeder')}
points: { closed: { kind: bool, name: ${texts('closed')}, staleAfter: 5s } }
up: closed
childrenDead: "!closed"
alarms:
  trip: { priority: 2, when: "!closed", onDelay: 1s, offDelay: 1s, causesChildren: true, ${alarmTexts} }
`,
  );
  write(
    'profiles/test-lamp.yaml',
    `name: ${texts('lamp')}
points: { power: { kind: double, unit: W, name: ${texts('power')}, staleAfter: 15s } }
up: power > ${litAbove}
required: site.dark
alarms:
  dark: { priority: 3, when: site.dark && power <= ${litAbove}, onDelay: ${darkDelay}, offDelay: 1s, ${alarmTexts} }
  data-lost: { priority: 4, onDelay: 5s, ${alarmTexts} }
`,
  );
  for (const [profile, point] of [
    ['test-feeder', 'closed'],
    ['test-lamp', 'power'],
  ]) {
    write(
      `maps/mqtt/${profile}.yaml`,
      `name: ${texts('map')}
source: made up
profile: ${profile}
points: { ${point}: { topic: "t/{asset}", path: ${point} } }
`,
    );
  }
  const feederEntry = `  - { key: feeder, name: ${texts('feeder')}, profile: test-feeder, system: streetlight, link: bus, map: test-feeder }
`;
  const lampEntry = `  - key: lamp-{n}
    each: { n: 1..${lamps} }
    name: { zh: "{n} 号灯", en: "lamp {n}" }
    profile: test-lamp
    system: streetlight
    link: bus
    map: test-lamp
    parent: feeder
`;
  return write(
    'site.yaml',
    `site: { key: test, name: ${texts('test')}, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: bus, name: ${texts('bus')}, protocol: mqtt, broker: embedded, listen: "tcp://127.0.0.1:1883" }
systems:
  - key: streetlight
    name: ${texts('street lights')}
    rates:
      - { key: lit, name: ${texts('lit')}, profile: test-lamp, window: live, target: ${target} }
      - { key: lit-night, name: ${texts('lit at night')}, profile: test-lamp, window: night, target: ${target} }
assets:
${(feederLast ? [lampEntry, feederEntry] : [feederEntry, lampEntry]).join('')}`,
  );
}

/** The checked site of a file; throws where it has mistakes. */
export function siteOf(file: string): Site {
  const result = loadSite(file);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.site;
}

/** A data folder as a gateway makes it: log and state, on a clock that the test moves. */
export class RecordedSite {
  readonly dir: string;
  #site: Site;
  nowMs = START_MS;
  errors: string[] = [];
  log!: DurableLog;
  stored!: State;
  engine!: Engine;
  /** What the equipment does. */
  closed = true;
  readonly dark = new Set<number>();
  readonly silent = new Set<number>();

  constructor(dir: string, site: Site) {
    this.dir = dir;
    this.#site = site;
  }

  /** Starts as the gateway does, with another site file where one is given. */
  async open(site = this.#site): Promise<void> {
    this.#site = site;
    const clock: Clock = { now: () => this.nowMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
    const quiet = { info: () => undefined, warn: () => undefined };
    const logger = { ...quiet, error: (_: object, message: string) => this.errors.push(message) };
    this.log = await openLog({ dir: join(this.dir, 'log'), clock, log: quiet });
    this.stored = await openState(this.dir, this.log.last.logSeq, logger);
    this.engine = startEngine({ log: this.log, state: this.stored, logger, outboxRows: noticesFor });
    await this.settled();
    await this.put({ kind: 'start', version: 'test' });
    await this.log.numbersFor(this.#site.assets.flatMap(({ points }) => points));
    await this.settled();
    if (this.engine.state.plan?.site.hash !== this.#site.hash) await this.put({ kind: 'site', site: this.#site });
    await this.put({ kind: 'link', link: 'bus', up: true, atMs: this.nowMs, reason: null });
  }

  put(entry: LogEntry): Promise<Stamp> {
    return this.log.append(entry);
  }

  async settled(): Promise<void> {
    await this.engine.reached(this.log.last.logSeq);
    await until('the state is written', 10_000, () => this.stored.writer.waitingSize === 0);
  }

  /** Passes time second by second: the feeder answers each second, the lamps each fifth. */
  async pass(seconds: number): Promise<void> {
    const appended: Promise<Stamp>[] = [];
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      const builder = new BatchBuilder();
      const add = (key: string, value: number) =>
        builder.good(this.log.pointNumbers.get(key) ?? 0, this.nowMs - 7, this.nowMs, value);
      add('feeder/closed', this.closed ? 1 : 0);
      for (let lamp = 1; lamp <= LAMPS && this.closed && (this.nowMs / 1000) % 5 === 0; lamp++) {
        if (!this.silent.has(lamp)) add(`lamp-${lamp}/power`, this.dark.has(lamp) ? 2 : 60 + lamp / 3);
      }
      appended.push(this.put({ kind: 'samples', link: 'bus', batch: builder.take() }), this.put({ kind: 'tick' }));
    }
    await Promise.all(appended);
    await this.settled();
  }

  async acknowledgeOldest(): Promise<void> {
    const oldest = this.engine.openActivations().find(({ acknowledgedMs }) => acknowledgedMs === null);
    if (!oldest) return;
    const { activationId } = oldest;
    await this.put({ kind: 'action', action: { type: 'acknowledge', activationId, by: 'zhang' } });
    await this.settled();
  }

  async snapshot(): Promise<void> {
    this.stored.writer.write({ type: 'snapshot', snapshot: takeSnapshot(this.engine.state) });
    await this.settled();
  }

  /** Fills the embedded history from the log, as far as it is. */
  async keepHistory(): Promise<void> {
    const points = this.#site.assets.flatMap(({ key: asset, system, points: own }) =>
      own.map(({ key, point, kind }) => ({ key, point, kind, asset, system })),
    );
    const infos = new Map(points.map((point) => [this.log.pointNumbers.get(point.key), point]));
    const lookup = (number: number) => {
      const info = infos.get(number);
      return info && { ...info, number };
    };
    const quiet = { info: () => undefined, warn: () => undefined };
    const history = await openHistory({
      dataDir: this.dir,
      influxUrl: undefined,
      log: this.log,
      points: lookup,
      changes: { after: () => [], onChanged: () => () => undefined },
      logger: quiet,
    });
    await until('history has caught up', 10_000, () => history.facts().offset.logSeq === this.log.last.logSeq);
    await history.close();
  }

  /** Ends as a killed process does: nothing is saved on the way out. */
  async drop(): Promise<void> {
    await this.log.close();
    await this.stored.close();
  }

  /** Ends in order, which leaves a snapshot. */
  async close(): Promise<void> {
    await this.engine.close();
    await this.drop();
  }
}

/** Numbers from 0 up to 1 that follow from the seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Lets things happen to a recorded site that follow from the seed: faults, silence, cuts, restarts, people. */
export async function happen(recorded: RecordedSite, seed: number, events: number): Promise<void> {
  const random = seededRandom(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  const toggle = (set: Set<number>, lamp: number) => {
    if (!set.delete(lamp)) set.add(lamp);
  };
  for (let event = 0; event < events; event++) {
    const kind = below(10);
    if (kind <= 2) toggle(recorded.dark, 1 + below(LAMPS));
    else if (kind === 3) toggle(recorded.silent, 1 + below(LAMPS));
    else if (kind === 4) recorded.closed = !recorded.closed;
    else if (kind <= 6) await recorded.acknowledgeOldest();
    else if (kind === 7) {
      const up = random() < 0.7;
      const reason = up ? null : { zh: '断', en: 'cut' };
      await recorded.put({ kind: 'link', link: 'bus', up, atMs: recorded.nowMs, reason });
    } else {
      await (kind === 8 ? recorded.close() : recorded.drop());
      recorded.nowMs += 1000 * (1 + below(40));
      await recorded.open();
    }
    await recorded.pass(3 + below(40));
  }
}
