import { expect, test } from 'vitest';
import { faultWords } from './fault-words.ts';

test.each([
  ['connect ECONNREFUSED 127.0.0.1:8086', '没有运行', 'does not run'],
  ['getaddrinfo ENOTFOUND influx', '主机名', 'host'],
  ['HTTP 401: authorization failed', '账号', 'account'],
  ['HTTP 404: database not found: "x"', '没有该数据库', 'does not have the database'],
  ['HTTP 503: timeout', '没有及时应答', 'in time'],
  ['HTTP 500: engine: cache-max-memory-size exceeded', '内部出错', 'fault of its own'],
  ['unable to verify the first certificate', '证书', 'certificate'],
  ['never heard of', '历史库出错', 'the history store fails'],
])('%s is said in both languages, with its own words', (reason, zh, en) => {
  const words = faultWords(reason);
  expect(words.zh).toContain(zh);
  expect(words.en).toContain(en);
  expect([words.zh.includes(reason), words.en.includes(reason)]).toEqual([true, true]);
});

test('what needs no words of its own is not said twice', () => {
  expect(faultWords('history is closed')).toEqual({ zh: '历史库已关闭', en: 'history is closed' });
});
