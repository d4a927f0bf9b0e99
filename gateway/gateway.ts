import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { protocols } from '../adapters/registry.ts';
import { type Clock, type SteadyClock, steadyClock } from '../model/clock.ts';
import type { PointInfo } from '../model/point.ts';
import type { Site } from '../model/site.ts';
import { acknowledgeKey } from './acknowledge-key.ts';
import { readPermission, signPermission, TOKEN_LIFE_MS } from './duty/acknowledge-token.ts';
import { type Duty, startDuty } from './duty/duty.ts';
import { noticesFor } from './duty/notices.ts';
import { openChannels } from './duty/open-channels.ts';
import { type Engine, startEngine } from './engine/engine.ts';
import { openStateDb } from './engine/open-state-db.ts';
import type { StateDb } from './engine/state-db.ts';
import { alarmView, alarmViews, assetViews, systemViews } from './engine/view.ts';
import { type History, openHistory } from './history/open-history.ts';
import type { SiteReply } from './http/contract.ts';
import { LiveValues } from './http/live-values.ts';
import { type HttpServer, startHttp } from './http/server.ts';
import { type Links, startLinks } from './links/supervisor.ts';
import { lastLogMs } from './log/last-log-ms.ts';
import { type DurableLog, openLog } from './log/open-log.ts';
import { createMetrics } from './metrics.ts';

/** Real ms between two ticks at most; simulated time that runs fast is told more often. */
const TICK_MS = 1000;
const FASTEST_TICK_MS = 100;

/** Records that the engine may be behind before `/readyz` says so. */
const MAX_ENGINE_LAG = 5000;

export interface GatewayOptions {
  readonly site: Site;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  /** Address that the links in notices begin with; the page's own if absent. */
  readonly publicUrl: string | undefined;
  /** InfluxDB for history, `http://user:password@host:8086/database`; the embedded store if absent. */
  readonly influxUrl: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly pageDir: string;
}

/** The running program: every part made once, wired here, and ended in the opposite order. */
export interface Gateway {
  readonly url: string;
  /** Rejects when a part fails without which the site is not watched. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { dataDir, logger, site } = options;
  // What was started is ended last in, first out, also when the start itself fails half-way.
  const ending: (() => Promise<void> | void)[] = [];
  const end = async () => {
    for (const stop of ending.reverse()) await stop();
    ending.length = 0;
  };
  try {
    mkdirSync(dataDir, { recursive: true });
    const clock = steadyClock(options.clock, lastLogMs(join(dataDir, 'log')));
    const log = await openLog({ dir: join(dataDir, 'log'), clock, log: logger.child({ part: 'log' }) });
    ending.push(() => log.close());
    const stateDb = openStateDb(dataDir, log.last.logSeq, logger);
    ending.push(() => stateDb.close());

    const engine = startEngine({ log, stateDb, logger: logger.child({ part: 'engine' }), outboxRows: noticesFor });
    ending.push(() => engine.close());
    const numbers = await adoptSite(log, engine, site, options.version);

    const history = await openHistory({
      dataDir,
      influxUrl: options.influxUrl,
      log,
      points: pointLookup(site, numbers),
      changes: {
        after: (place, limit) => stateDb.changesAfter(place.logSeq, place.ordinal, limit),
        onChanged: (listener) => engine.onChanges(() => listener()),
      },
      logger: logger.child({ part: 'history' }),
    });
    ending.push(() => history.close());

    // The page's address is had before any controller is touched: a second gateway must not take their connections.
    let links: Links | undefined;
    const linkFacts = () => links?.facts() ?? [];
    const http = await serve(options, { clock, log, stateDb, engine, history, linkFacts, numbers });
    ending.push(() => http.close());
    links = startLinks({
      site,
      protocols,
      numbers,
      clock,
      log: logger.child({ part: 'links' }),
      append: (entry) => log.append(entry),
      env: process.env,
    });
    ending.push(() => links?.close());

    const duty = wireDuty(options, { stateDb, engine, http });
    ending.push(() => duty.close());
    ending.push(startTicks(log, clock, logger));
    logger.info(
      { url: http.url, site: site.key, assets: site.assets.length, links: site.links.length },
      'gateway started',
    );
    return { url: http.url, failed: engine.failed, close: end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface Parts {
  readonly clock: SteadyClock;
  readonly log: DurableLog;
  readonly stateDb: StateDb;
  readonly engine: Engine;
  readonly history: History;
  readonly linkFacts: () => ReturnType<Links['facts']>;
  readonly numbers: ReadonlyMap<string, number>;
}

/** Tells the log that the gateway is back, and the engine of the site file where it is another than the last. */
async function adoptSite(
  log: DurableLog,
  engine: Engine,
  site: Site,
  version: string,
): Promise<ReadonlyMap<string, number>> {
  await engine.reached(log.last.logSeq);
  await log.append({ kind: 'start', version });
  const wanted = site.assets.flatMap((asset) =>
    asset.points.map(({ key, point }) => ({ key, ...(asset.formerly && { formerly: `${asset.formerly}/${point}` }) })),
  );
  const numbers = await log.numbersFor(wanted);
  await engine.reached(log.last.logSeq);
  // A points record that was damaged since it was written has told the engine nothing.
  const untold = [...numbers].filter(([key, number]) => engine.state.numbers.get(key) !== number);
  if (untold.length > 0) await log.append({ kind: 'points', numbers: untold });
  if (engine.state.plan?.site.hash !== site.hash) await log.append({ kind: 'site', site });
  await engine.reached(log.last.logSeq);
  return numbers;
}

function pointLookup(site: Site, numbers: ReadonlyMap<string, number>): (number: number) => PointInfo | undefined {
  const infos = pointInfos(site, numbers);
  const byNumber = new Map([...infos.values()].map((info) => [info.number, info]));
  return (number) => byNumber.get(number);
}

function pointInfos(site: Site, numbers: ReadonlyMap<string, number>): ReadonlyMap<string, PointInfo> {
  const infos = new Map<string, PointInfo>();
  for (const asset of site.assets) {
    for (const { key, point, kind, unit } of asset.points) {
      const number = numbers.get(key);
      if (number === undefined) continue;
      infos.set(key, {
        number,
        key,
        asset: asset.key,
        point,
        system: asset.system,
        kind,
        ...(unit !== undefined && { unit }),
      });
    }
  }
  return infos;
}

async function serve(options: GatewayOptions, parts: Parts): Promise<HttpServer> {
  const { site, logger } = options;
  const { clock, log, stateDb, engine, history, linkFacts, numbers } = parts;
  const infos = pointInfos(site, numbers);
  const live = new LiveValues();
  live.begin(site, numbers);
  const stop = new AbortController();
  const following = followLive(log, live, stop.signal);
  const siteReply = (): SiteReply => ({
    key: site.key,
    name: site.name,
    timeZone: site.timeZone,
    simulated: clock.simulated,
    clockRate: clock.rate,
    nowMs: clock.now(),
    version: options.version,
  });
  const activationView = (activationId: string) => {
    const activation = stateDb.activation(activationId);
    return activation && alarmView(activation, engine.state);
  };
  const key = acknowledgeKey(options.dataDir);
  const metrics = createMetrics({ engine, stateDb, history, linkFacts, log });
  const http = await startHttp({
    host: options.host,
    port: options.port,
    token: options.token,
    logger: logger.child({ part: 'http' }),
    source: {
      site: siteReply,
      systems: () => systemViews(engine.state, clock.now()),
      assets: () => assetViews(engine.state, clock.now()),
      points: () => live.points(clock.now()),
      pointsOf: (asset) => live.points(clock.now(), asset),
      pointChanges: () => live.changes(clock.now()),
      alarms: () => alarmViews(engine.state),
      links: linkFacts,
    },
    history: history.home,
    pointInfo: (point) => infos.get(point),
    activation: activationView,
    async acknowledge(activationId, by) {
      const { logSeq } = await log.append({ kind: 'action', action: { type: 'acknowledge', activationId, by } });
      await engine.reached(logSeq);
    },
    readPermission: (token) => readPermission(token, key, Date.now()),
    metrics,
    notReady: () => [
      ...(log.last.logSeq - engine.state.logSeq > MAX_ENGINE_LAG ? ['engine-behind'] : []),
      ...(clock.behindMs() > 0 ? ['clock-set-back'] : []),
    ],
    pageDir: options.pageDir,
  });
  engine.onChanges((changes) => {
    for (const { change } of changes) {
      if (change.kind === 'alarm') http.feed.alarm(alarmView(change.activation, engine.state));
      else if (change.kind === 'ledger') http.feed.figuresChanged();
    }
  });
  return {
    ...http,
    async close() {
      stop.abort();
      await following;
      await http.close();
    },
  };
}

/** Keeps the live values at the log's end until told to stop. */
async function followLive(log: DurableLog, live: LiveValues, signal: AbortSignal): Promise<void> {
  for await (const records of log.follow(log.last.logSeq, signal)) live.take(records);
}

function wireDuty(
  { clock, logger, dataDir, publicUrl }: GatewayOptions,
  { stateDb, engine, http }: Pick<Parts, 'stateDb' | 'engine'> & { http: HttpServer },
): Duty {
  const key = acknowledgeKey(dataDir);
  const dutyLogger = logger.child({ part: 'duty' });
  const duty = startDuty({
    outbox: stateDb,
    site: () => engine.state.plan?.site,
    channelsOf: openChannels(process.env, dutyLogger),
    acknowledgeUrl: (activationId, person) => {
      const token = signPermission({ activationId, person, expiresMs: Date.now() + TOKEN_LIFE_MS }, key);
      return `${publicUrl ?? http.url}/a/${token}`;
    },
    simulated: clock.simulated,
    logger: dutyLogger,
  });
  engine.onChanges((changes) => {
    if (changes.some(({ change }) => change.kind === 'alarm')) duty.wake();
  });
  return duty;
}

/** Tells the log the time, about each second of it; a tick that is still being written is not doubled. */
function startTicks(log: DurableLog, clock: Clock, logger: Logger): () => void {
  let writing = false;
  let failing = false;
  const everyMs = Math.min(TICK_MS, Math.max(FASTEST_TICK_MS, TICK_MS / clock.rate));
  const timer = setInterval(() => {
    if (writing) return;
    writing = true;
    log.append({ kind: 'tick' }).then(
      () => {
        writing = false;
        failing = false;
      },
      (error: unknown) => {
        writing = false;
        if (!failing) logger.error({ err: error }, 'the log does not take ticks; alarms and figures stand still');
        failing = true;
      },
    );
  }, everyMs);
  return () => clearInterval(timer);
}
