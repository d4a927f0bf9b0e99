import type { Text } from '../../model/text.ts';
import { MAX_TOPIC_LEVELS } from './resolve.ts';

/** Bytes of a topic that the protocol allows are more than anybody uses. */
const MAX_FILTER_LENGTH = 1024;

/** What is wrong with a topic, with or without wildcards (MQTT 3.1.1, 4.7); undefined where it is sound. */
export function filterProblem(filter: string): Text | undefined {
  const levels = filter.split('/');
  if (filter === '' || filter.length > MAX_FILTER_LENGTH || levels.length > MAX_TOPIC_LEVELS) {
    return {
      zh: `主题应有 1 到 ${MAX_FILTER_LENGTH} 个字符，最多 ${MAX_TOPIC_LEVELS} 级`,
      en: `a topic has 1 to ${MAX_FILTER_LENGTH} characters and at most ${MAX_TOPIC_LEVELS} levels`,
    };
  }
  const sound = levels.every(
    (level, at) => level === '+' || (level === '#' && at === levels.length - 1) || !/[+#\0]/.test(level),
  );
  if (sound) return undefined;
  return {
    zh: `主题 ${filter} 有误：+ 独占一级，# 只在最后一级`,
    en: `the topic ${filter} is wrong: + stands for a whole level, # for the last ones only`,
  };
}
