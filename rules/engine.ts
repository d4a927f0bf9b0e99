import type { Activation } from '../model/alarm.ts';
import type { Change } from '../model/history.ts';
import type { LogRecord } from '../model/log.ts';
import type { Site } from '../model/site.ts';
import { endJobs, followCommissioning, takeAction } from './actions.ts';
import { alarmChange, openActivations } from './alarms/activation.ts';
import { followFlood, forgetOldSources } from './alarms/alarm-health.ts';
import { ALL_BITS, type AssetPlan, compileSite, GOOD, type Plan, STRIDE, VALUE } from './compile.ts';
import { evaluateMarked } from './evaluate.ts';
import { forgetAsset, setSiteValues, sweepClocks, sweepStale, takeHealth, takeLink, takeSamples } from './intake.ts';
import { followRates } from './rates/follow-rates.ts';
import { adoptSite, takeSnapshot } from './snapshot.ts';
import type { EngineState } from './state.ts';
import { followPlanned, replan } from './time/planned-work.ts';
import { followWarranties } from './time/warranties.ts';
import { Work } from './work.ts';

/** How finely the sun is followed over a gap, ms, and how many steps that may take at most. */
const GAP_STEP_MS = 60_000;
const MAX_GAP_STEPS = 20_000;

const MINUTE_MS = 60_000;

/** Ticks come each second: two records further apart than this are a leap of the clock. */
const LEAP_MS = 10_000;

/**
 * Takes one record of the log and says what changed. Pure but for `state`, which it changes in place: no clock, no
 * input or output, no randomness, so that the same records give the same changes, to the digit.
 */
export function step(state: EngineState, record: LogRecord): readonly Change[] {
  const beforeMs = state.logMs;
  state.logSeq = record.logSeq;
  state.logMs = record.logMs;
  switch (record.kind) {
    case 'points':
      renumber(state, record.numbers);
      if (state.plan) state.plan = compileSite(state.plan.site, state.numbers);
      return [];
    case 'site':
      return takeOverSite(state, record.site);
    case 'damaged':
      return [];
  }
  const plan = state.plan;
  if (!plan) return [];
  const work = new Work(state, plan);
  switch (record.kind) {
    case 'samples':
      // After a leap of time nothing that was known before it is, whatever comes first after it.
      if (record.logMs - beforeMs > LEAP_MS) leap(work, beforeMs);
      takeSamples(work, record.link, record.batch);
      break;
    case 'tick':
      tick(work, beforeMs);
      break;
    case 'link':
      takeLink(work, record);
      break;
    case 'start':
      start(work, beforeMs);
      break;
    case 'lost':
      lose(work, beforeMs);
      break;
    case 'action':
      takeAction(work, record.action);
      break;
    case 'health':
      takeHealth(work, record.figures);
      break;
  }
  return work.changes;
}

/** Takes over numbers; a number that comes with another key has been renamed, and the former key stands for nothing. */
function renumber(state: EngineState, numbers: readonly (readonly [key: string, number: number])[]): void {
  const given = new Set(numbers.map(([, number]) => number));
  for (const [key, number] of state.numbers) if (given.has(number)) state.numbers.delete(key);
  for (const [key, number] of numbers) state.numbers.set(key, number);
}

function takeOverSite(state: EngineState, site: Site): readonly Change[] {
  const before = takeSnapshot(state);
  const openBefore = openActivations(state);
  adoptSite(state, site, before);
  const work = new Work(state, state.plan as Plan);
  const stillOpen = new Set(openActivations(state).map((activation) => activation.activationId));
  for (const activation of openBefore) {
    // Whatever the new site file no longer knows cannot return by itself.
    if (!stillOpen.has(activation.activationId)) endRemoved(work, activation);
  }
  setSiteValues(work, state.logMs);
  followCommissioning(work);
  // What was not registered when it began is planned from now on only, and excuses nothing that is down already.
  replan(work, state.logMs);
  followWarranties(work);
  const eventMs = before.logMs > 0 ? before.logMs : state.logMs;
  for (const { index } of work.plan.assets) work.mark(index, eventMs, ALL_BITS);
  evaluateMarked(work);
  return work.changes;
}

/** Whoever was called hears that it is over. */
function endRemoved(work: Work, activation: Activation): void {
  const atMs = work.state.logMs;
  if (activation.returnedMs === null) {
    const returned = { ...activation, state: 'returned-unacknowledged', returnedMs: atMs } as const;
    work.changes.push(alarmChange('returned', atMs, returned));
  }
  const ended = { ...activation, state: 'normal', returnedMs: activation.returnedMs ?? atMs } as const;
  work.changes.push(alarmChange('normal', atMs, ended));
}

/** Time has passed: what the sun and plans say now, what is stale. */
function passTime(work: Work): void {
  passPlanned(work);
  setSiteValues(work, work.state.logMs);
  sweepStale(work);
}

/** Planned work and warranties begin and end at their own time, whatever else the record brings. */
function passPlanned(work: Work): void {
  followPlanned(work);
  followWarranties(work);
  evaluateMarked(work);
}

/** Time has leapt without a tick: what it changed comes before what is heard after it. */
function leap(work: Work, beforeMs: number): void {
  work.inGap = true;
  sweepStale(work);
  evaluateMarked(work, beforeMs);
  passGap(work, beforeMs);
  passTime(work);
  evaluateMarked(work);
  work.inGap = false;
  for (const { index } of work.plan.assets) work.settle(index, work.state.logMs);
}

/** A tick: time has passed; whose delays are over, how the figures are. */
function tick(work: Work, beforeMs: number): void {
  const { state } = work;
  if (state.logMs - beforeMs > LEAP_MS) leap(work, beforeMs);
  else passTime(work);
  sweepClocks(work);
  endJobs(work);
  for (const asset of state.waiting) work.settle(asset, state.logMs);
  evaluateMarked(work);
  if (followFlood(state.health, state.logMs)) {
    work.changes.push({ kind: 'flood', flood: state.health.flood, atMs: state.logMs });
  }
  const minute = Math.floor(state.logMs / MINUTE_MS);
  if (minute === state.rateMinute) return;
  state.rateMinute = minute;
  forgetOldSources(state.health, state.logMs);
  followRates(work);
}

/**
 * The gateway was not there since `beforeMs`: nothing that it knew holds any more. What was required is unknown from
 * then on; what the sun, the hour and plans changed in the meantime changes at its own time.
 */
function start(work: Work, beforeMs: number): void {
  forget(work, work.plan.assets, beforeMs);
}

/**
 * What was lost was there, and nobody can say any more what it was. Only samples and ticks are given up where the disk
 * takes nothing: of a link it is known that it answers, and of the gateway how it is; nobody would tell that again.
 */
function lose(work: Work, beforeMs: number): void {
  const told = work.plan.assets.filter(({ subject }) => subject.kind === 'asset' || subject.kind === 'rate');
  forget(work, told, beforeMs);
}

function forget(work: Work, assets: readonly AssetPlan[], beforeMs: number): void {
  const { points } = work.state;
  for (const asset of assets) {
    if (asset.subject.kind !== 'asset') {
      // A link answered until the gateway ended, not just when it came up; so with all that is told by the engine.
      for (const slot of asset.slots) {
        if (!Number.isNaN(points[slot * STRIDE + VALUE])) points[slot * STRIDE + GOOD] = beforeMs;
      }
    }
    forgetAsset(work, asset, beforeMs);
  }
  evaluateMarked(work);
  passGap(work, beforeMs);
}

/** What sun, hour and plans changed in time that nobody watched changes at its own time. */
function passGap(work: Work, beforeMs: number): void {
  const { state } = work;
  const { logMs } = state;
  const stepMs = Math.max(GAP_STEP_MS, Math.ceil((logMs - beforeMs) / MAX_GAP_STEPS));
  const after = (ms: number) => Math.min(ms + stepMs, state.nextPlannedMs > ms ? state.nextPlannedMs : logMs);
  for (let atMs = after(beforeMs); beforeMs > 0 && atMs < logMs; atMs = after(atMs)) {
    setSiteValues(work, atMs);
    followPlanned(work, atMs);
    evaluateMarked(work, atMs);
  }
  setSiteValues(work, logMs);
  followPlanned(work);
  evaluateMarked(work);
}
