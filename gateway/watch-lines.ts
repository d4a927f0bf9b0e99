import type { Text } from '../model/text.ts';
import { harmless } from './finding-text.ts';
import type { PointReply } from './http/contract.ts';
import { textWidth } from './replay/text-table.ts';

/** Cells that a value takes at least, so that qualities stand below each other. */
const VALUE_WIDTH = 14;
/** Digits of a number that is not whole. */
const SHOWN_DIGITS = 10;

const qualityTexts: Readonly<Record<PointReply['quality'], Text>> = {
  good: { zh: '好', en: 'good' },
  uncertain: { zh: '可疑', en: 'uncertain' },
  bad: { zh: '坏', en: 'bad' },
  stale: { zh: '过期', en: 'stale' },
  none: { zh: '未收到', en: 'nothing yet' },
};

/** Cells of the longest quality, by language. */
const qualityWidths: Readonly<Record<keyof Text, number>> = {
  zh: Math.max(...Object.values(qualityTexts).map(({ zh }) => textWidth(zh))),
  en: Math.max(...Object.values(qualityTexts).map(({ en }) => textWidth(en))),
};

/** What of a point makes a line when it changes: value, quality and why. A further reply with the same is none. */
export function markOf({ value, quality, reason }: PointReply): string {
  return JSON.stringify([value, quality, reason?.code ?? null, reason?.detail ?? null]);
}

/**
 * When a point came to be as it is: by its own time, or, where nothing came, by the site's time now.
 */
export function changeMs({ quality, sourceMs }: PointReply, nowMs: number): number {
  return sourceMs === null || quality === 'stale' || quality === 'none' ? nowMs : sourceMs;
}

export interface LineForm {
  readonly language: keyof Text;
  /** Writes epoch ms as ISO 8601, in the site's zone. */
  readonly stamp: (ms: number) => string;
  /** Cells of the longest key. */
  readonly keyWidth: number;
}

/** One change as a line for people: time, point, value, quality, and why where it is not good. */
export function textLine(point: PointReply, nowMs: number, { language, stamp, keyWidth }: LineForm): string {
  const time = stamp(changeMs(point, nowMs)).slice(0, 23).replace('T', ' ');
  const quality = qualityTexts[point.quality][language];
  const line = [
    time,
    padded(point.key, keyWidth),
    padded(valueText(point, language), VALUE_WIDTH),
    padded(quality, qualityWidths[language]),
    reasonText(point, language),
  ];
  return harmless(line.join('  ').trimEnd());
}

/** One change as a line of JSON; `event` is `now` for what there was at first and `change` for what came after. */
export function jsonLine(point: PointReply, nowMs: number, event: 'now' | 'change', stamp: LineForm['stamp']): string {
  const { key, value, unit, quality, reason, sourceMs, receivedMs } = point;
  return JSON.stringify({
    event,
    time: stamp(changeMs(point, nowMs)),
    key,
    value,
    unit,
    quality,
    reason: reason?.code ?? null,
    detail: reason?.detail ?? null,
    sourceMs,
    receivedMs,
  });
}

/** A value as people read it: with its unit, or what its state is called; a dash where there is none. */
export function valueText({ value, unit, states, kind }: PointReply, language: keyof Text): string {
  if (value === null) return '—';
  if (kind === 'bitset' && typeof value === 'number') {
    const set = Object.entries(states ?? {}).filter(([bit]) => Math.floor(value / 2 ** Number(bit)) % 2 === 1);
    const names = set.map(([, text]) => text[language]).join(language === 'zh' ? '、' : '; ');
    return names === '' ? String(value) : `${value} ${names}`;
  }
  const state = states?.[String(typeof value === 'boolean' ? Number(value) : value)];
  if (state !== undefined) return `${value} ${state[language]}`;
  const shown = typeof value === 'number' ? numberText(value) : String(value);
  return unit === null ? shown : `${shown} ${unit}`;
}

/** Ten digits: what a float of 32 bits adds behind them is no reading of the device's. */
function numberText(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(SHOWN_DIGITS)));
}

function reasonText({ reason }: PointReply, language: keyof Text): string {
  if (reason === null) return '';
  return reason.detail === null ? reason.text[language] : `${reason.text[language]} (${reason.detail})`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}
