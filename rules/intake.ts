import { gatewayAssetKey } from '../model/asset-key.ts';
import type { LogEntry } from '../model/log.ts';
import { reasons } from '../model/reason.ts';
import { type Batch, Quality } from '../model/sample.ts';
import { type AssetPlan, DARK_SLOT, GOOD, HOUR_SLOT, REPLY, SOURCE, STRIDE, TIME_SLOT, VALUE } from './compile.ts';
import { evaluate, evaluateMarked } from './evaluate.ts';
import { LATENESS_MS, takeBackfill, takeLate } from './ledger/late.ts';
import { STALE_CHUNK } from './state.ts';
import type { Work } from './work.ts';

/** A device stamp further ahead of the gateway's time than this is not believed. */
export const MAX_AHEAD_MS = 10_000;

/** A sample that came this long after its stamp was not live: the one after it tells for how long it was true. */
const BACKFILL_AFTER_MS = 10_000;

/** A link has a clock that is off for this long after its devices' last impossible stamp; some report each minute. */
const CLOCK_OFF_HOLD_MS = 75_000;

/** Reasons of samples that nobody who lives has sent: silence, and what a broker kept of former times. */
const noReplies: ReadonlySet<number> = new Set(
  (['timeout', 'link-down', 'retained', 'stale'] as const).map((key) => reasons[key].code),
);

/** Takes samples into their slots, and evaluates what changed; see the table in `rules/README.md`. */
export function takeSamples(work: Work, link: string, batch: Batch): void {
  const { points, counters, dirtyMask, dirtyMs, logMs } = work.state;
  const { slotOf, owner, ownMask, otherReaders } = work.plan;
  const known = slotOf.length;
  for (let row = 0; row < batch.length; row++) {
    const number = batch.point[row] as number;
    const slot = number < known ? (slotOf[number] as number) : -1;
    if (slot < 0) {
      counters.unknownPoint++;
      continue;
    }
    const at = slot * STRIDE;
    const received = batch.receivedMs[row] as number;
    let source = batch.sourceMs[row] as number;
    if (!(source <= received + MAX_AHEAD_MS)) {
      counters.futureStamp++;
      source = received;
      clockIsOff(work, link);
    }
    const isGood = batch.quality[row] === Quality.good;
    const value = isGood ? (batch.value[row] as number) : Number.NaN;
    const newest = points[at + SOURCE] as number;
    if (source < newest) {
      takeOlder(work, link, slot, source, value);
      continue;
    }
    const before = points[at + VALUE] as number;
    if (isGood) {
      if (source === newest && value === before) counters.duplicate++;
      else if ((points[at + GOOD] as number) - newest > BACKFILL_AFTER_MS) backfill(work, slot, source);
      points[at + GOOD] = received;
      points[at + SOURCE] = source;
    }
    if (isGood || !noReplies.has(batch.reason[row] as number)) points[at + REPLY] = received;
    if (value === before || (Number.isNaN(value) && Number.isNaN(before))) continue;
    const asset = owner[slot] as number;
    if (ownMask[slot] === 0 && !otherReaders.has(slot)) {
      // Nothing is computed from it; it is kept for its staleness alone.
      points[at + VALUE] = value;
      continue;
    }
    // What came later in the same batch is not yet true at that time, also for the on-delays of alarms.
    if (dirtyMask[asset] !== 0 && source > (dirtyMs[asset] as number)) {
      evaluate(work, asset, Math.min(source, logMs));
    }
    work.change(slot, value, source);
  }
  evaluateMarked(work);
}

/** A sample older than what is known of its point changes nothing that is; it may correct what was. */
function takeOlder(work: Work, link: string, slot: number, sourceMs: number, value: number): void {
  const { state, plan } = work;
  const isLate = state.logMs - sourceMs <= LATENESS_MS;
  if (isLate) {
    state.counters.late++;
    const untilMs = Math.min(
      state.points[slot * STRIDE + SOURCE] as number,
      sourceMs + (plan.staleAfterMs[slot] as number),
    );
    takeLate(work, slot, sourceMs, untilMs, value);
    return;
  }
  state.counters.tooLate++;
  // Stamps far behind while nothing else is known of the point: its clock was set back.
  if (Number.isNaN(state.points[slot * STRIDE + VALUE])) clockIsOff(work, link);
}

/**
 * The sample before came late, and this one follows it closely enough: what a device stored while nobody heard it proves
 * what lies between the two. One old stamp by itself proves nothing: a device that answers again may say of a value that
 * it has not changed for hours.
 */
function backfill(work: Work, slot: number, untilMs: number): void {
  const at = slot * STRIDE;
  const { points } = work.state;
  const fromMs = points[at + SOURCE] as number;
  const isClose = untilMs - fromMs <= (work.plan.staleAfterMs[slot] as number);
  if (isClose && !Number.isNaN(points[at + VALUE])) takeBackfill(work, slot, fromMs, untilMs);
}

/** Says on the link's own point that a device behind it has a clock that cannot be. */
function clockIsOff(work: Work, link: string): void {
  const index = work.plan.linkIndex.get(link);
  if (index === undefined) return;
  work.state.clockOffMs[index] = work.state.logMs;
  setLinkPoint(work, index, 1, 1, work.state.logMs);
}

/** Sets one of a link's points: 0 answering, 1 clock off. */
function setLinkPoint(work: Work, link: number, place: number, value: number, eventMs: number): void {
  setOwnPoint(work, (work.plan.assets[link] as AssetPlan).slots[place] as number, value, eventMs);
}

/** Sets a point of what is an asset to the engine only; NaN where it cannot be told. */
export function setOwnPoint(work: Work, slot: number, value: number, eventMs: number): void {
  if (Number.isNaN(value)) return work.forget(slot, eventMs);
  const at = slot * STRIDE;
  const { points, logMs } = work.state;
  points[at + GOOD] = logMs;
  points[at + REPLY] = logMs;
  if (points[at + VALUE] !== value) work.change(slot, value, eventMs);
}

/** A link came up or went down. What it read is not known any more when it is down. */
export function takeLink(work: Work, { link: key, up, atMs, clockOff }: LogEntry & { readonly kind: 'link' }): void {
  const index = work.plan.linkIndex.get(key);
  if (index === undefined) return;
  const { logMs } = work.state;
  setLinkPoint(work, index, 0, up ? 1 : 0, Math.min(atMs, logMs));
  // What waits for the link is looked at again when it is back.
  work.settle(index, Math.min(atMs, logMs));
  if (up && clockOff) clockIsOff(work, key);
  if (!up) {
    for (const asset of work.plan.assets) if (asset.link === index) forgetAsset(work, asset, logMs);
  }
  evaluateMarked(work);
}

/**
 * What the gateway finds of itself. A figure that is left out is as it was; one that this version does not know, of a
 * log that a later one wrote, is passed over.
 */
export function takeHealth(work: Work, figures: Readonly<Record<string, number>>): void {
  const gateway = work.plan.assets[work.plan.assetIndex.get(gatewayAssetKey) ?? -1];
  if (!gateway) return;
  Object.keys(gateway.profile.points).forEach((point, place) => {
    const value = Object.hasOwn(figures, point) ? figures[point] : undefined;
    if (value === undefined) return;
    setOwnPoint(work, gateway.slots[place] as number, Number.isFinite(value) ? value : Number.NaN, work.state.logMs);
  });
  evaluateMarked(work);
}

/** Nothing is known of an asset's points any more. */
export function forgetAsset(work: Work, asset: AssetPlan, eventMs: number): void {
  for (const slot of asset.slots) work.forget(slot, eventMs);
  work.settle(asset.index, eventMs);
}

/** Finds points that have not answered for longer than their limit. */
export function sweepStale(work: Work): void {
  const { points, staleFromMs, logMs } = work.state;
  const { staleAfterMs, slotKeys } = work.plan;
  for (let chunk = 0; chunk < staleFromMs.length; chunk++) {
    // Replies only put staleness off, so that a chunk need not be looked at before the earliest time found last.
    if (logMs <= (staleFromMs[chunk] as number)) continue;
    let nextMs = Number.POSITIVE_INFINITY;
    const end = Math.min(slotKeys.length, (chunk + 1) * STALE_CHUNK);
    for (let slot = chunk * STALE_CHUNK; slot < end; slot++) {
      const value = points[slot * STRIDE + VALUE] as number;
      if (Number.isNaN(value)) continue;
      const dueMs = (points[slot * STRIDE + REPLY] as number) + (staleAfterMs[slot] as number);
      if (dueMs < logMs) work.forget(slot, logMs);
      else if (dueMs < nextMs) nextMs = dueMs;
    }
    staleFromMs[chunk] = nextMs;
  }
}

/** Ends the clock alarm of links whose devices have had possible stamps for a while. */
export function sweepClocks(work: Work): void {
  const { clockOffMs, logMs } = work.state;
  for (let link = 0; link < clockOffMs.length; link++) {
    const offMs = clockOffMs[link] as number;
    if (offMs !== 0 && logMs - offMs <= CLOCK_OFF_HOLD_MS) continue;
    clockOffMs[link] = 0;
    setLinkPoint(work, link, 1, 0, logMs);
  }
}

/** Sets what the site's sun, hour and time are at `atMs`, and marks the assets whose expressions read them. */
export function setSiteValues(work: Work, atMs: number): void {
  const { calendar, otherReaders } = work.plan;
  setSiteValue(work, DARK_SLOT, calendar.dark(atMs) ? 1 : 0, atMs);
  setSiteValue(work, HOUR_SLOT, calendar.hour(atMs), atMs);
  if (otherReaders.has(TIME_SLOT)) setSiteValue(work, TIME_SLOT, atMs, atMs);
}

function setSiteValue(work: Work, slot: number, value: number, atMs: number): void {
  if (work.state.points[slot * STRIDE + VALUE] !== value) work.change(slot, value, atMs);
}
