import type { RateGrouping } from '../../model/rate.ts';
import type { AlarmDefinition, Profile, RateDefinition, Site, System } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';

/**
 * A live rate is missed for this long before somebody is called: a night's switching-on, a test, a dip while a feeder is
 * reset are no broken promise.
 */
export const LIVE_MISSED_MS = 30 * 60_000;

/** Late samples correct a window for this long (`LATENESS_MS`); what they can still mend is told to nobody. */
const WINDOW_MISSED_MS = 10 * 60_000;

/** A live rate has to be back for this long, so that one lamp at the edge of the target does not call each minute. */
const BACK_MS = 5 * 60_000;

/**
 * Whether a missed target calls somebody. The site file decides (`alarm`); where it does not, a live rate calls where
 * the single asset calls nobody (one dark lamp is planned work, many are not; of a dead lift somebody knows already), and
 * so does a target that was promised for a month or a campaign. The other windows hold nothing that the live rate has
 * not told.
 */
export function isAlarmed(site: Site, system: System, rate: RateDefinition): boolean {
  if (rate.alarm !== undefined) return rate.alarm;
  if (rate.window !== 'live') return rate.window === 'month' || rate.window === 'campaign';
  const profiles = new Set(
    site.assets
      .filter((asset) => asset.system === system.key && (rate.profile ?? asset.profile) === asset.profile)
      .map((asset) => asset.profile),
  );
  return (
    profiles.size > 0 &&
    [...profiles].every((key) => site.profiles[key]?.alarms.every(({ priority }) => priority === 4))
  );
}

/** What a rate is judged by one by one, as its alarm names it. */
const groupNames: Readonly<Record<RateGrouping, Text>> = {
  asset: { zh: '设备', en: 'assets' },
  group: { zh: '分组', en: 'groups' },
  floor: { zh: '楼层', en: 'floors' },
  building: { zh: '楼栋', en: 'buildings' },
  contractor: { zh: '维保单位', en: 'contractors' },
  system: { zh: '系统', en: 'systems' },
};

/**
 * The built-in profile of a rate: to the engine, a promised rate is an asset that is up while its target is met, so that
 * "lit rate below target" is an alarm like any other and the ledger tells for how long it was so.
 *
 * A live rate can be mended tonight (priority 3). A window can only be lost: its alarm (priority 4) says, once, that the
 * target cannot be met any more, however well the rest of the window goes.
 */
export function rateProfile(rate: RateDefinition): Profile {
  return {
    key: 'built-in:rate',
    name: { zh: '指标', en: 'Rate' },
    points: {
      due: {
        kind: 'bool',
        name: { zh: '有应达标的设备', en: 'something is due' },
        staleAfterMs: Number.POSITIVE_INFINITY,
      },
      missed: { kind: 'bool', name: { zh: '未达标', en: 'missed' }, staleAfterMs: Number.POSITIVE_INFINITY },
    },
    up: '!missed',
    required: 'due',
    alarms: [rate.window === 'live' ? liveAlarm(rate) : windowAlarm(rate)],
  };
}

function liveAlarm(rate: RateDefinition): AlarmDefinition {
  return {
    key: 'below-target',
    priority: 3,
    when: 'due && missed',
    onDelayMs: LIVE_MISSED_MS,
    offDelayMs: BACK_MS,
    text: liveText(rate),
    consequence: {
      zh: '承诺的指标此刻没有达到，业主看得见',
      en: 'What was promised is not kept at this moment, and residents can see it',
    },
    action: {
      zh: '打开该指标查看缺口和未达标项，从最差的查起，当天派单修复',
      en: 'Open the rate, see what is short and which are dark or down, and have the worst mended today',
    },
  };
}

function windowAlarm(rate: RateDefinition): AlarmDefinition {
  return {
    key: 'target-lost',
    priority: 4,
    when: 'due && missed',
    onDelayMs: WINDOW_MISSED_MS,
    offDelayMs: 0,
    text: {
      zh: `本期已无法达到 ${percent(rate.target)}`,
      en: `${percent(rate.target)} can no longer be met in this window`,
    },
    consequence: {
      zh: '本期余下时间即使全部正常也不能达标，考核时须说明',
      en: 'Even if all goes well until the window ends the target is missed; it has to be accounted for',
    },
    action: {
      zh: '打开该指标查看未达标项及其台账，整理原因和整改记录；属计划检修的补登记',
      en: 'Open the rate and the ledgers of what missed, and record causes and repairs; register what was planned work',
    },
  };
}

/** The rate's name is that of its asset, and stands beside the text wherever an alarm is shown. */
function liveText({ per, target }: RateDefinition): Text {
  if (per === undefined) {
    return { zh: `低于目标 ${percent(target)}`, en: `Below its target of ${percent(target)}` };
  }
  const { zh, en } = groupNames[per];
  return {
    zh: `有${zh}低于目标 ${percent(target)}`,
    en: `Some ${en} below their target of ${percent(target)}`,
  };
}

/** `95%`, `99.9%`: without the last bit of a double. */
function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(6))}%`;
}
