import type { PointReply } from '../../gateway/http/contract.ts';
import type { Format } from './format.ts';
import type { Language } from './language.ts';
import type { Messages } from './zh-cn.ts';

/** A point's value without its unit, as a person reads it; undefined where there is none. */
export function pointValueText(
  point: PointReply,
  format: Format,
  language: Language,
  messages: Messages,
): string | undefined {
  const { value } = point;
  if (value === null) return undefined;
  if (point.kind === 'bitset') return bitsText(Number(value), point, language, messages);
  const named = stateText(point, value, language);
  if (named !== undefined) return named;
  if (typeof value === 'boolean') return value ? messages.yes : messages.no;
  if (point.kind === 'bool') return value === 0 ? messages.no : messages.yes;
  return typeof value === 'number' ? format.number(value) : value;
}

/** A bool's states may be named by 0 and 1 or by false and true. */
function stateText(point: PointReply, value: number | boolean | string, language: Language): string | undefined {
  const named = point.states?.[String(value)] ?? point.states?.[String(Number(value))];
  return named?.[language];
}

function bitsText(value: number, point: PointReply, language: Language, messages: Messages): string {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit += 1) {
    // Division and not a shift: bit 31 must not make the number negative.
    if (Math.floor(value / 2 ** bit) % 2 === 1) {
      names.push(point.states?.[String(bit)]?.[language] ?? messages.bit(String(bit)));
    }
  }
  return names.length === 0 ? messages.bitsNone : names.join(language === 'zh' ? '、' : ', ');
}
