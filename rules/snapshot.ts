import type { Site } from '../model/site.ts';
import { type AlarmMemory, createAlarmMemory } from './alarm.ts';
import { compileSite, type Plan } from './compile.ts';
import { HALF_DAYS_KEPT } from './ledger.ts';
import { allocateColumns, createEngineState, type EngineState } from './state.ts';

/** Version of the form below; a snapshot of another one is not read. */
export const SNAPSHOT_FORMAT = 1;

/** The engine's state as plain JSON: columns by stable key, so that it outlives a change of the site file. */
export interface Snapshot {
  readonly format: number;
  readonly logSeq: number;
  readonly logMs: number;
  readonly rateMinute: number;
  readonly site: Site | null;
  readonly numbers: readonly (readonly [string, number])[];
  readonly counters: EngineState['counters'];
  readonly slotKeys: readonly string[];
  readonly slots: {
    readonly values: string;
    readonly sourceMs: string;
    readonly goodMs: string;
    readonly replyMs: string;
  };
  readonly trackKeys: readonly string[];
  readonly tracks: {
    readonly classes: string;
    readonly sinceMs: string;
    readonly halves: string;
    readonly sums: string;
  };
  /** Asset key → alarm key → memory; times that do not hold are null. */
  readonly alarms: Readonly<Record<string, Readonly<Record<string, Record<keyof AlarmMemory, unknown>>>>>;
}

export function takeSnapshot(state: EngineState): Snapshot {
  const plan = state.plan;
  const alarms: Record<string, Record<string, Record<keyof AlarmMemory, unknown>>> = {};
  for (const [asset, memories] of state.alarms) {
    const assetPlan = plan?.assets[asset];
    if (!assetPlan) continue;
    alarms[assetPlan.key] = Object.fromEntries(
      memories.map((memory, no) => [assetPlan.alarms[no]?.definition.key ?? '', { ...memory }]),
    );
  }
  return {
    format: SNAPSHOT_FORMAT,
    logSeq: state.logSeq,
    logMs: state.logMs,
    rateMinute: state.rateMinute,
    site: plan?.site ?? null,
    numbers: [...state.numbers],
    counters: { ...state.counters },
    slotKeys: plan?.slotKeys ?? [],
    slots: {
      values: encode(state.values),
      sourceMs: encode(state.sourceMs),
      goodMs: encode(state.goodMs),
      replyMs: encode(state.replyMs),
    },
    trackKeys: plan ? trackKeys(plan) : [],
    tracks: {
      classes: encode(state.classes),
      sinceMs: encode(state.sinceMs),
      halves: encode(state.times.halves),
      sums: encode(state.times.sums),
    },
    alarms,
  };
}

/** The state as it was; undefined where the snapshot is of another format. */
export function restoreSnapshot(snapshot: Snapshot): EngineState | undefined {
  if (snapshot.format !== SNAPSHOT_FORMAT) return undefined;
  const state = createEngineState();
  for (const [key, number] of snapshot.numbers) state.numbers.set(key, number);
  if (snapshot.site) adoptSite(state, snapshot.site, snapshot);
  state.logSeq = snapshot.logSeq;
  state.logMs = snapshot.logMs;
  state.rateMinute = snapshot.rateMinute;
  Object.assign(state.counters, snapshot.counters);
  return state;
}

/**
 * Compiles `site` into the state and carries over from `before` what is still there by key; what is new is unknown
 * since the state's present time.
 */
export function adoptSite(state: EngineState, site: Site, before: Snapshot): void {
  const plan = compileSite(site, state.numbers);
  allocateColumns(state, plan, Math.max(before.logMs, state.logMs));
  carrySlots(state, plan, before);
  carryTracks(state, plan, before);
  carryAlarms(state, plan, before);
}

function carrySlots(state: EngineState, plan: Plan, before: Snapshot): void {
  const slotByKey = new Map(before.slotKeys.map((key, slot) => [key, slot]));
  const values = decodeDoubles(before.slots.values);
  const sourceMs = decodeDoubles(before.slots.sourceMs);
  const goodMs = decodeDoubles(before.slots.goodMs);
  const replyMs = decodeDoubles(before.slots.replyMs);
  plan.slotKeys.forEach((key, slot) => {
    const old = slotByKey.get(key);
    if (old === undefined) return;
    state.values[slot] = values[old] ?? Number.NaN;
    state.sourceMs[slot] = sourceMs[old] ?? Number.NEGATIVE_INFINITY;
    state.goodMs[slot] = goodMs[old] ?? Number.NEGATIVE_INFINITY;
    state.replyMs[slot] = replyMs[old] ?? Number.NEGATIVE_INFINITY;
  });
}

function carryTracks(state: EngineState, plan: Plan, before: Snapshot): void {
  const trackByKey = new Map(before.trackKeys.map((key, track) => [key, track]));
  const classes = decodeBytes(before.tracks.classes);
  const sinceMs = decodeDoubles(before.tracks.sinceMs);
  const halves = new Int32Array(bytesOf(before.tracks.halves));
  const sums = decodeDoubles(before.tracks.sums);
  const sumsPerTrack = sums.length / Math.max(1, before.trackKeys.length);
  trackKeys(plan).forEach((key, track) => {
    const old = trackByKey.get(key);
    if (old === undefined) return;
    state.classes[track] = classes[old] as number;
    state.sinceMs[track] = sinceMs[old] as number;
    state.times.halves.set(halves.subarray(old * HALF_DAYS_KEPT, (old + 1) * HALF_DAYS_KEPT), track * HALF_DAYS_KEPT);
    state.times.sums.set(sums.subarray(old * sumsPerTrack, (old + 1) * sumsPerTrack), track * sumsPerTrack);
  });
}

function carryAlarms(state: EngineState, plan: Plan, before: Snapshot): void {
  for (const [assetKey, memories] of Object.entries(before.alarms)) {
    const asset = plan.assetIndex.get(assetKey);
    const assetPlan = asset === undefined ? undefined : plan.assets[asset];
    if (asset === undefined || !assetPlan) continue;
    state.alarms.set(
      asset,
      assetPlan.alarms.map(({ definition }) => revive(memories[definition.key])),
    );
    state.waiting.add(asset);
  }
}

function revive(stored: Record<keyof AlarmMemory, unknown> | undefined): AlarmMemory {
  const memory = createAlarmMemory();
  if (stored) {
    // JSON has no NaN; a time that does not hold is stored as null.
    const known = Object.entries(stored).filter(([, value]) => value !== null);
    Object.assign(memory, Object.fromEntries(known));
  }
  return memory;
}

function trackKeys(plan: Plan): string[] {
  const ledgers = plan.assets.map((asset) => asset.key);
  const rates = plan.rateTracks.map((track) => {
    const system = plan.site.systems[track.system];
    return `${plan.assets[track.asset]?.key}|${system?.key}|${system?.rates[track.rate]?.key}`;
  });
  return [...ledgers, ...rates];
}

function encode(column: Float64Array | Uint8Array | Int32Array): string {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('base64');
}

function bytesOf(text: string): ArrayBuffer {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return bytes.buffer;
}

function decodeDoubles(text: string): Float64Array {
  return new Float64Array(bytesOf(text));
}

function decodeBytes(text: string): Uint8Array {
  return new Uint8Array(bytesOf(text));
}
