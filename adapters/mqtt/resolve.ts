import type { AddressContext, Problem, Resolved } from '../../model/adapter.ts';
import type { PointKey } from '../../model/point.ts';
import { MAX_BATCH_SAMPLES } from '../../model/sample.ts';
import type { MqttAddress, MqttAssetAddress, MqttMapPoint } from './schema.ts';

/** Bound on the levels of a topic, as brokers have one too. */
export const MAX_TOPIC_LEVELS = 32;
/** Bound on the steps of a path into a payload. */
export const MAX_PATH_STEPS = 16;

/** Makes the address of one point of one asset; see `Protocol.resolve`. */
export function resolveMqtt(
  mapPoint: MqttMapPoint,
  assetAddress: MqttAssetAddress | undefined,
  context: AddressContext,
): Resolved<MqttAddress> {
  const problems: Problem[] = [];
  const template = assetAddress?.topic ?? mapPoint.topic;
  const topic = template.replaceAll('{asset}', context.asset);
  problems.push(...topicProblems(topic));
  const path = splitPath(mapPoint.path, ['path'], problems);
  const time = splitPath(mapPoint.time, ['time'], problems);
  problems.push(...kindProblems(mapPoint, context));
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      topic,
      path: path ?? [],
      ...(time && { time }),
      ...(mapPoint.values && { values: mapPoint.values }),
      ...(mapPoint.contains !== undefined && { contains: mapPoint.contains }),
      ...(mapPoint.scale !== undefined && { scale: mapPoint.scale }),
    },
  };
}

/** Finds points of a link that read the very same value; see `Protocol.conflicts`. */
export function conflictsMqtt(
  points: readonly { readonly key: PointKey; readonly address: MqttAddress }[],
): readonly Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, PointKey>();
  const perTopic = new Map<string, number>();
  points.forEach(({ key, address }, index) => {
    const count = (perTopic.get(address.topic) ?? 0) + 1;
    perTopic.set(address.topic, count);
    if (count === MAX_BATCH_SAMPLES + 1) {
      problems.push({
        path: [index],
        text: {
          zh: `主题 ${address.topic} 的点超过 ${MAX_BATCH_SAMPLES} 个`,
          en: `topic ${address.topic} has more than ${MAX_BATCH_SAMPLES} points`,
        },
      });
    }
    const { topic, path, values, contains, scale } = address;
    const place = JSON.stringify([topic, path, values ?? null, contains ?? null, scale ?? 1]);
    const first = seen.get(place);
    if (first === undefined) seen.set(place, key);
    else {
      const at = path.length === 0 ? topic : `${topic} ${path.join('.')}`;
      problems.push({
        path: [index],
        text: { zh: `${key} 与 ${first} 读取同一处：${at}`, en: `${key} reads the same place as ${first}: ${at}` },
      });
    }
  });
  return problems;
}

function topicProblems(topic: string): Problem[] {
  const path = ['topic'];
  const placeholder = /\{[^}]*\}/.exec(topic)?.[0];
  if (placeholder !== undefined) {
    return [
      {
        path,
        text: {
          zh: `主题中未知的占位符 ${placeholder}，只有 {asset}`,
          en: `unknown placeholder ${placeholder} in the topic; there is only {asset}`,
        },
      },
    ];
  }
  if (/[+#\0]/.test(topic)) {
    return [{ path, text: { zh: '主题中不能有通配符 + #', en: 'a topic cannot have the wildcards + and #' } }];
  }
  if (topic.startsWith('$')) {
    return [
      { path, text: { zh: '以 $ 开头的主题归代理自身使用', en: 'topics that begin with $ belong to the broker' } },
    ];
  }
  if (topic.split('/').length > MAX_TOPIC_LEVELS) {
    return [
      {
        path,
        text: { zh: `主题超过 ${MAX_TOPIC_LEVELS} 级`, en: `the topic has more than ${MAX_TOPIC_LEVELS} levels` },
      },
    ];
  }
  return [];
}

function splitPath(text: string | undefined, at: readonly string[], problems: Problem[]): string[] | undefined {
  if (text === undefined) return undefined;
  const steps = text.split('.');
  if (steps.some((step) => step === '')) {
    problems.push({ path: at, text: { zh: '路径中有空的一段', en: 'the path has an empty step' } });
  } else if (steps.length > MAX_PATH_STEPS) {
    problems.push({
      path: at,
      text: { zh: `路径超过 ${MAX_PATH_STEPS} 段`, en: `the path has more than ${MAX_PATH_STEPS} steps` },
    });
  }
  return steps;
}

/** A key of the map that cannot work for the kind of value that the profile declares. */
function kindProblems(mapPoint: MqttMapPoint, context: AddressContext): Problem[] {
  const { kind } = context;
  const problems: Problem[] = [];
  const refuse = (key: string, kinds: string) =>
    problems.push({
      path: [key],
      text: {
        zh: `${key} 只用于 ${kinds} 类型的点，${context.point} 是 ${kind}`,
        en: `${key} is for ${kinds} points; ${context.point} is ${kind}`,
      },
    });
  if (mapPoint.values !== undefined && kind !== 'bool' && kind !== 'enum') refuse('values', 'bool, enum');
  if (mapPoint.contains !== undefined && kind !== 'bool') refuse('contains', 'bool');
  if (mapPoint.scale !== undefined && kind !== 'double') refuse('scale', 'double');
  if (mapPoint.values !== undefined && mapPoint.contains !== undefined) {
    problems.push({
      path: ['contains'],
      text: { zh: 'values 与 contains 不能并用', en: 'values and contains exclude each other' },
    });
  }
  for (const [text, value] of Object.entries(mapPoint.values ?? {})) {
    const fits = kind === 'bool' ? value === 0 || value === 1 : Number.isSafeInteger(value) && value >= 0;
    if (!fits) {
      problems.push({
        path: ['values', text],
        text: {
          zh: kind === 'bool' ? 'bool 的值只能是 0 或 1' : 'enum 的值是非负整数',
          en: kind === 'bool' ? 'the value of a bool is 0 or 1' : 'the value of an enum is an integer from 0',
        },
      });
    }
  }
  return problems;
}
