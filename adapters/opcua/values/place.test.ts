import { describe, expect, test } from 'vitest';
import { isRefusal } from './held.ts';
import { memberText, parseMember } from './member-path.ts';
import { placeWithin } from './place.ts';

const DOUBLE = 11;
const STRUCTURE = 22;

const field = (originalName: string, rest: object) => ({
  name: originalName.charAt(0).toLowerCase() + originalName.slice(1),
  originalName,
  fieldType: 'Double',
  category: 'basic',
  basicDataType: DOUBLE,
  ...rest,
});

const base = { name: 'Base', fields: [field('Stamp', { fieldType: 'UtcTime', basicDataType: 13 })] };
const axis = {
  name: 'Axis',
  fields: [field('Speed', {}), field('State', { category: 'enumeration', fieldType: 'S' })],
};
const drive = {
  name: 'Drive',
  getBaseSchema: () => base,
  fields: [
    field('Axes', { category: 'complex', fieldType: 'Axis', isArray: true }),
    field('Main', { category: 'complex', fieldType: 'Axis' }),
    field('Temperatures', { isArray: true }),
    field('Spare', {}),
    field('Anything', { fieldType: 'Variant', basicDataType: 24 }),
    field('Words', { fieldType: 'LocalizedText', category: 'complex', basicDataType: undefined }),
  ],
};

const axisOf = (speed: number) => ({ schema: axis, speed, state: 2 });
const value = {
  schema: drive,
  stamp: new Date(0),
  axes: [axisOf(1), axisOf(2)],
  main: axisOf(3),
  temperatures: new Float64Array([20, 21]),
  anything: { dataType: 6, arrayType: 0, value: 42 },
  words: { text: '开' },
};

function at(path: string, held: unknown = value, arrayType = 0, index?: number) {
  const member = parseMember(path);
  if (member === undefined) throw new Error(`${path} is no path`);
  const variant = { dataType: STRUCTURE, arrayType, value: held };
  const found = placeWithin(variant, { member, ...(index !== undefined && { index }) });
  return isRefusal(found) ? found.reason : [found.dataType, found.value];
}

describe('a member', () => {
  test('is found by the names that the server gives, of the type that it has on the wire', () => {
    expect(at('Main.Speed')).toEqual([DOUBLE, 3]);
    expect(at('Axes[1].Speed')).toEqual([DOUBLE, 2]);
    expect(at('Axes[1].State')).toEqual([6, 2]);
    expect(at('Temperatures[1]')).toEqual([DOUBLE, 21]);
    expect(at('Stamp')).toEqual([13, new Date(0)]);
    expect(at('Anything')).toEqual([6, 42]);
    expect(at('Words')).toEqual([21, { text: '开' }]);
    expect(at('Main.Speed', [null, value], 1, 1)).toEqual([DOUBLE, 3]);
  });

  test('that is not there says why', () => {
    expect(at('Mian.Speed')).toBe('missing-field');
    expect(at('Axes[2].Speed')).toBe('missing-field');
    expect(at('Axes.Speed')).toBe('wrong-type');
    expect(at('Main[0]')).toBe('wrong-type');
    expect(at('Main.Speed.More')).toBe('wrong-type');
    expect(at('Spare')).toBe('no-value');
    expect(at('Main.Speed', null)).toBe('no-value');
    expect(at('Main.Speed', [null], 1, 0)).toBe('no-value');
    expect(
      at('Main.Speed', { schema: { name: 'ExtensionObject', fields: [] }, nodeId: 'ns=2;i=1', buffer: Buffer.of(1) }),
    ).toBe('unparsable-payload');
  });

  test.each(['constructor', 'schema', '__proto__', 'toString'])('is none of the object’s own: %s', (name) => {
    expect(at(name)).toBe('missing-field');
  });
});

test.each(['Position.Speed', 'Axes[1].Speed', 'M[0][1]', '位置.速度', 'a b.c-d'])('%s is read and written', (path) => {
  expect(memberText(parseMember(path) ?? [])).toBe(path);
});

test.each(['', '.', 'a.', '.a', '[0]', 'a[x]', 'a[', 'a]', 'a..b', 'a[0]b', `${'a.'.repeat(20)}a`])(
  '%s is no path',
  (path) => {
    expect(parseMember(path)).toBeUndefined();
  },
);
