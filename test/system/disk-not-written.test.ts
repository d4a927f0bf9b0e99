import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HealthReply } from '../../gateway/http/contract.ts';
import { Estate } from '../support/estate.ts';
import { failingDisk } from '../support/failing-disk.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 45_000;

let estate: Estate;
beforeAll(async () => {
  estate = await Estate.start(5);
}, 60_000);
afterAll(() => estate?.end());

const health = () => estate.get<HealthReply>('/api/health');
const readyz = async () => {
  const answer = await fetch(`${estate.url}/readyz`);
  return { status: answer.status, text: await answer.text() };
};

test('a disk that takes nothing is an alarm on the phone, fails /readyz, and is over by itself', async () => {
  await until('it is ready', WITHIN_MS, async () => (await readyz()).status === 200);
  expect((await health()).log).toMatchObject({ failing: null, lostSamples: 0 });
  const disk = failingDisk(join(estate.dataDir, 'log', 'log.db'), 'records');
  disk.fail();
  const notReady = await until('it says that it is not ready', WITHIN_MS, async () => {
    const answer = await readyz();
    return answer.status === 503 && answer;
  });
  expect(notReady.text).toContain('log-failing');
  const { log } = await health();
  expect(log.failing?.reason.en).not.toBe('');
  expect(log.waitingBytes).toBeGreaterThan(0);
  const notice = await until('the phone rings, of what is in memory only', WITHIN_MS, async () =>
    (await estate.notices()).find(({ activationId }) => activationId.startsWith('gateway:self.disk-not-written.')),
  );
  expect(notice.asset.name).toEqual({ zh: '监控网关', en: 'Gateway' });
  disk.mend();
  await until('it is ready again', WITHIN_MS, async () => (await readyz()).status === 200);
  await until('the alarm has returned', WITHIN_MS, async () => {
    const alarm = (await estate.alarms()).find(({ asset }) => asset === 'gateway:self');
    return alarm !== undefined && alarm.returnedMs !== null;
  });
  expect((await health()).log).toMatchObject({ failing: null, lostSamples: 0 });
});
