import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { HistoryReply } from '../../gateway/http/contract.ts';

const SECOND_MS = 1_000;
const HEIGHT_PX = 260;

/**
 * A curve with the band between the smallest and largest value of each bucket, so that a short excursion stays visible
 * however far out one zooms. A bucket without a good sample is a gap.
 */
export class HistoryChart {
  readonly #plot: uPlot;
  readonly #observer: ResizeObserver;

  /** Colours are taken from the host's styles when it is made. `stepped`: values hold until the next (states). */
  constructor(host: HTMLElement, options: { timeZone: string; stepped: boolean }) {
    const style = getComputedStyle(host);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const ink = colour('--ink');
    const path = options.stepped ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
    const line = (series: uPlot.Series): uPlot.Series => ({
      spanGaps: false,
      points: { show: true, filter: lonePoints, size: 4, fill: ink, stroke: ink },
      ...(path === undefined ? {} : { paths: path }),
      ...series,
    });
    const axis: uPlot.Axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width: Math.max(200, host.clientWidth),
        height: HEIGHT_PX,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * SECOND_MS), options.timeZone),
        legend: { show: false },
        cursor: { drag: { x: true, y: false } },
        axes: [
          { ...axis, size: 30, values: timeLabels(options.timeZone) },
          { ...axis, size: 56 },
        ],
        series: [
          {},
          line({ stroke: colour('--normal'), width: 1 }),
          line({ stroke: colour('--normal'), width: 1 }),
          line({ stroke: ink, width: 2 }),
        ],
        bands: [{ series: [1, 2], fill: colour('--band') }],
      },
      [[], [], [], []],
      host,
    );
    this.#observer = new ResizeObserver(() => {
      if (host.clientWidth > 0) this.#plot.setSize({ width: host.clientWidth, height: HEIGHT_PX });
    });
    this.#observer.observe(host);
    this.#stepped = options.stepped;
  }

  readonly #stepped: boolean;

  show(history: HistoryReply): void {
    const times = history.count.map((_, bucket) => (history.fromMs + (bucket + 0.5) * history.bucketMs) / SECOND_MS);
    this.#plot.setData(
      [times, [...history.max], [...history.min], [...(this.#stepped ? history.last : history.mean)]],
      false,
    );
    this.#plot.setScale('x', { min: history.fromMs / SECOND_MS, max: history.toMs / SECOND_MS });
  }

  destroy(): void {
    this.#observer.disconnect();
    this.#plot.destroy();
  }
}

/** Samples with a gap on either side have no line to show them; they get a dot. */
function lonePoints(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const lone: number[] = [];
  for (let index = 0; index < values.length; index += 1) {
    if (values[index] != null && values[index - 1] == null && values[index + 1] == null) lone.push(index);
  }
  return lone;
}

/** Times of day in the site's zone on a 24-hour clock; dates where the ticks are days apart. */
function timeLabels(timeZone: string): uPlot.Axis.DynamicValues {
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const day = new Intl.DateTimeFormat('en-CA', { timeZone, month: '2-digit', day: '2-digit' });
  return (_plot, splits, _axis, _space, increment) =>
    splits.map((seconds) => (increment >= 86_400 ? day : time).format(seconds * SECOND_MS));
}
