import type { Text } from '../../../model/text.ts';

/** How often a server looks at its nodes and how often it reports, ms. */
export interface Intervals {
  readonly publishingMs: number;
  readonly samplingMs: number;
}

/** What a server grants more slowly than it was asked for, for people; null where it grants all. */
export function revisionOf(asked: Intervals, granted: Intervals): Text | null {
  const slower = [
    { zh: '发布间隔', en: 'publishing each', asked: asked.publishingMs, granted: granted.publishingMs },
    { zh: '采样间隔', en: 'sampling each', asked: asked.samplingMs, granted: granted.samplingMs },
  ].filter((interval) => interval.granted > interval.asked);
  if (slower.length === 0) return null;
  return {
    zh: slower.map((one) => `${one.zh} ${one.granted} ms（要求 ${one.asked} ms）`).join('；'),
    en: slower.map((one) => `${one.en} ${one.granted} ms (${one.asked} ms was asked for)`).join('; '),
  };
}
