import { rateAssetKey } from '../../model/asset-key.ts';
import type { System } from '../../model/site.ts';
import type { AssetPlan } from '../compile.ts';
import { evaluateMarked } from '../evaluate.ts';
import { setOwnPoint } from '../intake.ts';
import type { Work } from '../work.ts';
import { type RateStanding, rateStandings } from './figures.ts';

/** Tells the rates, as changes for history and as points of the assets that stand for them; once a minute. */
export function followRates(work: Work): void {
  const { state, plan } = work;
  plan.site.systems.forEach((system, systemNo) => {
    for (const standing of rateStandings(state, plan, systemNo)) {
      const { key, value, low, high, coverage } = standing.figure;
      work.changes.push({ kind: 'rate', system: system.key, rate: key, atMs: state.logMs, value, low, high, coverage });
      setRatePoints(work, system, standing);
    }
  });
  evaluateMarked(work);
}

function setRatePoints(work: Work, system: System, { figure, due, missed }: RateStanding): void {
  const { plan, state } = work;
  const index = plan.assetIndex.get(rateAssetKey(system.key, figure.key));
  if (index === undefined) return;
  const [dueSlot, missedSlot] = (plan.assets[index] as AssetPlan).slots as [number, number];
  setOwnPoint(work, dueSlot, due, state.logMs);
  setOwnPoint(work, missedSlot, missed, state.logMs);
}
