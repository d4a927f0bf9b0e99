import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import {
  AlarmHealthReply,
  DecisionsReply,
  ErrorReply,
  LedgerDaysReply,
  LedgerReply,
  RateDetailReply,
} from './contract.ts';
import { fail } from './errors.ts';
import { TimeQuery } from './time-query.ts';

/** How far back the figures of a rate are kept, ms. */
const RATES_KEPT_MS = 370 * 86_400_000;

/** What of an asset's ledger is answered where no range is asked for, ms. */
const LEDGER_RANGE_MS = 86_400_000;

/** Days that are answered where none are asked for; at most, a year and a few. */
const DEFAULT_DAYS = 30;
const MAX_DAYS = 370;
/** Assets of one question about days, and days of all of them together, which bound its answer. */
const MAX_ASSETS = 1000;
const MAX_ASSET_DAYS = 100_000;

/** Which rates are asked for; all of them where a key is absent. */
export interface WantedRates {
  readonly system?: string;
  readonly rate?: string;
}

export interface FiguresSource {
  /** The rates as they were at `atMs`, epoch ms. */
  rates(wanted: WantedRates, atMs: number): readonly RateDetailReply[] | 'unknown-system' | 'unknown-rate';
  alarmHealth(): AlarmHealthReply;
  /** What people decided; of one asset, if given. */
  decisions(asset: string | undefined): DecisionsReply;
  /** Undefined for an asset of which nothing is known. */
  ledger(asset: string, fromMs: number, toMs: number): LedgerReply | undefined;
  /** Assets of a system; undefined where there is no such system. */
  assetsOf(system: string): readonly string[] | undefined;
  /** The last `count` site days up to that of `lastMs`; the key of an asset that is not there; undefined without a site. */
  ledgerDays(assets: readonly string[], lastMs: number, count: number): LedgerDaysReply | string | undefined;
}

/** Questions that a month is settled by: rates with their groups, the ledger, how well the alarm system does. */
export function figureRoutes(app: FastifyInstance, source: FiguresSource, now: () => number): void {
  const rateQuery = Type.Object({
    system: Type.Optional(Type.String()),
    rate: Type.Optional(Type.String()),
    at: TimeQuery('now if absent'),
  });
  app.get<{ Querystring: WantedRates & { at?: number } }>(
    '/api/rates',
    { schema: { querystring: rateQuery, response: { 200: Type.Array(RateDetailReply), default: ErrorReply } } },
    ({ query: { at, ...wanted } }, reply) => {
      const nowMs = now();
      const atMs = at ?? nowMs;
      if (atMs > nowMs || atMs < nowMs - RATES_KEPT_MS) return fail(reply, 'bad-time');
      const rates = source.rates(wanted, atMs);
      return typeof rates === 'string' ? fail(reply, rates) : rates;
    },
  );
  app.get('/api/alarm-health', { schema: { response: { 200: AlarmHealthReply } } }, () => source.alarmHealth());
  app.get<{ Querystring: { asset?: string } }>(
    '/api/decisions',
    {
      schema: {
        querystring: Type.Object({ asset: Type.Optional(Type.String()) }),
        response: { 200: DecisionsReply, default: ErrorReply },
      },
    },
    ({ query: { asset } }) => source.decisions(asset),
  );
  const ledgerQuery = Type.Object({
    asset: Type.String(),
    from: TimeQuery('a day before `to` if absent'),
    to: TimeQuery('now if absent'),
  });
  app.get<{ Querystring: { asset: string; from?: number; to?: number } }>(
    '/api/ledger',
    { schema: { querystring: ledgerQuery, response: { 200: LedgerReply, default: ErrorReply } } },
    ({ query: { asset, from, to } }, reply) => {
      const toMs = to ?? now();
      const fromMs = from ?? toMs - LEDGER_RANGE_MS;
      if (!(toMs > fromMs)) return fail(reply, 'bad-range');
      return source.ledger(asset, fromMs, toMs) ?? fail(reply, 'unknown-asset', asset);
    },
  );
  dayRoute(app, source, now);
}

function dayRoute(app: FastifyInstance, source: FiguresSource, now: () => number): void {
  const dayQuery = Type.Object({
    asset: Type.Optional(
      Type.Array(Type.String({ maxLength: 200 }), { maxItems: MAX_ASSETS, description: 'repeated for several assets' }),
    ),
    system: Type.Optional(Type.String({ description: 'all assets of a system, in place of `asset`' })),
    to: TimeQuery('a moment in the last day; now if absent'),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_DAYS })),
  });
  app.get<{ Querystring: { asset?: string[]; system?: string; to?: number; days?: number } }>(
    '/api/ledger/days',
    { schema: { querystring: dayQuery, response: { 200: LedgerDaysReply, default: ErrorReply } } },
    ({ query: { asset = [], system, to, days = DEFAULT_DAYS } }, reply) => {
      const lastMs = to ?? now();
      if (lastMs > now() || lastMs < now() - RATES_KEPT_MS) return fail(reply, 'bad-time');
      const assets = system === undefined ? asset : source.assetsOf(system);
      if (assets === undefined) return fail(reply, 'unknown-system', system);
      if (assets.length * days > MAX_ASSET_DAYS) return fail(reply, 'too-many-days');
      const answer = source.ledgerDays(assets, lastMs, days);
      if (answer === undefined) return fail(reply, 'not-ready');
      return typeof answer === 'string' ? fail(reply, 'unknown-asset', answer) : answer;
    },
  );
}
