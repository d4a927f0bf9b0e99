import { expect, test } from 'vitest';
import { writeToken } from './write-token.ts';

const of = (token: string | undefined, access?: string) => writeToken({ LAMPLIGHTER_WRITE_TOKEN: token }, access);

test('writing has a token of its own, or is off', () => {
  expect(of('a-token-for-writing', 'a-token-for-looking')).toBe('a-token-for-writing');
  expect(of('a-token-for-writing')).toBe('a-token-for-writing');
  expect(of(undefined, 'a-token-for-looking')).toBeUndefined();
  expect(of('')).toBeUndefined();
});

test('the access token once more, or a short one, is refused', () => {
  expect(() => of('a-token-for-both-x', 'a-token-for-both-x')).toThrow('LAMPLIGHTER_WRITE_TOKEN');
  expect(() => of('fifteen-letters')).toThrow('at least 16 characters');
});
