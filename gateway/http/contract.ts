/**
 * Everything that goes over the wire between gateway and page: schemas, and the types that follow from them. The page
 * imports the types only. Ratios are 0 to 1, times epoch ms, unknown values null.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { rateWindows } from '../../model/rate.ts';

/** What comes over the wire is read, never changed. */
type Wire<T> = T extends (infer U)[]
  ? readonly Wire<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Wire<T[K]> }
    : T;

/** Plain types by their name in JSON Schema. */
interface PlainTypes {
  number: number;
  boolean: boolean;
  string: string;
}

/**
 * Any of several plain types. Written as a list of types and not as `anyOf`: to serialize that, a validator is compiled for
 * each place in which it stands, by the first answer that comes to it, and whoever else asks waits meanwhile.
 */
const AnyOf = <K extends keyof PlainTypes>(...types: readonly K[]) => Type.Unsafe<PlainTypes[K]>({ type: [...types] });

/** That or null, without `anyOf` for the same reason. */
const Nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Unsafe<Static<T> | null>({ ...withNull(schema), ...(description !== undefined && { description }) });

/** Throws where a schema has neither types nor values to which null could be added. */
function withNull(schema: TSchema & { type?: unknown; enum?: unknown }): TSchema {
  const { type, enum: values } = schema;
  if (Array.isArray(values)) return { ...schema, enum: [...values, null] };
  if (Array.isArray(type) || typeof type === 'string') return { ...schema, type: [type, 'null'].flat() };
  throw new Error('what may be null has one list of types or of values');
}

export const TextSchema = Type.Object({ zh: Type.String(), en: Type.String() });

/** Every answer that is not a success. */
export const ErrorReply = Type.Object({ code: Type.String(), text: TextSchema });
export type ErrorReply = Wire<Static<typeof ErrorReply>>;

export const LedgerClassSchema = Type.Enum(['up', 'down', 'unknown', 'planned', 'notRequired']);

const VerdictSchema = Type.Enum(['met', 'missed', 'undetermined', 'none']);

export const RateReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  window: Type.Enum([...rateWindows]),
  counted: Type.Boolean({ description: 'assets counted now, or time weighed' }),
  value: Nullable(Type.Number()),
  low: Nullable(Type.Number()),
  high: Nullable(Type.Number()),
  strict: Nullable(Type.Number()),
  coverage: Nullable(Type.Number()),
  target: Type.Number(),
  coverageTarget: Nullable(Type.Number()),
  verdict: VerdictSchema,
  provisional: Type.Boolean(),
  fromMs: Nullable(Type.Number()),
  toMs: Nullable(Type.Number()),
  due: Type.Integer({ description: 'assets due now' }),
  short: Nullable(Type.Integer({ description: 'assets that must come back for the target' })),
  allowed: Nullable(Type.Integer({ description: 'assets that may still fail' })),
  worst: Nullable(Type.Object({ group: Type.String(), value: Nullable(Type.Number()) })),
  missed: Type.Array(Type.String(), { description: 'assets or groups that missed, worst first' }),
  downtimeLeft: Nullable(
    Type.Object(
      { group: Type.String(), ms: Type.Number() },
      { description: 'who may be down for the least time until the window ends, and for how long' },
    ),
  ),
});
export type RateReply = Wire<Static<typeof RateReply>>;

export const RateGroupReply = Type.Object({
  group: Type.String(),
  up: Type.Number(),
  down: Type.Number(),
  unknown: Type.Number(),
  planned: Type.Number(),
  value: Nullable(Type.Number()),
  low: Nullable(Type.Number()),
  high: Nullable(Type.Number()),
  strict: Nullable(Type.Number()),
  coverage: Nullable(Type.Number()),
  verdict: VerdictSchema,
  downtimeLeftMs: Nullable(Type.Number()),
});

/** A rate with each of its groups, worst first: `GET /api/rates`. */
export const RateDetailReply = Type.Object({
  system: Type.String(),
  rate: RateReply,
  groups: Type.Array(RateGroupReply),
});
export type RateDetailReply = Wire<Static<typeof RateDetailReply>>;

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
  group: Nullable(Type.String()),
  warrantyUntil: Nullable(Type.String({ description: 'last day of its warranty, a site date: 2027-03-31' })),
  /** Not handed over: pages nobody, enters no figure. */
  commissioning: Type.Boolean(),
  outOfService: Nullable(Type.Object({ by: Type.String(), reason: Type.String(), sinceMs: Type.Number() })),
  job: Nullable(Type.Object({ by: Type.String(), untilMs: Type.Number() })),
  /** End of the planned work in progress. */
  plannedUntilMs: Nullable(Type.Number()),
  class: LedgerClassSchema,
  sinceMs: Nullable(Type.Number()),
  /** This month to date. */
  availability: Nullable(Type.Number()),
  availabilityLow: Nullable(Type.Number()),
  availabilityHigh: Nullable(Type.Number()),
});
export type AssetReply = Wire<Static<typeof AssetReply>>;

const ReasonSchema = Type.Object({ code: Type.String(), text: TextSchema, detail: Nullable(Type.String()) });

export const PointReply = Type.Object({
  key: Type.String({ description: 'asset/point' }),
  asset: Type.String(),
  point: Type.String(),
  name: TextSchema,
  kind: Type.Enum(['double', 'bool', 'enum', 'bitset', 'text']),
  unit: Nullable(Type.String()),
  states: Nullable(Type.Record(Type.String(), TextSchema)),
  /** Null where bad, stale or never received. */
  value: Nullable(AnyOf('number', 'boolean', 'string')),
  quality: Type.Enum(['good', 'uncertain', 'bad', 'stale', 'none']),
  reason: Nullable(ReasonSchema),
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
  priority: Type.Enum([1, 2, 3, 4]),
  state: Type.Enum(['unacknowledged', 'acknowledged', 'returned-unacknowledged', 'latched', 'normal']),
  sinceMs: Type.Number(),
  raisedMs: Type.Number(),
  returnedMs: Nullable(Type.Number()),
  acknowledgedMs: Nullable(Type.Number()),
  acknowledgedBy: Nullable(Type.String()),
  text: TextSchema,
  consequence: TextSchema,
  action: TextSchema,
  children: Type.Array(Type.String()),
  silence: Nullable(Type.Enum(['shelved', 'suppressed', 'out-of-service', 'planned', 'commissioning'])),
  shelf: Nullable(Type.Object({ untilMs: Nullable(Type.Number()), by: Type.String(), reason: Type.String() })),
  annunciations: Type.Integer(),
  test: Type.Boolean(),
  firstTold: Nullable(Type.String()),
  chattering: Type.Boolean(),
});
export type AlarmReply = Wire<Static<typeof AlarmReply>>;

export const AcknowledgeBody = Type.Object(
  { by: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })) },
  { additionalProperties: false },
);

const By = Type.Optional(Type.String({ minLength: 1, maxLength: 64 }));
const Key = Type.String({ minLength: 1, maxLength: 200 });
const Reason = Type.String({ minLength: 1, maxLength: 500 });
const Time = Type.Number({ minimum: 0, maximum: 8.64e15, description: 'epoch ms' });
const Act = <K extends string, P extends Record<string, TSchema>>(type: K, properties: P) =>
  Type.Object({ type: Type.Literal(type), by: By, ...properties }, { additionalProperties: false });

/** What a person asks for: `POST /api/actions`. */
export const ActionBody = Type.Union([
  Act('acknowledge', { activationId: Type.String({ maxLength: 1000 }) }),
  Act('reset', { activationId: Type.String({ maxLength: 1000 }) }),
  Act('shelve', { asset: Key, alarm: Key, untilMs: Nullable(Time), reason: Reason }),
  Act('unshelve', { asset: Key, alarm: Key }),
  Act('take-out-of-service', { asset: Key, reason: Reason }),
  Act('return-to-service', { asset: Key }),
  Act('plan', { asset: Key, fromMs: Time, toMs: Time, reason: Reason }),
  Act('cancel-plan', { asset: Key, fromMs: Time }),
  Act('exclude', { asset: Key, fromMs: Time, toMs: Time, reason: Reason }),
  Act('sign-off', { points: Type.Array(Type.String({ maxLength: 300 }), { minItems: 1, maxItems: 1000 }) }),
  Act('open-job', { asset: Key, untilMs: Time }),
  Act('close-job', { asset: Key }),
]);
export type ActionBody = Wire<Static<typeof ActionBody>>;

const PointValueSchema = AnyOf('number', 'string');
const WriteOutcomeSchema = Type.Enum(['done', 'refused', 'failed'], {
  description: 'done: read back and the same; refused: nothing was changed; failed: sent, and it is not there',
});

/** What a person wants written: `POST /api/points/ASSET/POINT/write`, with the write token in {@link WRITE_TOKEN_HEADER}. */
export const WriteBody = Type.Object(
  {
    value: Type.Union([Type.Number(), Type.Boolean(), Type.String({ maxLength: 256 })]),
    by: Type.String({ minLength: 1, maxLength: 64, description: 'who writes' }),
    reason: Reason,
  },
  { additionalProperties: false },
);

export type WriteBody = Static<typeof WriteBody>;

/** A value that was written, and read back. */
export const WriteReply = Type.Object({
  logSeq: Type.Integer({ description: 'of the record of the write in the log' }),
  before: Nullable(PointValueSchema),
  after: Nullable(PointValueSchema),
});
export type WriteReply = Wire<Static<typeof WriteReply>>;

/** Header that carries the write token, besides the access token. */
export const WRITE_TOKEN_HEADER = 'x-lamplighter-write-token';

/** What people decided that has no alarm: `GET /api/decisions`. */
export const DecisionsReply = Type.Object({
  plans: Type.Array(
    Type.Object({
      asset: Type.String(),
      fromMs: Type.Number(),
      toMs: Type.Number(),
      by: Type.String(),
      reason: Type.String(),
    }),
    { description: 'planned work that somebody registered, also what was over in the last 40 days' },
  ),
  exclusions: Type.Array(
    Type.Object({
      asset: Type.String(),
      fromMs: Type.Number(),
      toMs: Type.Number(),
      by: Type.String(),
      reason: Type.String(),
      atMs: Type.Number({ description: 'when it was excluded' }),
      excludedMs: Type.Number({ description: 'how much of it had counted as down or unknown' }),
    }),
  ),
  writes: Type.Array(
    Type.Object({
      asset: Type.String(),
      point: Type.String(),
      value: PointValueSchema,
      by: Type.String(),
      reason: Type.String(),
      atMs: Type.Number(),
      logSeq: Type.Integer({ description: 'of its record in the log' }),
      outcome: Nullable(WriteOutcomeSchema),
      before: Nullable(PointValueSchema),
      after: Nullable(PointValueSchema),
      why: Nullable(TextSchema),
    }),
    {
      description:
        'values that people wrote to controllers, the newest 500; outcome null: not known, because the gateway ended in between',
    },
  ),
  signedOff: Type.Array(Type.String(), { description: 'points of assets in commissioning that were checked' }),
});
export type DecisionsReply = Wire<Static<typeof DecisionsReply>>;

/** How well the alarm system does: `GET /api/alarm-health`. */
export const AlarmHealthReply = Type.Object({
  fromMs: Type.Number(),
  toMs: Type.Number(),
  annunciated: Type.Integer(),
  byPriority: Type.Object({ 1: Type.Integer(), 2: Type.Integer(), 3: Type.Integer(), 4: Type.Integer() }),
  perHour: Nullable(Type.Number()),
  worstHour: Type.Integer(),
  last10Min: Type.Integer(),
  flood: Type.Boolean(),
  floodShare: Nullable(Type.Number()),
  topTen: Type.Array(
    Type.Object({ asset: Type.String(), alarm: Type.String(), count: Type.Integer(), share: Type.Number() }),
  ),
  stale: Type.Array(Type.String()),
  chattering: Type.Array(Type.String()),
  fleeting: Type.Integer(),
  silenced: Type.Object({
    shelved: Type.Integer(),
    suppressed: Type.Integer(),
    'out-of-service': Type.Integer(),
    planned: Type.Integer(),
    commissioning: Type.Integer(),
  }),
});
export type AlarmHealthReply = Wire<Static<typeof AlarmHealthReply>>;

/** The path from a sample to a chart: `GET /api/health`. Counts are since the start; null where nobody counts that. */
export const HealthReply = Type.Object({
  nowMs: Type.Number(),
  notReady: Type.Array(Type.String(), { description: 'as /readyz has it; empty when all is well' }),
  log: Type.Object({
    failing: Nullable(
      Type.Object({ reason: TextSchema, sinceMs: Type.Number() }, { description: 'why nothing reaches the disk' }),
    ),
    waitingBytes: Type.Number({ description: 'of entries that wait for the disk' }),
    lostSamples: Type.Number({ description: 'that the rules saw and the disk never did' }),
    bytes: Type.Number(),
    archiveBytes: Type.Number(),
    oldestMs: Nullable(Type.Number({ description: 'of the oldest record that is not in the archive only' })),
  }),
  engine: Type.Object({
    behindRecords: Type.Integer(),
    stateFailing: Type.Boolean({ description: 'its state does not reach the disk' }),
    divergences: Type.Integer({ description: 'records whose re-run gave other changes than stored; a bug unless 0' }),
  }),
  history: Type.Object({
    behindMs: Type.Number({ description: 'log time between the newest record and the last one written' }),
    writtenSamples: Type.Number(),
    writtenChanges: Type.Number(),
    rejectedRows: Type.Number({ description: 'refused for good' }),
    deadLetters: Nullable(Type.Number({ description: 'rows written to the file of dead letters' })),
    lostRecords: Type.Number({ description: 'that it never got because the log no longer had them' }),
    lostChanges: Type.Number({
      description: 'of ledger, alarms and rates, at most, that it never got: no longer kept',
    }),
    waitingRecords: Type.Integer({ description: 'of the log, that are not written yet' }),
    lastError: Nullable(
      Type.Object(TextSchema.properties, { description: 'why the last try failed; null once one has gone through' }),
    ),
  }),
  disk: Nullable(Type.Object({ freeBytes: Type.Number(), sizeBytes: Type.Number() })),
  clockBehindMs: Type.Number({ description: 'of the machine’s clock behind what it showed before' }),
  clockLeap: Nullable(
    Type.Object(
      { fromMs: Type.Number(), toMs: Type.Number() },
      {
        description:
          'of the clock ahead, within the last day, or the gateway’s absence: nothing is removed for its age',
      },
    ),
  ),
  damagedFiles: Type.Array(Type.String(), { description: 'set aside, in the data folder' }),
  certificates: Type.Object(
    { expiring: Type.Integer({ description: 'within a month' }), expired: Type.Integer() },
    { description: 'of those that links work with' },
  ),
});
export type HealthReply = Wire<Static<typeof HealthReply>>;

const WireReply = Type.Object(
  {
    requests: Type.Integer({ description: 'of ours, answered or not' }),
    messages: Type.Integer({ description: 'that came unasked' }),
    timeouts: Type.Integer(),
    failures: Type.Integer({ description: 'answers and messages that were refusals, or could not be read' }),
    overruns: Type.Integer({ description: 'polls that were not done when the next was due' }),
    errorRatio: Nullable(Type.Number({ description: 'time-outs and failures among all of the last five minutes' })),
    roundTripMs: Nullable(
      Type.Object(
        { last: Type.Number(), median: Type.Number(), p95: Type.Number() },
        { description: 'of the newest answers, at most 256 and five minutes old' },
      ),
    ),
    revision: Nullable(TextSchema, 'what the other side grants instead of what was asked for'),
    address: Nullable(
      Type.String(),
      'which of several addresses is connected to; null where none is, or there is one only',
    ),
    certificates: Nullable(
      Type.Object(
        {
          ownUntilMs: Nullable(Type.Number()),
          serverUntilMs: Nullable(Type.Number()),
          userUntilMs: Nullable(Type.Number()),
        },
        { description: 'until when the certificates are good that the link works with' },
      ),
    ),
  },
  { description: 'counts since the link was started, as far as its protocol has them' },
);

const BadPointsReply = Type.Object(
  {
    count: Type.Integer(),
    named: Type.Array(
      Type.Object({
        key: Type.String({ description: 'asset/point' }),
        asset: Type.String(),
        name: TextSchema,
        reason: Nullable(ReasonSchema),
        sinceMs: Type.Number(),
      }),
      { description: 'at most 20, those that have been bad longest' },
    ),
  },
  { description: 'points for which the newest answer is no value' },
);
export type BadPointsReply = Wire<Static<typeof BadPointsReply>>;

export const LinkReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  protocol: Type.String(),
  state: Type.Enum(['connecting', 'up', 'down', 'refused']),
  sinceMs: Type.Number({ description: 'in this state; while it is up, connected' }),
  reason: Nullable(TextSchema, 'why it is down or refused'),
  nextRetryMs: Nullable(Type.Number()),
  reconnects: Type.Integer({ description: 'how often it came up again' }),
  lastError: Nullable(
    Type.Object(
      { text: TextSchema, atMs: Type.Number() },
      { description: 'what went wrong last, on the wire or with the link, also where that is over' },
    ),
  ),
  wire: WireReply,
  badPoints: BadPointsReply,
});
export type LinkReply = Wire<Static<typeof LinkReply>>;

const ShownSchema = Type.Union([Type.String(), TextSchema]);
const TroubleSchema = Type.Object({
  what: TextSchema,
  next: Type.Array(TextSchema, { description: 'what to try, likeliest first' }),
});
const OutcomeSchema = Type.Enum(['answered', 'refused', 'silent', 'unreachable']);
const ColumnSchema = Type.Object({ key: Type.String(), title: ShownSchema, right: Type.Optional(Type.Boolean()) });
const tableHead = { key: Type.String(), title: TextSchema, columns: Type.Array(ColumnSchema) };

/** What to read: `POST /api/links/:key/read`. */
export const ReadBody = Type.Object(
  {
    where: Type.String({
      minLength: 1,
      maxLength: 1100,
      description: 'in the protocol’s notation, such as `holding:160@1`; or the key of one of the link’s points',
    }),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 2000 })),
    wide: Type.Optional(Type.Boolean({ description: 'with decodings of 64 bits' })),
    waitMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 120_000, description: 'for a message to come' })),
  },
  { additionalProperties: false },
);
export type ReadBody = Wire<Static<typeof ReadBody>>;

/** What one read gave. */
export const ReadReply = Type.Object({
  outcome: OutcomeSchema,
  facts: Type.Array(Type.Object({ key: Type.String(), name: TextSchema, value: ShownSchema })),
  tables: Type.Array(Type.Object({ ...tableHead, rows: Type.Array(Type.Array(ShownSchema)) })),
  trouble: Nullable(TroubleSchema),
});

/** What to look for: `POST /api/links/:key/scan`; options as the command line has them, without their dashes. */
export const ScanBody = Type.Object(
  { options: Type.Record(Type.String({ maxLength: 32 }), Type.String({ maxLength: 1100 }), { maxProperties: 16 }) },
  { additionalProperties: false },
);
export type ScanBody = Wire<Static<typeof ScanBody>>;

/** A line of a scan's answer, which is `application/x-ndjson`; the last is `end`. */
export const ScanLine = Type.Union([
  Type.Object({ kind: Type.Literal('table'), table: Type.Object(tableHead) }),
  Type.Object({
    kind: Type.Literal('row'),
    table: Type.String(),
    key: Type.String({ description: 'a later row with the same key takes the place of this one' }),
    cells: Type.Array(ShownSchema),
  }),
  Type.Object({ kind: Type.Literal('progress'), done: Type.Number(), total: Type.Number(), text: TextSchema }),
  Type.Object({
    kind: Type.Literal('end'),
    complete: Type.Boolean(),
    outcome: OutcomeSchema,
    notes: Type.Array(TextSchema),
    trouble: Nullable(TroubleSchema),
  }),
]);

/** A mistake or a warning in a site file, a profile or a map: `docs/site-file.md` lists the codes. */
export const SiteProblemReply = Type.Object({
  file: Type.String(),
  line: Type.Integer(),
  column: Type.Integer(),
  code: Type.String(),
  text: TextSchema,
  suggestion: Nullable(Type.String({ description: 'what was probably meant' })),
});
export type SiteProblemReply = Wire<Static<typeof SiteProblemReply>>;

export const SiteReply = Type.Object({
  key: Type.String(),
  name: TextSchema,
  timeZone: Type.String(),
  simulated: Type.Boolean(),
  clockRate: Type.Number(),
  nowMs: Type.Number(),
  version: Type.String(),
  refused: Type.Optional(
    Type.Object(
      {
        sinceMs: Type.Number(),
        count: Type.Integer(),
        problems: Type.Array(SiteProblemReply, { description: 'the first of them' }),
      },
      { description: 'the site file has these mistakes, and what was loaded before stays; absent while it is sound' },
    ),
  ),
});
export type SiteReply = Wire<Static<typeof SiteReply>>;

const Named = <T extends TSchema>(keys: T) => Type.Object({ count: Type.Integer(), keys: Type.Array(keys) });

/** What a reload changed: `POST /api/site/reload`. Of each kind the first keys, and how many there are. */
export const ReloadReply = Type.Object({
  outcome: Type.Enum(['taken', 'unchanged']),
  links: Type.Object({
    restarted: Named(Type.String()),
    added: Named(Type.String()),
    removed: Named(Type.String()),
  }),
  assets: Type.Object({
    added: Named(Type.String()),
    removed: Named(Type.String()),
    renamed: Named(Type.Object({ former: Type.String(), key: Type.String() })),
  }),
  warnings: Type.Array(SiteProblemReply),
});
export type ReloadReply = Wire<Static<typeof ReloadReply>>;

/** A reload that was refused: an error with every mistake. */
export const SiteRefusedReply = Type.Object({
  code: Type.String(),
  text: TextSchema,
  problems: Type.Array(SiteProblemReply),
});
export type SiteRefusedReply = Wire<Static<typeof SiteRefusedReply>>;

/** An action is on disk, as this record of the log, and worked in. */
export const ActionReply = Type.Object({ logSeq: Type.Integer() });

/** An asset's ledger: `GET /api/ledger`. */
export const LedgerReply = Type.Object({
  asset: Type.String(),
  fromMs: Type.Number(),
  toMs: Type.Number(),
  stretches: Type.Array(
    Type.Object({
      fromMs: Type.Number({ description: 'may be before the range' }),
      toMs: Nullable(Type.Number({ description: 'may be after the range; null while it lasts' })),
      class: LedgerClassSchema,
    }),
  ),
  nextMs: Nullable(Type.Number({ description: 'where to go on asking, if there were too many' })),
});
export type LedgerReply = Wire<Static<typeof LedgerReply>>;

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

/** A page of raw samples as columns: `GET /api/history/samples`. */
export const SamplesReply = Type.Object({
  point: Type.String(),
  ms: Type.Array(Type.Number()),
  value: Type.Array(Nullable(AnyOf('number', 'string')), {
    description: 'null where the sample is bad; 0 or 1 of a bool',
  }),
  quality: Type.Array(Type.Enum(['good', 'uncertain', 'bad'])),
  next: Nullable(Type.String({ description: '`after` of the next page; null where nothing follows' })),
});
export type SamplesReply = Wire<Static<typeof SamplesReply>>;

/** The states of a point over time: `GET /api/history/states`. */
export const TimelineReply = Type.Object({
  point: Type.String(),
  fromMs: Type.Number(),
  toMs: Type.Number(),
  pixelMs: Type.Number(),
  exact: Type.Boolean({ description: 'begins and ends to the ms; else to half a pixel' }),
  stretches: Type.Array(
    Type.Object({
      kind: Type.Enum(['state', 'unknown', 'changes']),
      fromMs: Type.Number(),
      toMs: Type.Number(),
      state: Type.Optional(Type.Number({ description: 'of kind `state`' })),
      changes: Type.Optional(
        Type.Integer({ description: 'of kind `changes`: so many stretches shorter than a pixel' }),
      ),
    }),
  ),
});
export type TimelineReply = Wire<Static<typeof TimelineReply>>;

const DayTimes = Type.Array(Type.Number(), { description: 'ms of each day' });

/** Time by class of several assets, day by day: `GET /api/ledger/days`. */
export const LedgerDaysReply = Type.Object({
  days: Type.Array(Type.Object({ date: Type.String(), fromMs: Type.Number(), toMs: Type.Number() })),
  assets: Type.Array(
    Type.Object({
      asset: Type.String(),
      up: DayTimes,
      down: DayTimes,
      unknown: DayTimes,
      planned: DayTimes,
      notRequired: DayTimes,
    }),
  ),
});
export type LedgerDaysReply = Wire<Static<typeof LedgerDaysReply>>;

/**
 * Events of `/api/live` (SSE; `event:` is the key, `data:` one JSON value). A snapshot on every connect; then deltas,
 * coalesced to one per {@link LIVE_DELTA_MS}, and of a link's wire to one per {@link LIVE_WIRE_MS}; alarm changes at once and never coalesced; a heartbeat each
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
/** Real ms between two looks at what passed over the wires, which is another after each request. */
export const LIVE_WIRE_MS = 10_000;
/** Real ms between two heartbeats. */
export const LIVE_HEARTBEAT_MS = 5000;
