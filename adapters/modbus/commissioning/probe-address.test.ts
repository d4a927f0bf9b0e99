import { describe, expect, test } from 'vitest';
import { parsePlace } from './probe-address.ts';

describe('a place as integrators write it', () => {
  test.each([
    ['holding:160@7', 7, 'holding', 160],
    ['holding:0xA0@7', 7, 'holding', 160],
    ['HOLDING:0@0', 0, 'holding', 0],
    [' input:65535@247 ', 247, 'input', 65_535],
    ['40161@7', 7, 'holding', 160],
    ['40001@1', 1, 'holding', 0],
    ['400161@7', 7, 'holding', 160],
    ['465536@1', 1, 'holding', 65_535],
    ['30001@1', 1, 'input', 0],
    ['10004@1', 1, 'discrete', 3],
    ['00001@1', 1, 'coil', 0],
    ['coil:5@255', 255, 'coil', 5],
  ] as const)('%s', (text, unit, table, address) => {
    expect(parsePlace(text, [])).toEqual({ ok: true, place: { unit, table, address } });
  });

  test('the unit may be left out where the link has only one', () => {
    expect(parsePlace('40161', [7])).toEqual({ ok: true, place: { unit: 7, table: 'holding', address: 160 } });
    expect(parsePlace('40161', [])).toMatchObject({ ok: false, text: { en: expect.stringContaining('40161@1') } });
    expect(parsePlace('40161', [3, 7])).toMatchObject({ ok: false, text: { en: expect.stringContaining('3, 7') } });
  });
});

test.each([
  ['160@7', 'does not say which table'],
  ['20001@7', 'does not say which table'],
  ['40000@7', 'does not say which table'],
  ['holding:65536@7', 'addresses 0 to 65535'],
  ['holding:465537@7', 'addresses 0 to 65535'],
  ['holding:400161@7', 'is holding:160 meant'],
  ['register:5@7', 'there is no table register'],
  ['holding:5@256', 'a unit is 0 to 255'],
  ['holding:@7', 'cannot read the address'],
  ['holding:-1@7', 'cannot read the address'],
  ['', 'cannot read the address'],
  ['tank-1/lvel', 'there is no point "tank-1/lvel"'],
  ['tank-1/level@7', 'cannot read the address'],
])('%j is refused, with what can be written', (text, part) => {
  const parsed = parsePlace(text, [1]);
  expect(parsed).toMatchObject({ ok: false, text: { en: expect.stringContaining(part) } });
  expect(parsed).toMatchObject({ ok: false, text: { zh: expect.stringMatching(/\p{Script=Han}/u) } });
});
