import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { protocols } from '../adapters/registry.ts';
import { type Clock, steadyClock } from '../model/clock.ts';
import type { Leap } from '../model/leaps.ts';
import type { Site } from '../model/site.ts';
import { acknowledgeKey } from './acknowledge-key.ts';
import { caughtUp } from './catch-up.ts';
import { signPermission, TOKEN_LIFE_MS } from './duty/acknowledge-token.ts';
import { type Duty, startDuty } from './duty/duty.ts';
import { noticesFor } from './duty/notices.ts';
import { openChannels } from './duty/open-channels.ts';
import { type Engine, startEngine } from './engine/engine.ts';
import { openState, type State } from './engine/open-state.ts';
import { measureEventLoopDelay, measureOnceStarted } from './event-loop-delay.ts';
import { countCertificates } from './health/path-facts.ts';
import { type HealthOptions, watchHealth } from './health/watch-health.ts';
import { type History, openHistory } from './history/open-history.ts';
import { historyPathFacts } from './history-path-facts.ts';
import type { LiveFeed } from './http/live-feed.ts';
import { LiveValues } from './http/live-values.ts';
import type { HttpServer } from './http/server.ts';
import { newestKnownSeq, releaseWorkedIn } from './known-records.ts';
import { type Links, startLinks } from './links/supervisor.ts';
import { loadSiteAside } from './load-site-aside.ts';
import { lastLogMs } from './log/last-log-ms.ts';
import type { LogBounds } from './log/log-bounds.ts';
import { type DurableLog, openLog } from './log/open-log.ts';
import { PresentSite } from './present-site.ts';
import { type ReloadOutcome, Reloads } from './reloads.ts';
import { type ServeParts, serve } from './serve.ts';
import { fileMarks, watchSite } from './site-watch.ts';
import { openTrustedClock, TIME_TRUST_FILE, type TrustedClock } from './storage/trusted-clock.ts';
import { numbersOf, type TakeOverParts, takeOver } from './take-over.ts';

/** Real ms between two ticks at most; simulated time that runs fast is told more often. */
const TICK_MS = 1000;
const FASTEST_TICK_MS = 100;

/** Site ms for which a leap of the clock is told. */
const LEAP_TOLD_MS = 24 * 3_600_000;

export interface GatewayOptions {
  readonly site: Site;
  readonly siteFile: SiteFile;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  /** What a request shows to write to controllers; nobody may where it is absent. */
  readonly writeToken: string | undefined;
  /** Address that the links in notices begin with; the page's own if absent. */
  readonly publicUrl: string | undefined;
  /** InfluxDB for history, `http://user:password@host:8086/database`; the embedded store if absent. */
  readonly influxUrl: string | undefined;
  readonly logBounds: LogBounds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly pageDir: string;
}

/** Where the site was read from, to be watched. */
export interface SiteFile {
  readonly path: string;
  /** What `fileMarks` gave before it was read. */
  readonly marks: string;
}

/** The running program: every part made once, wired here, and ended in the opposite order. */
export interface Gateway {
  readonly url: string;
  /** Rejects when a part fails without which the site is not watched. */
  readonly failed: Promise<never>;
  /** Reads the site file again; see `Reloads`. */
  reload(): Promise<ReloadOutcome>;
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
    const newestMs = lastLogMs(join(dataDir, 'log'));
    const clock = await openTrustedClock({
      clock: steadyClock(options.clock, newestMs),
      path: join(dataDir, TIME_TRUST_FILE),
      newestMs,
      logger: logger.child({ part: 'clock' }),
    });
    const log = await openLog({
      dir: join(dataDir, 'log'),
      dataDir,
      clock,
      log: logger.child({ part: 'log' }),
      bounds: options.logBounds,
      minimumSeq: await newestKnownSeq(dataDir),
    });
    ending.push(() => log.close());
    ending.push(clock.keep());
    const state = await openState(dataDir, log.last.logSeq, logger);
    ending.push(() => state.close());

    const engine = startEngine({ log, state, logger: logger.child({ part: 'engine' }), outboxRows: noticesFor });
    ending.push(() => engine.close());
    ending.push(releaseWorkedIn(log, engine, clock));
    const present = new PresentSite(site, await adoptSite(log, engine, options));
    const live = new LiveValues();
    live.adopt(site, present.numbers);

    const history = await openHistory({
      dataDir,
      influxUrl: options.influxUrl,
      env: process.env,
      simulated: clock.simulated,
      leaps: () => clock.leaps(),
      log,
      points: (number) => present.pointOf(number),
      changes: {
        after: (place, limit) => state.db.changesAfter(place.logSeq, place.ordinal, limit),
        dropped: (place) => state.db.droppedAfter(place.logSeq, place.ordinal),
        onChanged: (listener) => engine.onStored(() => listener()),
      },
      logger: logger.child({ part: 'history' }),
    });
    ending.push(() => history.close());
    let links: Links | undefined;
    const linkFacts = () => links?.facts() ?? [];
    const health = watchHealth({
      dataDir,
      log,
      clock,
      parts: () => pathParts({ log, state, history, clock, linkFacts }),
      logger: logger.child({ part: 'health' }),
    });
    ending.push(() => health.stop());

    // The page's address is had before any controller is touched: a second gateway must not take their connections.
    const heldLink = (key: string) => links?.held(key);
    const reconnect = (key: string) => links?.reconnect(key);
    const linkAttempts = () => links?.attempts() ?? { underWay: 0, waiting: 0 };
    const reloads = wireReloads(
      options,
      { clock, log, engine, live, present },
      () => links,
      () => http.feed,
    );
    const eventLoop = measureEventLoopDelay();
    const served = {
      stateDb: state.db,
      history,
      health,
      reloads,
      linkFacts,
      linkAttempts,
      heldLink,
      reconnect,
      eventLoop,
    };
    const http: HttpServer = await serve(options, { clock, log, engine, live, present, ...served });
    ending.push(() => http.close());
    links = startLinks({
      site,
      protocols,
      numbers: present.numbers,
      clock,
      log: logger.child({ part: 'links' }),
      hand: (entry) => log.hand(entry),
      env: process.env,
      dataDir,
    });
    ending.push(() => links?.close());

    const duty = wireDuty(options, { engine, http });
    engine.onWentBack(() => http.feed.renew());
    ending.push(() => duty.close());
    ending.push(startTicks(log, clock, logger));
    ending.push(watch(options.siteFile, reloads));
    ending.push(() => reloads.close());
    // Each link has tried to connect once, for which its protocol's library is loaded.
    ending.push(measureOnceStarted(eventLoop, () => linkAttempts().underWay + linkAttempts().waiting > 0));
    logger.info(
      { url: http.url, site: site.key, assets: site.assets.length, links: site.links.length },
      'gateway started',
    );
    return {
      url: http.url,
      failed: Promise.race([engine.failed, log.failed]),
      reload: () => reloads.reload(),
      close: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What the parts of the path tell of themselves. */
function pathParts({ log, state, history, clock, linkFacts }: PathParts): ReturnType<HealthOptions['parts']> {
  return {
    log: log.facts(),
    stateFailing: state.writer.failing,
    history: historyPathFacts(history.facts()),
    clockBehindMs: clock.behindMs(),
    clockLeap: newLeap(clock),
    certificates: countCertificates(linkFacts(), clock.now()),
  };
}

/** The clock's newest leap, as long as it is worth telling. */
function newLeap(clock: TrustedClock): Leap | null {
  const leap = clock.leaps().at(-1);
  return leap && clock.now() - leap.toMs < LEAP_TOLD_MS ? leap : null;
}

interface PathParts {
  readonly log: DurableLog;
  readonly state: State;
  readonly history: History;
  readonly clock: TrustedClock;
  readonly linkFacts: () => ReturnType<Links['facts']>;
}

/** Tells the log that the gateway is back, and the engine of the site file where it is another than the last. */
async function adoptSite(
  log: DurableLog,
  engine: Engine,
  { site, version, logger }: GatewayOptions,
): Promise<ReadonlyMap<string, number>> {
  await caughtUp({ engine, throughSeq: log.last.logSeq, logger, now: () => performance.now() });
  await log.hand({ kind: 'start', version }).taken;
  const numbers = await numbersOf(site, log);
  await engine.reached(log.shownSeq);
  // A points record that was damaged since it was written has told the engine nothing.
  const untold = [...numbers].filter(([key, number]) => engine.state.numbers.get(key) !== number);
  if (untold.length > 0) await log.hand({ kind: 'points', numbers: untold }).taken;
  if (engine.state.plan?.site.hash !== site.hash) await log.hand({ kind: 'site', site }).taken;
  await engine.reached(log.shownSeq);
  return numbers;
}

/** Reloads begin once the gateway is up; links and feed are not there before that. */
function wireReloads(
  { siteFile, logger }: GatewayOptions,
  parts: Omit<TakeOverParts, 'links'> & { readonly clock: Clock },
  links: () => Links | undefined,
  feed: () => LiveFeed,
): Reloads {
  const { present, clock } = parts;
  return new Reloads({
    marks: () => fileMarks(siteFile.path),
    firstMarks: siteFile.marks,
    load: (signal) => loadSiteAside({ path: siteFile.path, presentHash: present.site.hash }, signal),
    async takeOver(site, signal) {
      const held = links();
      if (held === undefined) throw new Error('a reload has begun before the links were held');
      const changes = await takeOver({ ...parts, links: held }, site, signal);
      feed().renew();
      return changes;
    },
    onRefusal: () => feed().renew(),
    now: () => clock.now(),
    logger: logger.child({ part: 'site' }),
  });
}

/** Begins to watch the site file; gives a function that ends it. */
function watch({ path }: SiteFile, reloads: Reloads): () => Promise<void> {
  const stop = new AbortController();
  reloads.begin();
  const watching = watchSite({
    path,
    read: () => reloads.read,
    // What failed for a reason outside of the file is tried again; a mistake in it waits for the next change.
    onChange: async () => (await reloads.reload()).outcome !== 'failed',
    signal: stop.signal,
  });
  return async () => {
    stop.abort();
    await watching;
  };
}

function wireDuty(
  { clock, logger, dataDir, publicUrl }: GatewayOptions,
  { engine, http }: Pick<ServeParts, 'engine'> & { http: HttpServer },
): Duty {
  const key = acknowledgeKey(dataDir);
  const dutyLogger = logger.child({ part: 'duty' });
  const duty = startDuty({
    outbox: engine.outbox,
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
    log.hand({ kind: 'tick' }).taken.then(
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
