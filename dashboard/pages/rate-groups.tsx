import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { RateDetailReply, RateReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { fetchRate } from '../live/gateway-call.ts';
import { AssetLink } from '../parts/asset-link.tsx';
import { RateBar } from '../parts/rate-bar.tsx';
import { VerdictChip } from '../parts/rate-figure.tsx';
import { formatDuration } from '../text/format.ts';
import { formatRatio } from '../text/ratio.ts';
import '../styles/tables.css';

/** How often an open table is read anew, real ms. */
const REFRESH_MS = 15_000;
/** Groups that are shown at first; the worst are among them. */
const FIRST_GROUPS = 20;

type Group = RateDetailReply['groups'][number];

/** Each group of one rate by itself, worst first: with its bounds, what is known of it, and what it may still be down. */
export function RateGroups(props: { system: string; rate: RateReply }) {
  const { feed, messages } = useApp();
  const groups = useSignal<readonly Group[] | null>(null);
  const failed = useSignal(false);
  const isWhole = useSignal(false);
  const { system, rate } = props;
  const t = messages.value;

  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const reply = await fetchRate(system, rate.key, abort.signal);
      if (abort.signal.aborted) return;
      failed.value = reply.outcome !== 'done';
      // What was read before stays on the screen; the next reading tries again.
      if (reply.outcome === 'done') groups.value = reply.value?.groups ?? [];
    };
    void load();
    const timer = window.setInterval(() => {
      if (!document.hidden && feed.state.peek() === 'live') void load();
    }, REFRESH_MS);
    return () => {
      abort.abort();
      window.clearInterval(timer);
    };
  }, [system, rate.key, feed, groups, failed]);

  if (groups.value === null) return <p class="empty">{failed.value ? t.readingFailed : t.reading}</p>;
  if (groups.value.length === 0) return <p class="empty">{t.nothingKnown}</p>;
  const shown = isWhole.value ? groups.value : groups.value.slice(0, FIRST_GROUPS);
  return (
    <>
      <GroupTable groups={shown} rate={rate} />
      {shown.length < groups.value.length && (
        <button type="button" onClick={() => (isWhole.value = true)}>
          {t.showAll(groups.value.length)}
        </button>
      )}
    </>
  );
}

function GroupTable(props: { groups: readonly Group[]; rate: RateReply }) {
  const { messages } = useApp();
  const t = messages.value;
  const hasLeft = props.groups.some((group) => group.downtimeLeftMs !== null);
  return (
    <table class="figures rate-groups">
      <thead>
        <tr>
          <th scope="col">{t.group}</th>
          <th scope="col">{t.rate}</th>
          <th scope="col" class="number">
            {t.value}
          </th>
          <th scope="col" class="number">
            {t.bounds}
          </th>
          <th scope="col" class="number">
            {t.coverageHead}
          </th>
          <th scope="col">{t.verdict}</th>
          {hasLeft && (
            <th scope="col" class="number">
              {t.downtimeHead}
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {props.groups.map((group) => (
          <GroupRow key={group.group} group={group} target={props.rate.target} hasLeft={hasLeft} />
        ))}
      </tbody>
    </table>
  );
}

function GroupRow(props: { group: Group; target: number; hasLeft: boolean }) {
  const { messages } = useApp();
  const { group, target } = props;
  const t = messages.value;
  const percent = (ratio: number | null) => (ratio === null ? '–' : formatRatio(ratio, target));
  const left = group.downtimeLeftMs;
  const bounds = group.low === group.high ? '' : `${percent(group.low)} – ${percent(group.high)}`;
  return (
    <tr data-verdict={group.verdict}>
      <th scope="row">
        <AssetLink asset={group.group} />
      </th>
      <td class="bar-cell">
        <RateBar rate={{ ...group, target }} />
      </td>
      <td class="number value" data-head={t.value}>
        {percent(group.value)}
      </td>
      <td class="number value muted" data-head={t.bounds}>
        {bounds}
      </td>
      <td class="number value muted" data-head={t.coverageHead}>
        {group.coverage === null ? '–' : formatRatio(group.coverage)}
      </td>
      <td>
        <VerdictChip verdict={group.verdict} />
      </td>
      {props.hasLeft && (
        <td class="number value" data-head={t.downtimeHead}>
          {left === null ? '–' : left <= 0 ? t.usedUp : formatDuration(left, t)}
        </td>
      )}
    </tr>
  );
}
