import { expect, test } from 'vitest';
import { Subscriptions } from './subscriptions.ts';

test.each([
  ['a/b', 'a/b', true],
  ['a/b', 'a', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a/b/c', false],
  ['+/b', 'a/b', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['a/#', 'b', false],
  ['#', 'a', true],
  ['a/+/c', 'a/b', false],
  ['$share/group/a', 'a', true],
])('%s hears %s: %s', (filter, topic, heard) => {
  const subscriptions = new Subscriptions();
  subscriptions.add({}, filter);
  expect(subscriptions.includes(topic)).toBe(heard);
});

test.each(['a', '+'])('%s is subscribed to until the last of its clients has left', (filter) => {
  const subscriptions = new Subscriptions();
  const [one, other] = [{}, {}];
  expect(subscriptions.includes('a')).toBe(false);
  subscriptions.add(one, filter);
  subscriptions.add(one, filter);
  subscriptions.add(other, filter);
  subscriptions.forget(one);
  expect(subscriptions.includes('a')).toBe(true);
  subscriptions.forget(other);
  subscriptions.forget(other);
  expect(subscriptions.includes('a')).toBe(false);
});
