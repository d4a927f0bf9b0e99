import type { Priority } from '../model/alarm.ts';
import type { Action } from '../model/log.ts';
import type { Text } from '../model/text.ts';
import { type AlarmMemory, acknowledgeAlarm, alarmState } from './alarms/alarm.ts';
import { closeAlarm, tidy } from './alarms/settle-alarms.ts';
import { type AssetPlan, familyOf } from './compile.ts';
import { evaluateMarked } from './evaluate.ts';
import { correctionOf } from './ledger/late.ts';
import { classNumber } from './ledger/ledger.ts';
import { COMMISSIONING } from './ledger/recent-inputs.ts';
import type { EngineState } from './state.ts';
import { replan } from './time/planned-work.ts';
import type { Work } from './work.ts';

/** An alarm is shelved for a shift at most (OPC UA Part 9, MaxTimeShelved); then somebody decides again. */
export const MAX_SHELVE_MS = 8 * 3_600_000;

/** Planned work lasts two weeks at most, a job at an asset twelve hours; longer ones are registered again. */
export const MAX_PLAN_MS = 14 * 86_400_000;
export const MAX_JOB_MS = 12 * 3_600_000;

/** Plans, and exclusions, that are kept at the same time. */
export const MAX_PLANS = 1000;
export const MAX_EXCLUSIONS = 1000;

/** Writes to controllers that are shown; older ones are in the log. */
export const MAX_WRITES = 500;

/** Exclusions are shown for as long as the sums that they changed are kept; the log has them for good. */
const EXCLUSIONS_KEPT_MS = 13 * 31 * 86_400_000;

/** How far beyond the present a plan may be. */
const MAX_PLAN_AHEAD_MS = 400 * 86_400_000;

const HOUR_MS = 3_600_000;

/** Why an action cannot be taken at `nowMs`; undefined where it can. The engine leaves out what is refused. */
export function refusalOf(state: EngineState, action: Action, nowMs: number): Text | undefined {
  switch (action.type) {
    case 'acknowledge':
    case 'reset':
      return refusalOfActivation(state, action);
    case 'shelve':
    case 'unshelve':
      return refusalOfShelf(state, action, nowMs);
    case 'sign-off':
      return refusalOfSignOff(state, action.points);
    case 'write':
    case 'written':
      // Whether it may be written was decided before it was sent; what was done is noted.
      return noAsset(state, action.asset);
    case 'exclude':
    case 'plan':
    case 'cancel-plan':
      return noAsset(state, action.asset) ?? refusalOfPlan(state, action, nowMs);
    default:
      return noAsset(state, action.asset) ?? refusalOfWork(state, action, nowMs);
  }
}

/** Takes an action that is not refused; says nothing of one that is. */
export function takeAction(work: Work, action: Action): void {
  const { state } = work;
  if (refusalOf(state, action, state.logMs)) return;
  apply(work, action);
  evaluateMarked(work);
}

function apply(work: Work, action: Action): void {
  const { state } = work;
  const { decisions, logMs } = state;
  switch (action.type) {
    case 'acknowledge':
    case 'reset':
      return applyToActivation(work, action);
    case 'shelve':
    case 'unshelve':
      return applyShelf(work, action);
    case 'take-out-of-service':
      decisions.outOfService.set(action.asset, { by: action.by, reason: action.reason, sinceMs: logMs });
      return settleFamily(work, action.asset);
    case 'return-to-service':
      decisions.outOfService.delete(action.asset);
      return settleFamily(work, action.asset);
    case 'open-job':
      decisions.jobs.set(action.asset, { by: action.by, untilMs: action.untilMs });
      return settleFamily(work, action.asset);
    case 'close-job':
      decisions.jobs.delete(action.asset);
      return settleFamily(work, action.asset);
    case 'plan': {
      const { asset, fromMs, toMs, by, reason } = action;
      decisions.plans = [...decisions.plans, { asset, fromMs, toMs, by, reason }];
      return replan(work);
    }
    case 'cancel-plan':
      decisions.plans = decisions.plans
        .filter((plan) => !isPlan(plan, action))
        .concat(
          // What has begun was planned until now.
          decisions.plans
            .filter((plan) => isPlan(plan, action) && plan.fromMs < logMs)
            .map((plan) => ({ ...plan, toMs: logMs })),
        );
      return replan(work);
    case 'exclude':
      return exclude(work, action);
    case 'sign-off':
      for (const point of action.points) decisions.signedOff.add(point);
      return followCommissioning(work);
    case 'write':
    case 'written':
      return noteWrite(state, action);
  }
}

/** Writes to controllers change nothing by themselves: what they do is seen in the samples. */
function noteWrite(state: EngineState, action: Extract<Action, { type: 'write' | 'written' }>): void {
  const { decisions, logMs, logSeq } = state;
  if (action.type === 'write') {
    const { asset, point, value, by, reason } = action;
    const open = { outcome: null, before: null, after: null, why: null };
    const write = { asset, point, value, by, reason, atMs: logMs, logSeq, ...open };
    decisions.writes = [...decisions.writes, write].slice(-MAX_WRITES);
    return;
  }
  const { writeSeq, outcome, before, after, why } = action;
  decisions.writes = decisions.writes.map((write) =>
    write.logSeq === writeSeq ? { ...write, outcome, before, after, why } : write,
  );
}

/** Ends jobs whose time is over. */
export function endJobs(work: Work): void {
  const { decisions, logMs } = work.state;
  for (const [asset, { untilMs }] of decisions.jobs) {
    if (logMs < untilMs) continue;
    decisions.jobs.delete(asset);
    settleFamily(work, asset);
  }
}

/** Follows which assets are still to be signed off. */
export function followCommissioning(work: Work): void {
  const { state, plan } = work;
  for (const { asset, index } of plan.assets) {
    const open = asset?.commissioning === true && asset.points.some(({ key }) => !state.decisions.signedOff.has(key));
    const now = open ? 1 : 0;
    if (now === state.commissioning[index]) continue;
    state.recent[index]?.note(state.logMs, COMMISSIONING, 1 - now);
    state.commissioning[index] = now;
    work.settle(index, state.logMs);
  }
}

function applyToActivation(work: Work, action: Extract<Action, { activationId: string }>): void {
  const found = findActivation(work.state, action.activationId);
  if (!found) return;
  const { asset, memories, no, memory } = found;
  const latching = asset.alarms[no]?.definition.latching === true;
  if (action.type === 'acknowledge') {
    if (!acknowledgeAlarm(memory, action.by, work.state.logMs)) return;
    work.emit('acknowledged', asset, no, memory);
    if (alarmState(memory, latching) === 'normal') closeAlarm(work, asset, no, memory);
  } else {
    closeAlarm(work, asset, no, memory);
  }
  tidy(work.state, asset, memories);
}

function applyShelf(work: Work, action: Extract<Action, { type: 'shelve' | 'unshelve' }>): void {
  const { state, plan } = work;
  const index = plan.assetIndex.get(action.asset) ?? -1;
  const no = plan.assets[index]?.alarms.findIndex(({ definition }) => definition.key === action.alarm) ?? -1;
  const memory = state.alarms.get(index)?.[no];
  if (!memory) return;
  const { by } = action;
  memory.shelf = action.type === 'shelve' ? { untilMs: action.untilMs, by, reason: action.reason } : null;
  work.settle(index, state.logMs);
}

function exclude(work: Work, action: Extract<Action, { type: 'exclude' }>): void {
  const { state, plan } = work;
  const { asset: key, fromMs, toMs, by, reason } = action;
  const asset = plan.assets[plan.assetIndex.get(key) ?? -1];
  if (!asset) return;
  let excludedMs = 0;
  for (const track of [asset.index, ...asset.tracks.map((of) => of.track)]) {
    const changed = state.ledger.rewrite(track, fromMs, toMs, plan.calendar, (classNo) =>
      classNo === classNumber.down || classNo === classNumber.unknown ? classNumber.planned : classNo,
    );
    if (track !== asset.index) continue;
    for (const stretch of changed) {
      excludedMs += stretch.toMs - stretch.fromMs;
      work.changes.push(correctionOf(work, asset, stretch, 'excluded'));
    }
  }
  const exclusion = { asset: key, fromMs, toMs, by, reason, atMs: state.logMs, excludedMs };
  const kept = state.decisions.exclusions.filter(({ atMs }) => state.logMs - atMs < EXCLUSIONS_KEPT_MS);
  state.decisions.exclusions = [...kept, exclusion];
}

function settleFamily(work: Work, key: string): void {
  const index = work.plan.assetIndex.get(key);
  if (index === undefined) return;
  for (const member of familyOf(work.plan, index)) work.settle(member, work.state.logMs);
}

interface FoundActivation {
  readonly asset: AssetPlan;
  readonly memories: (AlarmMemory | undefined)[];
  readonly no: number;
  readonly memory: AlarmMemory;
}

function findActivation(state: EngineState, activationId: string): FoundActivation | undefined {
  for (const [index, memories] of state.alarms) {
    const no = memories.findIndex((memory) => memory?.activationId === activationId);
    const memory = memories[no];
    const asset = state.plan?.assets[index];
    if (memory && asset) return { asset, memories, no, memory };
  }
  return undefined;
}

function refusalOfActivation(state: EngineState, action: Extract<Action, { activationId: string }>): Text | undefined {
  const found = findActivation(state, action.activationId);
  if (!found) return { zh: '该报警已结束', en: 'this alarm is over' };
  if (action.type === 'acknowledge') return undefined;
  const { definition } = found.asset.alarms[found.no] ?? {};
  if (alarmState(found.memory, definition?.latching === true) === 'latched') return undefined;
  return definition?.latching === true
    ? {
        zh: '故障仍在，或尚未确认：先确认，待其消失后再复位',
        en: 'it still stands or nobody acknowledged it: acknowledge it, and reset it once it is gone',
      }
    : { zh: '该报警无需复位', en: 'this alarm needs no reset' };
}

function refusalOfShelf(
  state: EngineState,
  action: Extract<Action, { type: 'shelve' | 'unshelve' }>,
  nowMs: number,
): Text | undefined {
  const index = state.plan?.assetIndex.get(action.asset) ?? -1;
  const alarms = state.plan?.assets[index]?.alarms ?? [];
  const no = alarms.findIndex(({ definition }) => definition.key === action.alarm);
  if (no < 0)
    return { zh: `没有报警 ${action.asset}.${action.alarm}`, en: `there is no alarm ${action.asset}.${action.alarm}` };
  const memory = state.alarms.get(index)?.[no];
  if (action.type === 'unshelve') {
    return memory?.shelf ? undefined : { zh: '该报警未被搁置', en: 'this alarm is not shelved' };
  }
  if ((alarms[no]?.definition.priority as Priority) === 1) {
    return { zh: '一级（生命安全）报警不能搁置', en: 'a priority 1 (life safety) alarm cannot be shelved' };
  }
  if (!memory || memory.activationId === '') {
    return {
      zh: '只能搁置正在报出的报警；将来的检修请登记计划',
      en: 'only an open alarm can be shelved; register work to come as planned',
    };
  }
  const { untilMs } = action;
  if (untilMs !== null && !(untilMs > nowMs && untilMs - nowMs <= MAX_SHELVE_MS)) {
    const hours = MAX_SHELVE_MS / HOUR_MS;
    return { zh: `搁置时间须在未来 ${hours} 小时之内`, en: `an alarm is shelved for ${hours} hours at most, from now` };
  }
  if (untilMs === null && !memory.active) {
    return { zh: '故障已消失：请选择搁置到何时', en: 'it is gone already: choose until when it is shelved' };
  }
  return undefined;
}

function refusalOfSignOff(state: EngineState, points: readonly string[]): Text | undefined {
  const commissioned = new Set(
    (state.plan?.site.assets ?? []).flatMap(({ commissioning, points: own }) =>
      commissioning === true ? own.map(({ key }) => key) : [],
    ),
  );
  const wrong = points.find((point) => !commissioned.has(point));
  return wrong === undefined
    ? undefined
    : { zh: `${wrong} 不是调试中资产的点`, en: `${wrong} is no point of an asset in commissioning` };
}

type PlanAction = Extract<Action, { type: 'plan' | 'cancel-plan' | 'exclude' }>;

function refusalOfPlan(state: EngineState, action: PlanAction, nowMs: number): Text | undefined {
  const { plans, exclusions } = state.decisions;
  if (action.type === 'cancel-plan') {
    return plans.some((plan) => isPlan(plan, action) && plan.toMs > nowMs)
      ? undefined
      : { zh: '没有这项尚未结束的计划', en: 'there is no such plan that is not over yet' };
  }
  const { fromMs, toMs } = action;
  if (!(fromMs < toMs)) return { zh: '结束须晚于开始', en: 'it must end after it begins' };
  if (toMs - fromMs > MAX_PLAN_MS) return { zh: '一次最长 14 天', en: 'one is 14 days long at most' };
  if (action.type === 'plan') {
    if (fromMs <= nowMs) {
      return {
        zh: '计划须在开始之前登记；已经过去的时间请用“事后剔除”',
        en: 'planned work is registered before it begins; for the past there is the exclusion afterwards',
      };
    }
    if (fromMs - nowMs > MAX_PLAN_AHEAD_MS) return { zh: '最多提前 400 天', en: '400 days ahead at most' };
    return plans.length < MAX_PLANS ? undefined : tooMany;
  }
  if (toMs > nowMs) return { zh: '只能剔除已经过去的时间', en: 'only what is past can be excluded' };
  const index = state.plan?.assetIndex.get(action.asset) ?? -1;
  const knownMs = state.ledger.knownFromMs(index);
  if (fromMs < knownMs) {
    return {
      zh: `该资产的逐段记录只到 ${new Date(knownMs).toISOString()}`,
      en: `what this asset was is known stretch by stretch only from ${new Date(knownMs).toISOString()} on`,
    };
  }
  const kept = exclusions.filter(({ atMs }) => nowMs - atMs < EXCLUSIONS_KEPT_MS);
  return kept.length < MAX_EXCLUSIONS ? undefined : tooMany;
}

const tooMany: Text = { zh: '登记已满 1000 项', en: 'there are 1000 of them already' };

type WorkAction = Extract<Action, { type: 'take-out-of-service' | 'return-to-service' | 'open-job' | 'close-job' }>;

function refusalOfWork(state: EngineState, action: WorkAction, nowMs: number): Text | undefined {
  const { outOfService, jobs } = state.decisions;
  switch (action.type) {
    case 'take-out-of-service':
      return outOfService.has(action.asset) ? { zh: '该资产已停用', en: 'it is out of service already' } : undefined;
    case 'return-to-service':
      return outOfService.has(action.asset) ? undefined : { zh: '该资产未停用', en: 'it is not out of service' };
    case 'close-job':
      return jobs.has(action.asset) ? undefined : { zh: '该资产没有进行中的作业', en: 'there is no job at it' };
    case 'open-job': {
      const lengthMs = action.untilMs - nowMs;
      const hours = MAX_JOB_MS / HOUR_MS;
      return lengthMs > 0 && lengthMs <= MAX_JOB_MS
        ? undefined
        : { zh: `作业最长 ${hours} 小时`, en: `a job is ${hours} hours long at most, from now` };
    }
  }
}

function noAsset(state: EngineState, key: string): Text | undefined {
  const asset = state.plan?.assets[state.plan.assetIndex.get(key) ?? -1]?.asset;
  return asset ? undefined : { zh: `没有资产 ${key}`, en: `there is no asset ${key}` };
}

function isPlan(plan: { asset: string; fromMs: number }, of: { asset: string; fromMs: number }): boolean {
  return plan.asset === of.asset && plan.fromMs === of.fromMs;
}
