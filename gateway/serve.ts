import { protocols } from '../adapters/registry.ts';
import type { SteadyClock } from '../model/clock.ts';
import type { Action } from '../model/log.ts';
import { refusalOf } from '../rules/actions.ts';
import { alarmHealth } from '../rules/alarms/alarm-health.ts';
import { acknowledgeKey } from './acknowledge-key.ts';
import { readPermission } from './duty/acknowledge-token.ts';
import type { Engine } from './engine/engine.ts';
import { ledgerDays } from './engine/ledger-days.ts';
import type { StateDb } from './engine/state-db.ts';
import { alarmView, alarmViews, assetViews, decisionsView, ledgerView, rateViews, systemViews } from './engine/view.ts';
import type { EventLoopDelay } from './event-loop-delay.ts';
import type { GatewayOptions } from './gateway.ts';
import type { HealthWatch } from './health/watch-health.ts';
import type { History } from './history/open-history.ts';
import type { ActionTaken } from './http/action-routes.ts';
import type { AskedLink } from './http/commissioning-routes.ts';
import type { HealthReply, SiteReply } from './http/contract.ts';
import type { LiveFeed } from './http/live-feed.ts';
import type { LiveValues } from './http/live-values.ts';
import { type HttpServer, startHttp } from './http/server.ts';
import type { WritesSource } from './http/write-routes.ts';
import type { Links } from './links/supervisor.ts';
import type { DurableLog } from './log/open-log.ts';
import { createMetrics } from './metrics.ts';
import type { PresentSite } from './present-site.ts';
import { reloadAnswer, shownRefusal } from './reload-answer.ts';
import type { Reloads } from './reloads.ts';
import { Writes } from './writes.ts';

/** Records that the engine may be behind before `/readyz` says so. */
const MAX_ENGINE_LAG = 5000;

/** Real ms that a person waits for the engine to have worked in what they did. */
const ACTION_WITHIN_MS = 15_000;

/** What the API shows and what it acts on. */
export interface ServeParts {
  readonly clock: SteadyClock;
  readonly log: DurableLog;
  readonly stateDb: StateDb;
  readonly engine: Engine;
  readonly history: History;
  readonly health: HealthWatch;
  readonly live: LiveValues;
  readonly present: PresentSite;
  readonly reloads: Reloads;
  readonly linkFacts: () => ReturnType<Links['facts']>;
  readonly heldLink: Links['held'];
  readonly reconnect: Links['reconnect'];
  readonly linkAttempts: () => ReturnType<Links['attempts']>;
  readonly eventLoop: EventLoopDelay;
}

/** Begins to serve page and API, and keeps both of the present: live values follow the log, changes are told at once. */
export async function serve(options: GatewayOptions, parts: ServeParts): Promise<HttpServer> {
  const { engine, log, live } = parts;
  const stop = new AbortController();
  const following = followLive(log, live, stop.signal);
  const http = await startHttp({ ...httpOptions(options, parts) });
  tellChanges(engine, http.feed);
  return {
    ...http,
    async close() {
      stop.abort();
      await following;
      await http.close();
    },
  };
}

function httpOptions(options: GatewayOptions, parts: ServeParts): Parameters<typeof startHttp>[0] {
  const { host, port, token, logger, pageDir } = options;
  const { clock, log, stateDb, engine, history, live, present, reloads, linkFacts } = parts;
  const key = acknowledgeKey(options.dataDir);
  return {
    host,
    port,
    token,
    logger: logger.child({ part: 'http' }),
    source: {
      site: () => siteReply(options.version, parts),
      systems: () => systemViews(engine.state, clock.now()),
      assets: () => assetViews(engine.state, clock.now()),
      points: () => live.points(clock.now()),
      pointsOf: (asset) => live.points(clock.now(), asset),
      pointChanges: () => live.changes(clock.now()),
      alarms: () => alarmViews(engine.state),
      links: () => linkFacts().map((facts) => ({ ...facts, badPoints: live.badPoints(facts.key) })),
    },
    history: history.home,
    pointInfo: (point) => present.point(point),
    pointStates: (point) => present.states(point),
    figures: {
      rates: (wanted, atMs) => rateViews(engine.state, wanted, atMs, clock.now()),
      alarmHealth: () => alarmHealth(engine.state.health, engine.openActivations(), clock.now()),
      decisions: (asset) => decisionsView(engine.state, asset),
      ledger: (asset, fromMs, toMs) => ledgerView(engine.state, stateDb, asset, fromMs, toMs),
      assetsOf: (system) => assetsOf(present, system),
      ledgerDays: (assets, lastMs, count) => ledgerDays(engine.state, assets, { lastMs, count, nowMs: clock.now() }),
    },
    actions: {
      activation(activationId) {
        const activation = engine.activation(activationId);
        return activation && alarmView(activation, engine.state);
      },
      refusal: (action) => refusalOf(engine.state, action, clock.now()),
      act: (action) => act(action, log, engine),
    },
    writes: { token: options.writeToken, write: wireWrites(options, parts) },
    commissioning: { link: (key) => askedLink(key, parts), reconnect: parts.reconnect },
    reload: async () => reloadAnswer(await reloads.reload()),
    readPermission: (permission) => readPermission(permission, key, Date.now()),
    metrics: createMetrics({ ...parts, now: () => clock.now() }),
    health: () => healthReply(parts),
    notReady: () => notReady(parts),
    pageDir,
  };
}

/** What writes values to controllers, as the site file that holds at each moment allows it. */
function wireWrites({ logger }: GatewayOptions, { present, heldLink, log, engine }: ServeParts): WritesSource['write'] {
  const writes = new Writes({
    site: () => present.site,
    protocols,
    held: heldLink,
    // Nothing waits for the rules before it is sent; what became of it is to be seen at once by whoever asked.
    record: async (action) =>
      action.type === 'written'
        ? (await act(action, log, engine)).logSeq
        : (await log.hand({ kind: 'action', action }).taken).logSeq,
    logger: logger.child({ part: 'writes' }),
  });
  return (wanted) => writes.write(wanted);
}

/** A link as a person may ask of it; undefined where there is none. */
function askedLink(key: string, { linkFacts, heldLink }: ServeParts): AskedLink | undefined {
  const held = heldLink(key);
  const facts = linkFacts().find((link) => link.key === key);
  return held && { adapter: held.adapter ?? null, reason: facts?.reason ?? null, over: held.over };
}

/** Keys of a system's assets; undefined where there is no such system. */
function assetsOf({ site }: PresentSite, system: string): string[] | undefined {
  if (!site.systems.some(({ key }) => key === system)) return undefined;
  return site.assets.flatMap((asset) => (asset.system === system ? [asset.key] : []));
}

/** Why the site is not watched as it should be, or what it says is not kept; empty when all is well. */
function notReady({ log, engine, clock, health }: ServeParts): string[] {
  return [
    ...(log.last.logSeq - engine.state.logSeq > MAX_ENGINE_LAG ? ['engine-behind'] : []),
    ...(health.facts().log.failing === null ? [] : ['log-failing']),
    ...(clock.behindMs() > 0 ? ['clock-set-back'] : []),
  ];
}

/** The path from a sample to a chart, as it does now. */
function healthReply(parts: ServeParts): HealthReply {
  const { log, engine, health, clock } = parts;
  const facts = health.facts();
  const { failing, waitingBytes, lostSamples, bytes, archiveBytes, oldest } = facts.log;
  return {
    nowMs: clock.now(),
    notReady: notReady(parts),
    log: {
      failing,
      waitingBytes,
      lostSamples,
      bytes,
      archiveBytes,
      oldestMs: oldest.logSeq > 0 ? oldest.logMs : null,
    },
    engine: {
      behindRecords: Math.max(0, log.last.logSeq - engine.state.logSeq),
      stateFailing: facts.stateFailing,
      divergences: engine.divergences,
    },
    history: facts.history,
    disk: facts.disk,
    clockBehindMs: facts.clockBehindMs,
    clockLeap: facts.clockLeap,
    damagedFiles: facts.damagedFiles ?? [],
    certificates: facts.certificates,
  };
}

function siteReply(version: string, { present, clock, reloads }: ServeParts): SiteReply {
  const { key, name, timeZone } = present.site;
  const refused = reloads.refusal && shownRefusal(reloads.refusal);
  return {
    key,
    name,
    timeZone,
    simulated: clock.simulated,
    clockRate: clock.rate,
    nowMs: clock.now(),
    version,
    ...(refused && { refused }),
  };
}

/** Puts what a person did into the log, and waits until the engine has worked it in. */
async function act(action: Action, log: DurableLog, engine: Engine): Promise<ActionTaken> {
  const { logSeq } = await log.hand({ kind: 'action', action }).taken;
  return { logSeq, workedIn: await engine.reachedWithin(logSeq, ACTION_WITHIN_MS) };
}

/** Keeps the live values at the log's end until told to stop. */
async function followLive(log: DurableLog, live: LiveValues, signal: AbortSignal): Promise<void> {
  for await (const records of log.follow(log.last.logSeq, signal, { volatile: true })) live.take(records);
}

function tellChanges(engine: Engine, feed: LiveFeed): void {
  engine.onChanges((changes) => {
    for (const { change } of changes) {
      if (change.kind === 'alarm') feed.alarm(alarmView(change.activation, engine.state));
      else if (change.kind === 'ledger') feed.figuresChanged();
    }
  });
}
