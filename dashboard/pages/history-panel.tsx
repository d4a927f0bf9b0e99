import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { HistoryReply, PointReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { fetchHistory } from '../live/gateway-call.ts';
import { FilterTabs } from '../parts/filter-tabs.tsx';
import { LazyChart } from '../parts/lazy-chart.tsx';

const HOUR_MS = 3_600_000;
const rangeMs = { '1h': HOUR_MS, '6h': 6 * HOUR_MS, '24h': 24 * HOUR_MS, '7d': 168 * HOUR_MS } as const;
type Range = keyof typeof rangeMs;
const ranges = Object.keys(rangeMs) as Range[];
/** One bucket for about each three pixels of the chart. */
const BUCKETS = 300;
/** How often an open chart is read anew, real ms. */
const REFRESH_MS = 15_000;

type Loaded = { readonly history: HistoryReply } | { readonly problem: string } | null;

/** History of the chosen point of one asset; which one, and how far back, stands in the address. */
export function HistoryPanel(props: { asset: string }) {
  const { store, router, messages, text } = useApp();
  const { query } = router.route.value;
  const t = messages.value;
  const points = (store.pointKeysByAsset.value.get(props.asset) ?? []).flatMap(
    (key) => store.points.get(key)?.peek() ?? [],
  );
  const point =
    points.find((row) => row.point === query.get('point')) ?? points.find((row) => row.kind === 'double') ?? points[0];
  const range = ranges.find((key) => key === query.get('range')) ?? '1h';
  if (point === undefined) return null;
  return (
    <section class="history">
      <h2>
        {t.history} · {text(point.name)}
        {point.unit !== null && <span class="muted"> {point.unit}</span>}
      </h2>
      <FilterTabs
        label={t.rangeLabel}
        chosen={range}
        tabs={ranges.map((key) => ({ key, name: t.ranges[key] }))}
        onChoose={(key) => router.setQuery({ range: key })}
      />
      {point.kind === 'text' ? (
        <p class="empty">{t.historyText}</p>
      ) : (
        <Curve key={`${point.key} ${range}`} point={point} range={range} />
      )}
    </section>
  );
}

function Curve(props: { point: PointReply; range: Range }) {
  const { clock, feed, messages, text } = useApp();
  const loaded = useSignal<Loaded>(null);
  const t = messages.value;
  const { point, range } = props;

  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const toMs = clock.now.peek();
      const reply = await fetchHistory(point.key, toMs - rangeMs[range], toMs, BUCKETS, abort.signal);
      if (abort.signal.aborted) return;
      if (reply.outcome === 'done') loaded.value = { history: reply.value };
      // What was read before stays on the screen; the next reading tries again.
      else if (loaded.peek() === null || 'problem' in (loaded.peek() ?? {})) {
        loaded.value = { problem: reply.outcome === 'refused' ? textOf(reply.text, reply.status) : 'unreachable' };
      }
    };
    const textOf = (answer: PointReply['name'] | null, status: number) =>
      answer === null ? String(status) : text(answer);
    void load();
    const timer = window.setInterval(() => {
      if (!document.hidden && feed.state.peek() === 'live') void load();
    }, REFRESH_MS);
    return () => {
      abort.abort();
      window.clearInterval(timer);
    };
  }, [point.key, range, clock, feed, loaded, text]);

  if (loaded.value === null) return <p class="empty">{t.reading}</p>;
  if ('problem' in loaded.value) {
    return (
      <p class="empty problem">{loaded.value.problem === 'unreachable' ? t.historyFailed : loaded.value.problem}</p>
    );
  }
  const { history } = loaded.value;
  if (history.count.every((count) => count === 0)) return <p class="empty">{t.historyEmpty}</p>;
  return (
    <>
      <LazyChart history={history} stepped={point.kind !== 'double'} label={t.historyOf(text(point.name))} />
      <Summary history={history} stepped={point.kind !== 'double'} />
    </>
  );
}

/** What the curve says in figures, for those who cannot see it and those who want to quote it. */
function Summary(props: { history: HistoryReply; stepped: boolean }) {
  const { messages, format } = useApp();
  const t = messages.value;
  const { history } = props;
  const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null);
  const count = history.count.reduce((sum, value) => sum + value, 0);
  const sum = history.mean.reduce<number>((total, mean, index) => total + (mean ?? 0) * (history.count[index] ?? 0), 0);
  const latest = known(history.last).at(-1);
  const figures: [string, number | undefined][] = [
    [t.minimum, Math.min(...known(history.min))],
    ...(props.stepped ? [] : [[t.mean, sum / count] satisfies [string, number]]),
    [t.maximum, Math.max(...known(history.max))],
    [t.latest, latest],
  ];
  return (
    <dl class="history-summary">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="value">{value === undefined || !Number.isFinite(value) ? '–' : format.value.number(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
