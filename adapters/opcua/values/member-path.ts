import type { Text } from '../../../model/text.ts';

/** The way to a member of a structure: names of members, and numbers of elements where these are arrays. */
export type MemberPath = readonly (string | number)[];

/** Members within members; structures of structures end somewhere. */
const MAX_STEPS = 16;
const STEP = /^([^.[\]]+)((?:\[\d{1,5}\])*)$/;

export const MEMBER_FORM: Text = {
  zh: '成员写作 Position.Speed；成员为数组时写作 Axes[1].Speed',
  en: 'a member is written Position.Speed; where it is an array, Axes[1].Speed',
};

/** Reads `Position.Speed` or `Axes[1].Speed`; undefined where it has another form. */
export function parseMember(text: string): MemberPath | undefined {
  const path: (string | number)[] = [];
  for (const part of text.split('.')) {
    const [, name, indexes] = STEP.exec(part) ?? [];
    if (name === undefined) return undefined;
    path.push(name);
    for (const [, index] of (indexes ?? '').matchAll(/\[(\d+)\]/g)) path.push(Number(index));
  }
  return path.length <= MAX_STEPS ? path : undefined;
}

/** The text that {@link parseMember} reads to this path. */
export function memberText(path: MemberPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
