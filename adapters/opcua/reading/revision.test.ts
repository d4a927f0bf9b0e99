import { expect, test } from 'vitest';
import { type Granted, type GrantedItem, revisionOf } from './revision.ts';

const wanted = { samplingMs: 100, queueSize: 10 };
const asWished: Granted = {
  publishing: { askedMs: 250, grantedMs: 250 },
  items: [{ wanted, item: wanted }],
  unfiltered: 0,
  polled: { nodes: 0, why: [] },
};

function granted(samplingMs: number, queueSize = 10): GrantedItem {
  return { wanted, item: { samplingMs, queueSize } };
}

test('nothing is said where the server grants what was asked for, or is faster', () => {
  expect(revisionOf(asWished)).toBeNull();
  expect(
    revisionOf({ ...asWished, publishing: { askedMs: 250, grantedMs: 100 }, items: [granted(0, 100)] }),
  ).toBeNull();
  expect(revisionOf({ ...asWished, items: [{ wanted, item: undefined }] })).toBeNull();
});

test('a slower publishing interval is said, beside what was asked for', () => {
  expect(revisionOf({ ...asWished, publishing: { askedMs: 250, grantedMs: 1000 } })).toEqual({
    zh: '发布间隔 1000 ms（要求 250 ms）',
    en: 'publishing each 1000 ms (250 ms was asked for)',
  });
});

test('of items it is said how many are slower or shorter, and the worst of them', () => {
  const items = [granted(100), granted(500), granted(2000.04), granted(100, 1), granted(50, 4)];
  expect(revisionOf({ ...asWished, items })).toEqual({
    zh: '2 个节点的采样变慢，最慢 2000 ms（要求 100 ms）；2 个节点的队列变短，最短 1（要求 10）',
    en: '2 nodes sampled more slowly, the slowest each 2000 ms (100 ms was asked for); 2 nodes with a shorter queue, the shortest of 1 (10 was asked for)',
  });
});

test('nodes that are reported without their deadband, or polled, are counted with the reasons', () => {
  const polled = { nodes: 4, why: ['BadA', 'BadB', 'BadC', 'BadD'] };
  expect(revisionOf({ ...asWished, unfiltered: 1, polled })).toEqual({
    zh: '1 个节点的死区被服务器拒绝，其全部变化都会上报；4 个节点改为轮询读取，服务器不予订阅（BadA、BadB、BadC …）',
    en: '1 node without the deadband, which the server refuses: all changes are reported; 4 nodes polled, since the server does not report changes (BadA, BadB, BadC …)',
  });
});
