import type { WriteOutcome } from '../model/adapter.ts';
import type { PointKey, PointNumber, PointValue } from '../model/point.ts';
import type { Text } from '../model/text.ts';
import type { AlarmMemory } from './alarms/alarm.ts';
import { createHealthMemory, type HealthMemory } from './alarms/alarm-health.ts';
import { type Plan, STRIDE, VALUE } from './compile.ts';
import { Window } from './expressions/window.ts';
import { Ledger } from './ledger/ledger.ts';
import type { RecentInputs } from './ledger/recent-inputs.ts';

/** Slots whose staleness is looked at together. */
export const STALE_CHUNK = 256;

/** A result of an expression that cannot be told, as {@link EngineState.results} holds it. */
export const UNKNOWN_RESULT = 2;

/** What people decided; by the asset's key, since it outlives a change of the site file. */
export interface Decisions {
  readonly outOfService: Map<string, { readonly by: string; readonly reason: string; readonly sinceMs: number }>;
  readonly jobs: Map<string, { readonly by: string; readonly untilMs: number }>;
  /** Keys of the points that were checked against the equipment. */
  readonly signedOff: Set<PointKey>;
  plans: readonly RegisteredPlan[];
  exclusions: readonly Exclusion[];
  /** What people wrote to controllers, the newest of it; the log has it all. */
  writes: readonly Write[];
}

/** A value that somebody wrote to a controller, or tried to. */
export interface Write {
  readonly asset: string;
  readonly point: PointKey;
  readonly value: PointValue;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Number of its record in the log. */
  readonly logSeq: number;
  /** Null while it is not known, which it stays where the gateway ended in between. */
  readonly outcome: WriteOutcome['outcome'] | null;
  readonly before: PointValue | null;
  readonly after: PointValue | null;
  readonly why: Text | null;
}

/** Planned work that somebody registered before it began. */
export interface RegisteredPlan {
  readonly asset: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly by: string;
  readonly reason: string;
}

/** Time that was excluded afterwards: how much of it counted as down or unknown before. */
export interface Exclusion extends RegisteredPlan {
  readonly atMs: number;
  readonly excludedMs: number;
}

/** Samples that changed no state, or not the present one, by why. */
export interface Counters {
  /** Of points that the site does not use. */
  unknownPoint: number;
  /** Stamped too far ahead: the receipt counts. */
  futureStamp: number;
  /** Same point, stamp and value as the one before. */
  duplicate: number;
  /** Older than what is known, within the lateness: corrects the ledger. */
  late: number;
  /** Older than the lateness: for history only. */
  tooLate: number;
}

/**
 * All that the engine knows, and nothing but what follows from the log. `step` in `engine.ts` changes it in place, since
 * copying columns per record would cost more than everything else.
 */
export interface EngineState {
  plan: Plan | undefined;
  readonly numbers: Map<PointKey, PointNumber>;
  logSeq: number;
  logMs: number;
  /** By slot, {@link STRIDE} numbers each: value, source time and receipt of the last good sample, last receipt. */
  points: Float64Array;
  /** By chunk of slots: not before this time can one of them be stale. Follows from `points`. */
  staleFromMs: Float64Array;
  /** By expression: 0, 1 or {@link UNKNOWN_RESULT}. Follows from `points`. */
  results: Uint8Array;
  ledger: Ledger;
  /** By asset: 1 where its state proves its children down; 1 where it was last evaluated under such a parent. */
  dead: Uint8Array;
  underDead: Uint8Array;
  /** By asset: end and start of the planned work in progress, 0 for none; 1 where it was down when that began. */
  plannedUntilMs: Float64Array;
  plannedFromMs: Float64Array;
  downBefore: Uint8Array;
  /** By asset: 1 while its points are not all signed off. Follows from site and decisions. */
  commissioning: Uint8Array;
  /** When a warranty comes to be due, or ends, next. Follows from the site and the present time. */
  nextWarrantyMs: number;
  /** When planned work begins or ends next; what is before it has been looked at. */
  nextPlannedMs: number;
  /** By asset: what its class followed from lately, so that a late sample can correct it. */
  recent: (RecentInputs | undefined)[];
  windows: Window[];
  /** By asset: memories of its alarms, in the profile's order; absent where, and while, they are quiet. */
  alarms: Map<number, (AlarmMemory | undefined)[]>;
  /** Assets in which time alone can change something. */
  waiting: Set<number>;
  decisions: Decisions;
  health: HealthMemory;
  /** By a link's index: when one of its devices last had an impossible clock, epoch ms; 0 for never. */
  clockOffMs: Float64Array;
  /** Site minute of the last rates, epoch minutes. */
  rateMinute: number;
  counters: Counters;
  /** By asset, empty between two records: what has to be evaluated, and the time of the event that made it necessary. */
  dirtyMask: Int32Array;
  dirtyMs: Float64Array;
}

export function createDecisions(): Decisions {
  return { outOfService: new Map(), jobs: new Map(), signedOff: new Set(), plans: [], exclusions: [], writes: [] };
}

export function createEngineState(): EngineState {
  return {
    plan: undefined,
    numbers: new Map(),
    logSeq: 0,
    logMs: 0,
    points: new Float64Array(0),
    staleFromMs: new Float64Array(0),
    results: new Uint8Array(0),
    ledger: new Ledger(0, 0),
    dead: new Uint8Array(0),
    underDead: new Uint8Array(0),
    plannedUntilMs: new Float64Array(0),
    plannedFromMs: new Float64Array(0),
    downBefore: new Uint8Array(0),
    commissioning: new Uint8Array(0),
    nextWarrantyMs: 0,
    nextPlannedMs: 0,
    recent: [],
    windows: [],
    alarms: new Map(),
    waiting: new Set(),
    decisions: createDecisions(),
    health: createHealthMemory(),
    clockOffMs: new Float64Array(0),
    rateMinute: 0,
    counters: { unknownPoint: 0, futureStamp: 0, duplicate: 0, late: 0, tooLate: 0 },
    dirtyMask: new Int32Array(0),
    dirtyMs: new Float64Array(0),
  };
}

/** Makes room for a plan: every slot unknown and never answered, every track unknown since `sinceMs`. */
export function allocateColumns(state: EngineState, plan: Plan, sinceMs: number): void {
  const slots = plan.slotKeys.length;
  const assets = plan.assets.length;
  state.plan = plan;
  state.points = new Float64Array(slots * STRIDE).fill(Number.NEGATIVE_INFINITY);
  for (let slot = 0; slot < slots; slot++) state.points[slot * STRIDE + VALUE] = Number.NaN;
  state.staleFromMs = new Float64Array(Math.ceil(slots / STALE_CHUNK));
  state.results = new Uint8Array(plan.resultCount).fill(UNKNOWN_RESULT);
  state.ledger = new Ledger(assets + plan.rateTracks.length, sinceMs);
  state.dead = new Uint8Array(assets);
  state.underDead = new Uint8Array(assets);
  state.plannedUntilMs = new Float64Array(assets);
  state.plannedFromMs = new Float64Array(assets);
  state.downBefore = new Uint8Array(assets);
  state.commissioning = new Uint8Array(assets);
  state.nextWarrantyMs = 0;
  state.nextPlannedMs = 0;
  state.recent = new Array(assets);
  state.windows = plan.windows.map(({ call }) => new Window(call.kind, call.durationMs));
  state.alarms = new Map();
  state.waiting = new Set(plan.timed);
  state.clockOffMs = new Float64Array(plan.linkIndex.size);
  state.dirtyMask = new Int32Array(assets);
  state.dirtyMs = new Float64Array(assets);
}
