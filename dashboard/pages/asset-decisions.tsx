import { useComputed, useSignal } from '@preact/signals';
import type { DecisionsReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { Moment } from '../parts/moment.tsx';
import { SendButton } from '../parts/send-button.tsx';
import { type Decisions, useDecisions } from '../parts/use-decisions.ts';
import { formatDuration } from '../text/format.ts';
import '../styles/decisions.css';

/** Decisions that are shown at first; the newest are among them. */
const FIRST_DECISIONS = 10;

type Plan = DecisionsReply['plans'][number];
type Exclusion = DecisionsReply['exclusions'][number];
type Write = DecisionsReply['writes'][number];

const isExclusion = (of: Plan | Exclusion): of is Exclusion => 'excludedMs' in of;

/**
 * What was planned at an asset, what was excluded afterwards and what was written to its controller, the newest first;
 * nothing where there is none of it.
 */
export function AssetDecisions(props: { asset: string }) {
  const decisions = useDecisions(props.asset);
  return (
    <>
      <PlannedAndExcluded decisions={decisions} />
      <Written writes={decisions.reply.value?.writes ?? []} />
    </>
  );
}

function PlannedAndExcluded(props: { decisions: Decisions }) {
  const { messages } = useApp();
  const { reply, failed } = props.decisions;
  const isWhole = useSignal(false);
  const t = messages.value;
  const { plans = [], exclusions = [] } = reply.value ?? {};
  const decisions = [...plans, ...exclusions].sort((left, right) => right.fromMs - left.fromMs);
  // That nothing could be read does not mean that there is nothing.
  const isUnknown = reply.value === null && failed.value;
  if (decisions.length === 0 && !isUnknown) return null;
  const shown = isWhole.value ? decisions : decisions.slice(0, FIRST_DECISIONS);
  return (
    <section class="decisions" aria-label={t.decisions}>
      <h2>{t.decisions}</h2>
      {isUnknown && <p class="empty">{t.readingFailed}</p>}
      <ul>
        {shown.map((decision) =>
          isExclusion(decision) ? (
            <ExclusionRow key={`excluded ${decision.fromMs} ${decision.atMs}`} exclusion={decision} />
          ) : (
            <PlanRow key={`planned ${decision.fromMs}`} plan={decision} />
          ),
        )}
      </ul>
      {shown.length < decisions.length && (
        <button type="button" onClick={() => (isWhole.value = true)}>
          {t.showAll(decisions.length)}
        </button>
      )}
    </section>
  );
}

function Written(props: { writes: readonly Write[] }) {
  const { messages } = useApp();
  const isWhole = useSignal(false);
  const t = messages.value;
  const writes = [...props.writes].reverse();
  if (writes.length === 0) return null;
  const shown = isWhole.value ? writes : writes.slice(0, FIRST_DECISIONS);
  return (
    <section class="decisions" aria-label={t.written}>
      <h2>{t.written}</h2>
      <ul>
        {shown.map((write) => (
          <WriteRow key={write.logSeq} write={write} />
        ))}
      </ul>
      {shown.length < writes.length && (
        <button type="button" onClick={() => (isWhole.value = true)}>
          {t.showAll(writes.length)}
        </button>
      )}
    </section>
  );
}

/** What was written, what stood there before, and what became of it. */
function WriteRow(props: { write: Write }) {
  const { messages, format, text } = useApp();
  const { point, value, before, by, reason, atMs, outcome, why } = props.write;
  const t = messages.value;
  const shown = (one: number | string) => (typeof one === 'number' ? format.value.number(one) : one);
  return (
    <li>
      <span class="decision-kind">
        <b>{point.slice(point.indexOf('/') + 1)}</b> {before === null ? '' : `${shown(before)} → `}
        {shown(value)}
      </span>
      <span class="decision-time value">
        <Moment ms={atMs} /> {t.writeOutcomes[outcome ?? 'unknown']}
      </span>
      <span class="decision-why">
        {by} <q>{reason}</q>
        {why !== null && ` ${text(why)}`}
      </span>
    </li>
  );
}

function PlanRow(props: { plan: Plan }) {
  const { messages, clock, format, preferences, act } = useApp();
  const { plan } = props;
  const t = messages.value;
  const phase = useComputed(() => phaseOf(plan, clock.now.value)).value;
  const at = (ms: number) => format.value.moment(ms, clock.now.peek());
  const cancel = () => {
    const by = preferences.operator.peek();
    return act({ type: 'cancel-plan', asset: plan.asset, fromMs: plan.fromMs, ...(by === '' ? {} : { by }) });
  };
  return (
    <li class={phase === 'over' ? 'muted' : undefined}>
      <span class="decision-kind">
        <b>{t.planned}</b> {phase !== 'ahead' && t.planPhases[phase]}
      </span>
      <Stretch of={plan} />
      {phase !== 'over' && (
        <SendButton name={t.cancelPlan} label={t.cancelPlanOf(at(plan.fromMs), at(plan.toMs))} call={cancel} />
      )}
    </li>
  );
}

function ExclusionRow(props: { exclusion: Exclusion }) {
  const { messages } = useApp();
  const { exclusion } = props;
  const t = messages.value;
  return (
    <li>
      <span class="decision-kind">
        <b>{t.excluded}</b>
      </span>
      <Stretch of={exclusion} />
      <span class="value">{t.excludedTime(formatDuration(exclusion.excludedMs, t))}</span>
    </li>
  );
}

/** From when to when, by whom and why. */
function Stretch(props: { of: Plan | Exclusion }) {
  const { fromMs, toMs, by, reason } = props.of;
  return (
    <>
      <span class="decision-time value">
        <Moment ms={fromMs} /> – <Moment ms={toMs} />
      </span>
      <span class="decision-why">
        {by} <q>{reason}</q>
      </span>
    </>
  );
}

function phaseOf({ fromMs, toMs }: Plan, nowMs: number): 'ahead' | 'runs' | 'over' {
  if (toMs <= nowMs) return 'over';
  return fromMs <= nowMs ? 'runs' : 'ahead';
}
