import { expect, test } from 'vitest';
import type { Person } from '../../model/site.ts';
import { openChannels } from './open-channels.ts';

function person(url: string): Person {
  const name = { zh: '张', en: 'Zhang' };
  return { key: 'zhang', name, upToPriority: 4, channels: [{ kind: 'webhook', settings: { url } }] };
}

test.each([
  ['a port that there is not', 'https://h:99999/send?key=SECRET'],
  ['a user', 'https://user:SECRET@h/'],
  ['a user without a password', 'https://SECRET@h/'],
  ['another protocol', 'ftp://h/SECRET'],
])('an address with %s is no usable setting, said once and without the address', (_, url) => {
  const lines: string[] = [];
  const logger = { warn: (fields: object, message: string) => lines.push(`${JSON.stringify(fields)} ${message}`) };
  const channelsOf = openChannels({}, logger);
  const zhang = person(url);
  expect(channelsOf(zhang)).toEqual([undefined]);
  expect(channelsOf(zhang)).toEqual([undefined]);
  expect(lines).toEqual([expect.stringContaining('channel has no usable settings')]);
  expect(lines.join()).not.toContain('SECRET');
});

test('a key in the address is a setting like any other', () => {
  const channelsOf = openChannels({}, { warn: (_, message) => expect.fail(message) });
  expect(channelsOf(person('https://h:9999/send?key=SECRET'))).toEqual([expect.objectContaining({})]);
});
