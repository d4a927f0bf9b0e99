import { gatewayAssetKey } from '../../model/asset-key.ts';
import type { AlarmDefinition } from '../../model/site.ts';
import { type AssetPlan, familyOf, NONE, type Plan, REPLY, STRIDE, VALUE } from '../compile.ts';
import { classNumber } from '../ledger/ledger.ts';
import { conditionsOf } from '../look.ts';
import { missedNow } from '../rates/figures.ts';
import type { EngineState } from '../state.ts';
import { warrantyAlarm } from '../virtual-assets/warranty-alarm.ts';
import { type AlarmMemory, explainsOthers } from './alarm.ts';

/**
 * A child's alarm waits at most this long for its parent's next reply, which tells whether the parent is the cause; a
 * parent that stays silent for longer is no reason to keep quiet.
 */
export const PARENT_REPLY_BOUND_MS = 10_000;

/**
 * Whether a parent, the link or the gateway's own disk explains the alarm (`afresh`), or has not answered since and may
 * yet turn out to do so (`wait`). Life safety is never held.
 */
export function heldByCause(
  state: EngineState,
  asset: AssetPlan,
  definition: AlarmDefinition,
  memory: AlarmMemory,
): 'no' | 'wait' | 'afresh' {
  const assets = state.plan?.assets;
  if (definition.priority === 1 || definition === warrantyAlarm || !assets) return 'no';
  const { logMs, points } = state;
  const link = assets[asset.link];
  if (link) {
    const answers = points[(link.slots[0] as number) * STRIDE + VALUE] === 1;
    // A link that is not known to answer is the first suspect. A device that reports each minute has that minute, after
    // its link came up, before it counts as silent.
    if (!answers || causes(state, link, definition.key)) return 'afresh';
    const upForMs = logMs - (state.ledger.sinceMs[link.index] as number);
    if (definition.when === undefined && upForMs < asset.answersWithinMs) return 'afresh';
  }
  const byDisk = silencedByDisk(state, asset, definition);
  if (byDisk) return byDisk;
  const sinceMs = Number.isNaN(memory.sinceMs) ? logMs : memory.sinceMs;
  for (let parent = assets[asset.parent]; parent; parent = assets[parent.parent]) {
    const cause = causes(state, parent, definition.key);
    if (cause) return cause;
    if (parent.alarms.some((alarm) => explains(alarm.definition.causesChildren, definition.key))) {
      const answered = parent.slots.some((slot) => (points[slot * STRIDE + REPLY] as number) > sinceMs);
      if (!answered && logMs - sinceMs < PARENT_REPLY_BOUND_MS) return 'wait';
    }
  }
  return 'no';
}

/**
 * Devices that wait until what they have said is on disk fall silent with it: that is the gateway's alarm. Once it is
 * over they have the time in which each of their points answers.
 */
function silencedByDisk(
  state: EngineState,
  asset: AssetPlan,
  definition: AlarmDefinition,
): 'wait' | 'afresh' | undefined {
  const { plan, logMs, ledger } = state;
  const gateway = plan?.assets[plan.assetIndex.get(gatewayAssetKey) ?? -1];
  if (!plan || !gateway || definition.when !== undefined || !waitsForDisk(plan, asset)) return undefined;
  if (isLogFailing(state, gateway)) return causes(state, gateway, definition.key);
  const isUp = ledger.classes[gateway.index] === classNumber.up;
  const upForMs = logMs - (ledger.sinceMs[gateway.index] as number);
  return isUp && upForMs < asset.answersWithinMs ? 'afresh' : undefined;
}

function isLogFailing({ points }: EngineState, gateway: AssetPlan): boolean {
  const place = Object.keys(gateway.profile.points).indexOf('logFailing');
  return points[(gateway.slots[place] as number) * STRIDE + VALUE] === 1;
}

function waitsForDisk({ site }: Plan, asset: AssetPlan): boolean {
  return site.links[asset.link]?.waitsForDisk === true;
}

/** How an asset's alarms explain one of its children's: one that is raised does, one that is about to be may. */
function causes(state: EngineState, cause: AssetPlan, alarm: string): 'wait' | 'afresh' | undefined {
  const memories = state.alarms.get(cause.index);
  // One that is not handed over calls nobody, so that it explains nothing of what is in service.
  if (!memories || state.commissioning[cause.index] === 1) return undefined;
  const conditions = conditionsOf(state, cause, state.ledger.classes[cause.index] as number);
  let found: 'wait' | undefined;
  for (const [no, { definition, when }] of cause.alarms.entries()) {
    if (!explains(definition.causesChildren, alarm)) continue;
    const memory = memories[no];
    if (memory?.active) return 'afresh';
    // The ledger's class is unknown or planned for other reasons, too: whether its data are lost, its memory knows.
    if (when === NONE && (!memory || Number.isNaN(memory.sinceMs))) continue;
    if (explainsOthers(memory, definition, conditions[no] as number, state.logMs)) found = 'wait';
  }
  return found;
}

/**
 * Whom an alarm that is raised now concerns besides its asset: all that hangs on a cause, children and theirs, or the
 * assets that a link reads, those whose devices the disk silences; for a rate, the assets or groups that miss its target, worst first.
 */
export function concernedKeys(state: EngineState, plan: Plan, asset: AssetPlan, definition: AlarmDefinition) {
  if (asset.subject.kind === 'rate') return missedNow(state, plan, asset.subject);
  if (!definition.causesChildren) return [];
  if (asset.subject.kind === 'link')
    return plan.assets.filter(({ link }) => link === asset.index).map(({ key }) => key);
  if (asset.subject.kind === 'gateway') {
    if (!isLogFailing(state, asset)) return [];
    return plan.assets.filter((of) => waitsForDisk(plan, of)).map(({ key }) => key);
  }
  return familyOf(plan, asset.index)
    .filter((index) => index !== asset.index)
    .map((index) => (plan.assets[index] as AssetPlan).key);
}

function explains(causesChildren: boolean | readonly string[] | undefined, alarm: string): boolean {
  return typeof causesChildren === 'object' ? causesChildren.includes(alarm) : causesChildren === true;
}
