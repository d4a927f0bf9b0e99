import { expect, test } from 'vitest';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import { Endpoints } from './endpoints.ts';

const text = { zh: '原因', en: 'why' };
const lost = new LinkLost(text);
const refused = new SetupRefused(text);

test('the one that worked is tried once more, then the others in their order, round and round', () => {
  const endpoints = new Endpoints({ endpoint: 'a', alternatives: ['b', 'c'] });
  expect(endpoints.current).toBe('a');
  expect(endpoints.failed(lost, true)).toBe(lost);
  expect(endpoints.current).toBe('a');
  const tried = [0, 1, 2, 3].map(() => {
    endpoints.failed(lost, false);
    return endpoints.current;
  });
  expect(tried).toEqual(['b', 'c', 'a', 'b']);
  endpoints.failed(lost, true);
  expect(endpoints.current).toBe('b');
});

test('a refusal of the set-up is one only where all refuse', () => {
  const endpoints = new Endpoints({ endpoint: 'a', alternatives: ['b'] });
  const first = endpoints.failed(refused, false);
  expect(first).toBeInstanceOf(LinkLost);
  expect(first.reason).toBe(text);
  expect(endpoints.current).toBe('b');
  expect(endpoints.failed(refused, false)).toBe(refused);
  expect(endpoints.failed(lost, false)).toBe(lost);
  expect(endpoints.failed(refused, false)).toBeInstanceOf(LinkLost);
});

test('a single endpoint is tried again and again, and refuses at once', () => {
  const endpoints = new Endpoints({ endpoint: 'a' });
  expect(endpoints.several).toBe(false);
  expect(endpoints.failed(refused, false)).toBe(refused);
  expect(endpoints.current).toBe('a');
});
