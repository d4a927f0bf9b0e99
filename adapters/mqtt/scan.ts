import { parseDuration } from '../../model/duration.ts';
import type { ScanAnswer, ScanEvent, ScanOptions, Shown, Unreadable } from '../../model/probe.ts';
import type { Text } from '../../model/text.ts';
import { payloadText } from './payload-facts.ts';
import { type HeardMessage, listenFor } from './persons-client.ts';
import { listenTrouble, type PersonsPlan } from './probe.ts';
import { filterProblem } from './topic-filter.ts';

/** Topics that one scan tells of, and messages that it hears. */
const MAX_TOPICS = 2_000;
const MAX_MESSAGES = 200_000;
/** Real ms between two tellings of what has changed. */
const TELL_EVERY_MS = 1000;
const SHOWN_PAYLOAD = 60;
const DEFAULT_FOR = '10s';
const LEAST_MS = 1000;
const MOST_MS = 600_000;

const known: ReadonlySet<string> = new Set(['for', 'topic']);

const table: Extract<ScanEvent, { kind: 'table' }>['table'] = {
  key: 'topics',
  title: { zh: '收到的主题', en: 'Topics that were heard' },
  columns: [
    { key: 'topic', title: { zh: '主题', en: 'topic' } },
    { key: 'messages', title: { zh: '消息数', en: 'messages' }, right: true },
    { key: 'retained', title: { zh: '保留', en: 'retained' } },
    { key: 'bytes', title: { zh: '字节', en: 'bytes' }, right: true },
    { key: 'points', title: { zh: '站点文件中的点', en: 'points of the site file' }, right: true },
    { key: 'payload', title: { zh: '最近的报文', en: 'latest payload' } },
  ],
};

interface HeardTopic {
  messages: number;
  retained: boolean;
  last: HeardMessage;
  told: boolean;
}

/** Listens for a while to all topics, or those of a filter; see `Commissioning.scan`. */
export async function scanMqtt(
  plan: PersonsPlan,
  options: ScanOptions,
  signal: AbortSignal,
  tell: (event: ScanEvent) => void,
): Promise<ScanAnswer> {
  const wanted = wantedOf(options);
  if (!wanted.ok) return wanted;
  const { filter, forMs } = wanted;
  const topics = new Map<string, HeardTopic>();
  const full = new AbortController();
  const time = AbortSignal.timeout(forMs);
  let messages = 0;
  let left = 0;
  tell({ kind: 'table', table });
  const startMs = performance.now();
  const tellAll = () => {
    for (const [topic, heard] of topics) {
      if (heard.told) continue;
      heard.told = true;
      tell({ kind: 'row', table: table.key, key: topic, cells: cellsOf(plan, topic, heard) });
    }
    const done = Math.min(forMs, performance.now() - startMs);
    tell({
      kind: 'progress',
      done,
      total: forMs,
      text: { zh: `${topics.size} 个主题，${messages} 条消息`, en: `${topics.size} topics, ${messages} messages` },
    });
  };
  const timer = setInterval(tellAll, TELL_EVERY_MS);
  try {
    const end = await listenFor(plan.settings, filter, AbortSignal.any([signal, full.signal, time]), (message) => {
      messages += 1;
      if (messages >= MAX_MESSAGES) full.abort();
      const heard = topics.get(message.topic);
      if (heard === undefined && topics.size >= MAX_TOPICS) left += 1;
      else take(topics, message, heard);
    });
    tellAll();
    const trouble = listenTrouble(plan, end) ?? null;
    const notes = notesOf({ topics: topics.size, left, full: full.signal.aborted, filter });
    const complete = trouble === null && left === 0 && !full.signal.aborted && !signal.aborted;
    const outcome =
      end.kind === 'unreachable'
        ? 'unreachable'
        : end.kind === 'denied'
          ? 'refused'
          : topics.size > 0
            ? 'answered'
            : 'silent';
    return { ok: true, end: { complete, outcome, notes: trouble === null ? notes : [], trouble } };
  } finally {
    clearInterval(timer);
  }
}

type Wanted = { readonly ok: true; readonly filter: string; readonly forMs: number } | Unreadable;

function wantedOf(options: ScanOptions): Wanted {
  const [other] = Object.keys(options).filter((name) => !known.has(name));
  if (other === 'points') {
    const text = {
      zh: 'browse 只用于 OPC UA 链路；MQTT 链路请用 scan',
      en: 'browse is for OPC UA; on an MQTT link use scan',
    };
    return { ok: false, text };
  }
  if (other !== undefined) {
    return {
      ok: false,
      text: {
        zh: `MQTT 扫描没有选项 --${other}；有 --for、--topic`,
        en: `a scan over MQTT has no option --${other}; there are --for and --topic`,
      },
    };
  }
  const filter = options.topic ?? '#';
  const problem = filterProblem(filter);
  if (problem !== undefined) return { ok: false, text: problem };
  const forMs = parseDuration(options.for ?? DEFAULT_FOR);
  if (forMs === undefined || forMs < LEAST_MS || forMs > MOST_MS) {
    return {
      ok: false,
      text: { zh: '--for 为 1s 到 10min 的时长，例如 30s', en: '--for is a duration from 1s to 10min, such as 30s' },
    };
  }
  return { ok: true, filter, forMs };
}

function take(topics: Map<string, HeardTopic>, message: HeardMessage, heard: HeardTopic | undefined): void {
  if (heard === undefined) {
    topics.set(message.topic, { messages: 1, retained: message.retained, last: message, told: false });
    return;
  }
  heard.messages += 1;
  heard.retained ||= message.retained;
  heard.last = message;
  heard.told = false;
}

function cellsOf({ points }: PersonsPlan, topic: string, { messages, retained, last }: HeardTopic): Shown[] {
  const mapped = points.filter(({ address }) => address.topic === topic).length;
  return [
    topic,
    String(messages),
    retained ? { zh: '是', en: 'yes' } : '',
    String(last.payload.length),
    String(mapped),
    payloadText(last.payload, SHOWN_PAYLOAD),
  ];
}

function notesOf({
  topics,
  left,
  full,
  filter,
}: {
  topics: number;
  left: number;
  full: boolean;
  filter: string;
}): Text[] {
  return [
    ...(topics === 0
      ? [
          {
            zh: '没有听到任何消息：加长 --for，或核对设备上的代理地址',
            en: 'nothing was heard: raise --for, or check the broker’s address on the devices',
          },
        ]
      : []),
    ...(left > 0
      ? [
          {
            zh: `主题超过 ${MAX_TOPICS} 个，其余没有列出；用 --topic 缩小范围`,
            en: `there are more than ${MAX_TOPICS} topics, the others are not shown; narrow it down with --topic`,
          },
        ]
      : []),
    ...(full
      ? [
          {
            zh: `已收到 ${MAX_MESSAGES} 条消息，提前结束；用 --topic 缩小范围`,
            en: `${MAX_MESSAGES} messages came, so that it ended early; narrow it down with --topic`,
          },
        ]
      : []),
    ...(filter === '#' ? [{ zh: '# 不含以 $ 开头的主题', en: '# leaves out topics that begin with $' }] : []),
  ];
}
