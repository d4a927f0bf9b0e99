/**
 * Everything that goes over the wire between gateway and page: schemas, and the types that follow from them. The page
 * imports the types only. Ratios are 0 to 1, times epoch ms, unknown values null.
 */
import { type Static, type TSchema, Type } from 'typebox';

/** What comes over the wire is read, never changed. */
type Wire<T> = T extends (infer U)[]
  ? readonly Wire<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Wire<T[K]> }
    : T;

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const TextSchema = Type.Object({ zh: Type.String(), en: Type.String() });

/** Every answer that is not a success. */
export const ErrorReply = Type.Object({ code: Type.String(), text: TextSchema });
export type ErrorReply = Wire<Static<typeof ErrorReply>>;

export const LedgerClassSchema = Type.Union([
  Type.Literal('up'),
  Type.Literal('down'),
  Type.Literal('unknown'),
  Type.Literal('planned'),
  Type.Literal('notRequired'),
]);

export const RateReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  window: Type.Union([
    Type.Literal('live'),
    Type.Literal('night'),
    Type.Literal('day'),
    Type.Literal('7d'),
    Type.Literal('30d'),
    Type.Literal('month'),
  ]),
  counted: Type.Boolean({ description: 'assets counted now, or time weighed' }),
  value: Nullable(Type.Number()),
  low: Nullable(Type.Number()),
  high: Nullable(Type.Number()),
  strict: Nullable(Type.Number()),
  coverage: Nullable(Type.Number()),
  target: Type.Number(),
  verdict: Type.Union([
    Type.Literal('met'),
    Type.Literal('missed'),
    Type.Literal('undetermined'),
    Type.Literal('none'),
  ]),
  provisional: Type.Boolean(),
  due: Type.Integer({ description: 'assets due now' }),
  short: Nullable(Type.Integer({ description: 'assets that must come back for the target' })),
  allowed: Nullable(Type.Integer({ description: 'assets that may still fail' })),
  worst: Nullable(Type.Object({ group: Type.String(), value: Nullable(Type.Number()) })),
  missed: Type.Array(Type.String(), { description: 'assets or groups that missed, worst first' }),
});
export type RateReply = Wire<Static<typeof RateReply>>;

export const SystemReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  counts: Type.Object({
    up: Type.Integer(),
    down: Type.Integer(),
    unknown: Type.Integer(),
    planned: Type.Integer(),
    notRequired: Type.Integer(),
  }),
  rates: Type.Array(RateReply, { description: 'the first is the headline' }),
  alarms: Type.Object({ unacknowledged: Type.Integer(), active: Type.Integer() }),
  dataAgeMs: Nullable(Type.Integer({ description: 'age of the oldest asset’s newest reply; null if none ever came' })),
});
export type SystemReply = Wire<Static<typeof SystemReply>>;

export const AssetReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  system: Type.String(),
  profile: Type.String(),
  link: Type.String(),
  parent: Nullable(Type.String()),
  location: Type.Object({
    building: Type.Optional(Type.String()),
    floor: Type.Optional(Type.String()),
    place: Type.Optional(Type.String()),
  }),
  contractor: Nullable(Type.String()),
  class: LedgerClassSchema,
  sinceMs: Nullable(Type.Number()),
  /** This month to date. */
  availability: Nullable(Type.Number()),
  availabilityLow: Nullable(Type.Number()),
  availabilityHigh: Nullable(Type.Number()),
});
export type AssetReply = Wire<Static<typeof AssetReply>>;

export const PointReply = Type.Object({
  key: Type.String({ description: 'asset/point' }),
  asset: Type.String(),
  point: Type.String(),
  name: TextSchema,
  kind: Type.Union([
    Type.Literal('double'),
    Type.Literal('bool'),
    Type.Literal('enum'),
    Type.Literal('bitset'),
    Type.Literal('text'),
  ]),
  unit: Nullable(Type.String()),
  states: Nullable(Type.Record(Type.String(), TextSchema)),
  /** Null where bad, stale or never received. */
  value: Nullable(Type.Union([Type.Number(), Type.Boolean(), Type.String()])),
  quality: Type.Union([
    Type.Literal('good'),
    Type.Literal('uncertain'),
    Type.Literal('bad'),
    Type.Literal('stale'),
    Type.Literal('none'),
  ]),
  reason: Nullable(Type.Object({ code: Type.String(), text: TextSchema, detail: Nullable(Type.String()) })),
  sourceMs: Nullable(Type.Number()),
  receivedMs: Nullable(Type.Number()),
});
export type PointReply = Wire<Static<typeof PointReply>>;

export const AlarmReply = Type.Object({
  activationId: Type.String(),
  asset: Type.String(),
  assetName: TextSchema,
  system: Nullable(Type.String()),
  alarm: Type.String(),
  priority: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3), Type.Literal(4)]),
  state: Type.Union([
    Type.Literal('unacknowledged'),
    Type.Literal('acknowledged'),
    Type.Literal('returned-unacknowledged'),
    Type.Literal('latched'),
    Type.Literal('normal'),
  ]),
  sinceMs: Type.Number(),
  raisedMs: Type.Number(),
  returnedMs: Nullable(Type.Number()),
  acknowledgedMs: Nullable(Type.Number()),
  acknowledgedBy: Nullable(Type.String()),
  text: TextSchema,
  consequence: TextSchema,
  action: TextSchema,
  children: Type.Array(Type.String()),
});
export type AlarmReply = Wire<Static<typeof AlarmReply>>;

export const AcknowledgeBody = Type.Object(
  { by: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })) },
  { additionalProperties: false },
);

export const LinkReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  protocol: Type.String(),
  state: Type.Union([Type.Literal('connecting'), Type.Literal('up'), Type.Literal('down'), Type.Literal('refused')]),
  sinceMs: Type.Number(),
  reason: Nullable(TextSchema),
  nextRetryMs: Nullable(Type.Number()),
});
export type LinkReply = Wire<Static<typeof LinkReply>>;

export const SiteReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  timeZone: Type.String(),
  simulated: Type.Boolean(),
  clockRate: Type.Number(),
  nowMs: Type.Number(),
  version: Type.String(),
});
export type SiteReply = Wire<Static<typeof SiteReply>>;

export const HistoryReply = Type.Object({
  point: Type.String(),
  fromMs: Type.Number(),
  toMs: Type.Number(),
  bucketMs: Type.Number(),
  count: Type.Array(Type.Integer()),
  min: Type.Array(Nullable(Type.Number())),
  max: Type.Array(Nullable(Type.Number())),
  mean: Type.Array(Nullable(Type.Number())),
  last: Type.Array(Nullable(Type.Number())),
});
export type HistoryReply = Wire<Static<typeof HistoryReply>>;

/**
 * Events of `/api/live` (SSE; `event:` is the key, `data:` one JSON value). A snapshot on every connect; then deltas,
 * coalesced to one per {@link LIVE_DELTA_MS}; alarm changes at once and never coalesced; a heartbeat each
 * {@link LIVE_HEARTBEAT_MS}.
 */
export interface LiveEvents {
  snapshot: {
    site: SiteReply;
    readonly systems: readonly SystemReply[];
    readonly assets: readonly AssetReply[];
    readonly points: readonly PointReply[];
    readonly alarms: readonly AlarmReply[];
    readonly links: readonly LinkReply[];
  };
  /** Only what changed, whole rows by key. */
  delta: {
    nowMs: number;
    readonly systems: readonly SystemReply[];
    readonly assets: readonly AssetReply[];
    readonly points: readonly PointReply[];
    readonly links: readonly LinkReply[];
  };
  /** An activation as it is now; state `normal` = no longer open. */
  alarm: AlarmReply;
  heartbeat: { nowMs: number };
}

/** Real ms between two deltas at least. */
export const LIVE_DELTA_MS = 100;
/** Real ms between two heartbeats. */
export const LIVE_HEARTBEAT_MS = 5000;
