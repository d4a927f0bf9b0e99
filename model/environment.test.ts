import { expect, test } from 'vitest';
import { resolveSettings, substitute } from './environment.ts';

const environment = { HOST: '10.0.0.5', EMPTY: '' };
const variable = (content: string) => `$\{${content}}`;

test.each([
  ['plain text', 'plain text', [], []],
  [variable('HOST'), '10.0.0.5', [], []],
  [`tcp://${variable('HOST')}:${variable('PORT:-502')}`, 'tcp://10.0.0.5:502', [], []],
  [variable('EMPTY:-none'), 'none', [], []],
  [variable('NONE:-'), '', [], []],
  [variable('NONE'), '', ['NONE'], []],
  [variable('EMPTY'), '', ['EMPTY'], []],
  [variable('A-B'), variable('A-B'), [], [variable('A-B')]],
  ['$' + '{HOST', '$' + '{HOST', [], ['$' + '{HOST']],
  ['$5 {n}', '$5 {n}', [], []],
])('%s becomes %s', (text, replaced, unset, malformed) => {
  expect(substitute(text, environment)).toEqual({ text: replaced, unset, malformed });
});

test('settings are replaced to their depth, and an empty text is none', () => {
  const settings = {
    endpoint: variable('HOST'),
    secret: variable('NONE:-'),
    deep: { list: [variable('HOST'), 7] },
    plain: '',
  };
  expect(resolveSettings(settings, environment)).toEqual({
    ok: true,
    settings: { endpoint: '10.0.0.5', deep: { list: ['10.0.0.5', 7] }, plain: '' },
  });
});

test('a variable that is not set is told by name', () => {
  expect(resolveSettings({ a: variable('NONE'), b: [variable('NOBODY'), variable('NONE')] }, environment)).toEqual({
    ok: false,
    unset: ['NONE', 'NOBODY'],
  });
});
