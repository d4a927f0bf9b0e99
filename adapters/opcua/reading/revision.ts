import type { Text } from '../../../model/text.ts';

/** What a server grants of one node, beside what was asked for. */
export interface GrantedItem {
  readonly wanted: { readonly samplingMs: number; readonly queueSize: number };
  /** Undefined where the node has no item. */
  readonly item: { readonly samplingMs: number; readonly queueSize: number } | undefined;
}

/** What a server does with what it was asked for. */
export interface Granted {
  readonly publishing: { readonly askedMs: number; readonly grantedMs: number } | null;
  readonly items: readonly GrantedItem[];
  /** Nodes that are reported without the deadband that was asked for. */
  readonly unfiltered: number;
  /** Nodes that are read in turn because the server does not report them, and the names of the statuses that say why. */
  readonly polled: { readonly nodes: number; readonly why: readonly string[] };
}

/** Statuses that a text names. */
const NAMED_STATUSES = 3;

/** What a server does otherwise than it was asked to, for people; null where it does all. */
export function revisionOf(granted: Granted): Text | null {
  const parts = [publishingText(granted), samplingText(granted), queueText(granted), ...restTexts(granted)];
  const told = parts.filter((part) => part !== null);
  if (told.length === 0) return null;
  return { zh: told.map(({ zh }) => zh).join('；'), en: told.map(({ en }) => en).join('; ') };
}

function publishingText({ publishing }: Granted): Text | null {
  if (publishing === null || publishing.grantedMs <= publishing.askedMs) return null;
  const { askedMs, grantedMs } = publishing;
  return {
    zh: `发布间隔 ${shown(grantedMs)} ms（要求 ${askedMs} ms）`,
    en: `publishing each ${shown(grantedMs)} ms (${askedMs} ms was asked for)`,
  };
}

function samplingText({ items }: Granted): Text | null {
  const slower = items.flatMap(({ wanted, item }) =>
    item !== undefined && item.samplingMs > wanted.samplingMs ? { asked: wanted.samplingMs, got: item.samplingMs } : [],
  );
  const slowest = slower.reduce((one, other) => (other.got > one.got ? other : one), slower[0] ?? { asked: 0, got: 0 });
  if (slower.length === 0) return null;
  return {
    zh: `${slower.length} 个节点的采样变慢，最慢 ${shown(slowest.got)} ms（要求 ${slowest.asked} ms）`,
    en: `${nodes(slower.length)} sampled more slowly, the slowest each ${shown(slowest.got)} ms (${slowest.asked} ms was asked for)`,
  };
}

function queueText({ items }: Granted): Text | null {
  const shorter = items.flatMap(({ wanted, item }) =>
    item !== undefined && item.queueSize < wanted.queueSize ? { asked: wanted.queueSize, got: item.queueSize } : [],
  );
  const shortest = shorter.reduce(
    (one, other) => (other.got < one.got ? other : one),
    shorter[0] ?? { asked: 0, got: 0 },
  );
  if (shorter.length === 0) return null;
  return {
    zh: `${shorter.length} 个节点的队列变短，最短 ${shortest.got}（要求 ${shortest.asked}）`,
    en: `${nodes(shorter.length)} with a shorter queue, the shortest of ${shortest.got} (${shortest.asked} was asked for)`,
  };
}

function restTexts({ unfiltered, polled }: Granted): Text[] {
  const named = polled.why.slice(0, NAMED_STATUSES);
  const more = polled.why.length > named.length ? ' …' : '';
  return [
    ...(unfiltered === 0
      ? []
      : [
          {
            zh: `${unfiltered} 个节点的死区被服务器拒绝，其全部变化都会上报`,
            en: `${nodes(unfiltered)} without the deadband, which the server refuses: all changes are reported`,
          },
        ]),
    ...(polled.nodes === 0
      ? []
      : [
          {
            zh: `${polled.nodes} 个节点改为轮询读取，服务器不予订阅（${named.join('、')}${more}）`,
            en: `${nodes(polled.nodes)} polled, since the server does not report changes (${named.join(', ')}${more})`,
          },
        ]),
  ];
}

function nodes(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`;
}

/** Servers grant intervals such as 33.333333 ms. */
function shown(ms: number): number {
  return Math.round(ms * 10) / 10;
}
