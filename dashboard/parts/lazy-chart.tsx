import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { HistoryReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import type { HistoryChart } from './history-chart.ts';

/** The chart and its library, which are only loaded where a chart is shown. */
export function LazyChart(props: { history: HistoryReply; stepped: boolean; label: string }) {
  const { store, preferences, messages } = useApp();
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<HistoryChart>(undefined);
  const problem = useSignal(false);
  const theme = preferences.theme.value;
  const timeZone = store.site.value?.timeZone ?? 'UTC';
  const { history, stepped } = props;

  useEffect(() => {
    let gone = false;
    import('./history-chart.ts').then(
      ({ HistoryChart }) => {
        if (gone || host.current === null) return;
        chart.current = new HistoryChart(host.current, { timeZone, stepped });
        chart.current.show(history);
      },
      () => {
        problem.value = true;
      },
    );
    return () => {
      gone = true;
      chart.current?.destroy();
      chart.current = undefined;
    };
    // A new history is shown by the effect below, on the chart that stands.
  }, [theme, timeZone, stepped, problem]);

  useEffect(() => chart.current?.show(history), [history]);

  if (problem.value) return <p class="empty problem">{messages.value.unreachable}</p>;
  return <div class="chart" ref={host} role="img" aria-label={props.label} />;
}
