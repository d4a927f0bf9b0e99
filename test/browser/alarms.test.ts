import type { Locator, Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { describeWithServer } from '../support/servers.ts';
import { FIXTURE_NOW_MS, fixtureAlarm, latchedAlarm, shelvedAlarm, trappedPassenger } from './fixture-estate.ts';
import { APPEARS_MS, pageBench } from './page-bench.ts';

const HOUR_MS = 3_600_000;
/** How often the page asks for the figures of the alarm system. */
const HEALTH_REFRESH_MS = 15_000;

await describeWithServer('chromium', 'alarms on the page', () => {
  const { serve, open } = pageBench();

  const card = (page: Page, text: string) => page.locator('.alarm-card').filter({ hasText: text });
  const tab = (page: Page, name: string) => page.getByRole('button', { name: new RegExp(`^${name}`) });
  /** Counts on the tabs of the alarm page, in their order. */
  const counts = (page: Page) => page.locator('.filter-tabs .count').allTextContents();

  async function boxOf(locator: Locator) {
    const box = await locator.boundingBox();
    if (box === null) throw new Error('it is not on the screen');
    return box;
  }

  it('acknowledges a latching alarm and then resets it, at another place', async () => {
    const gateway = await serve({}, (it) => it.alarm(latchedAlarm()));
    const page = await open();
    await page.addInitScript(`localStorage.setItem('lamplighter.operator', '张三')`);
    await page.goto(`${gateway.url}#/asset/fire-pump-1`);
    const alarm = card(page, 'pump failed to start');
    await alarm.getByText('Condition gone: acknowledge, then reset').waitFor();
    expect(await alarm.getByRole('button', { name: /^Reset/ }).count()).toBe(0);
    const acknowledge = alarm.getByRole('button', { name: /^Acknowledge/ });
    const before = await boxOf(acknowledge);
    await acknowledge.click();
    const reset = alarm.getByRole('button', { name: 'Reset: Fire pump 1, pump failed to start' });
    await reset.waitFor();
    await alarm.getByText('Latched, awaiting reset').waitFor();
    const after = await boxOf(reset);
    expect(after.x + after.width).toBeLessThan(before.x);
    await reset.click();
    await alarm.waitFor({ state: 'detached' });
    expect(gateway.actions).toEqual([{ type: 'reset', activationId: latchedAlarm().activationId, by: '张三' }]);
  });

  it('shows the gateway’s own words where a reset is refused', async () => {
    const gateway = await serve({}, (it) => it.alarm(latchedAlarm({ state: 'latched' })));
    gateway.refuseActionsWith = { zh: '条件仍然存在', en: 'the condition still stands' };
    const page = await open({ locale: 'zh-CN' });
    await page.goto(`${gateway.url}#/alarms?show=latched`);
    await page.getByRole('button', { name: /^复位/ }).click();
    await page.getByRole('alert').getByText('条件仍然存在').waitFor();
    expect(await card(page, '消防泵启动失败').count()).toBe(1);
  });

  it('shelves an alarm with a name and a reason, and calls nobody for it then', async () => {
    const gateway = await serve({}, (it) => it.alarm(trappedPassenger()));
    const page = await open();
    await page.goto(`${gateway.url}#/alarms`);
    await card(page, 'passenger trapped').waitFor();
    expect(
      await card(page, 'passenger trapped')
        .getByRole('button', { name: /Shelve/ })
        .count(),
    ).toBe(0);
    expect(await page.title()).toMatch(/^\(6\)/);
    expect(await counts(page)).toEqual(['6', '6', '1', '0', '1']);

    const feeder = card(page, 'feeder tripped');
    await feeder.getByRole('button', { name: /Shelve/ }).click();
    const form = page.getByRole('form', { name: 'Shelve this alarm' });
    await form.getByRole('radio', { name: '8 h' }).check();
    await form.getByRole('button', { name: 'Submit' }).click();
    await form.getByLabel('Reason').fill('   ');
    await form.getByLabel('Your name').fill('李四');
    await form.getByRole('button', { name: 'Submit' }).click();
    // Neither without a reason nor with an empty one.
    expect(gateway.actions).toEqual([]);
    gateway.refuseActionsWith = { zh: '最多搁置 8 小时', en: 'eight hours at most' };
    await form.getByLabel('Reason').fill('breaker is being replaced');
    await form.getByRole('button', { name: 'Submit' }).click();
    await form.getByText('eight hours at most').waitFor();
    gateway.refuseActionsWith = undefined;
    await form.getByRole('button', { name: 'Submit' }).click();
    await feeder.waitFor({ state: 'detached' });

    const [, shelve] = gateway.actions;
    expect(shelve).toMatchObject({
      type: 'shelve',
      asset: 'feeder-3',
      alarm: 'feeder-trip',
      reason: 'breaker is being replaced',
      by: '李四',
    });
    const untilMs = shelve?.type === 'shelve' ? shelve.untilMs : null;
    expect(Math.abs((untilMs ?? 0) - gateway.nowMs() - 8 * HOUR_MS)).toBeLessThan(60_000);
    expect(await page.title()).toMatch(/^\(5\)/);
    expect(await counts(page)).toEqual(['5', '5', '1', '0', '2']);
    await tab(page, 'Shelved and silent').click();
    expect(await feeder.locator('.silence').textContent()).toMatch(
      /^Shelved 李四, until (16 Jun )?0?4:3\d.*breaker is being replaced/,
    );
    await feeder.getByRole('button', { name: /^Unshelve/ }).click();
    await feeder.waitFor({ state: 'detached' });
    expect(gateway.actions.at(-1)).toEqual({ type: 'unshelve', asset: 'feeder-3', alarm: 'feeder-trip', by: '李四' });
  });

  it('shelves until the alarm is inactive', async () => {
    const gateway = await serve();
    const page = await open({ locale: 'zh-CN' });
    await page.addInitScript(`localStorage.setItem('lamplighter.operator', '张三')`);
    await page.goto(`${gateway.url}#/alarms`);
    await card(page, '公共摄像机离线').getByRole('button', { name: /搁置/ }).click();
    const form = page.getByRole('form', { name: '搁置此报警' });
    await form.getByRole('radio', { name: '至报警消失' }).check();
    await form.getByLabel('原因').fill('等待备件');
    await form.getByRole('button', { name: '提交' }).click();
    await form.waitFor({ state: 'detached' });
    expect(gateway.actions).toMatchObject([{ type: 'shelve', untilMs: null, by: '张三' }]);
    await tab(page, '搁置与静默').click();
    await page.getByText('张三，至报警消失').waitFor();
  });

  it('keeps what calls nobody out of bar, title and counts, but never a P1 out of sight', async () => {
    const silent = { silence: 'commissioning', annunciations: 0, asset: 'door-2', system: 'access-control' } as const;
    const gateway = await serve({}, (it) => {
      it.alarm(fixtureAlarm('a', { ...silent, priority: 1, text: { zh: '一', en: 'first' } }));
      it.alarm(fixtureAlarm('b', { ...silent, priority: 2, text: { zh: '二', en: 'second' } }));
    });
    const page = await open();
    await page.goto(gateway.url);
    const doors = page.locator('.tile').filter({ has: page.getByRole('heading', { name: 'Access control' }) });
    await doors.waitFor();
    expect(await page.title()).toMatch(/^\(5\)/);
    expect(await page.locator('.alarm-bar').getAttribute('data-priority')).toBe('2');
    expect(await page.locator('.alarm-bar').textContent()).toContain('Fire pump 2');
    // The silent P1 as an outline beside the P3 that is returned; the silent P2 not at all.
    const marks = doors.locator('.alarm-counts .priority-mark');
    expect(await marks.evaluateAll((all) => all.map((mark) => mark.getAttribute('aria-label')))).toEqual([
      'P1 Being commissioned',
      'P3',
    ]);
    await page.goto(`${gateway.url}#/alarms`);
    await card(page, 'first').getByText('Being commissioned').waitFor();
    expect(await card(page, 'second').count()).toBe(0);
    await tab(page, 'Shelved and silent').click();
    await card(page, 'second').waitFor();
    // The silence ends while it stands: it calls, and that is said aloud.
    gateway.alarm(fixtureAlarm('a', { ...silent, priority: 1, silence: null, annunciations: 1 }));
    await page.locator('.alarm-bar[data-priority="1"]').waitFor();
    await vi.waitFor(async () =>
      expect(await page.getByRole('alert').allTextContents()).toContain('New P1 alarm: Lift 1, out of service'),
    );
  });

  it('labels a test before its text, and says what else there is to know', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/alarms`);
    await card(page, 'feeder tripped').waitFor();
    gateway.alarm({ ...trappedPassenger(), test: true, firstTold: '李四', annunciations: 3, chattering: true });
    const alarm = card(page, 'passenger trapped');
    expect(await alarm.getByRole('heading').textContent()).toBe('Lift 3 试验 / TEST passenger trapped');
    expect(await alarm.locator('.alarm-labels').textContent()).toBe(
      'Chattering, held until quietCalled 3 times李四 told first',
    );
    expect(await page.locator('.alarm-bar-what').textContent()).toBe('Lift 3 试验 / TEST passenger trapped');
    await vi.waitFor(async () =>
      expect(await page.getByRole('alert').allTextContents()).toContain(
        'New P1 alarm: Lift 3, 试验 / TEST passenger trapped',
      ),
    );
  });

  it('tells of a flood on every page, and of its end', async () => {
    const gateway = await serve();
    const page = await open();
    await page.clock.install();
    await page.goto(gateway.url);
    await page.locator('.tile').first().waitFor();
    expect(await page.locator('.flood-banner').count()).toBe(0);
    gateway.health = { ...gateway.health, flood: true, last10Min: 14 };
    await page.clock.runFor(HEALTH_REFRESH_MS);
    await page.getByText('Alarm flood: 14 in 10 minutes.').waitFor();
    await page.getByRole('link', { name: 'Alarm system health' }).click();
    await page.getByRole('heading', { name: 'Alarm system health' }).waitFor();
    gateway.health = { ...gateway.health, flood: false };
    gateway.delta({});
    await page.clock.runFor(HEALTH_REFRESH_MS);
    await page.locator('.flood-banner').waitFor({ state: 'detached' });
  });

  it('shows the figures of the alarm system beside the guide, without a verdict', async () => {
    const gateway = await serve();
    for (const [locale, load, priority, name] of [
      ['en-GB', 'Per hour, mean3.44about 6, at most 12', '4 planned work93075.0 %80 %', 'Alarm system health'],
      ['zh-CN', '每小时平均3.44约 6，至多 12', '4 计划处理93075.0 %80 %', '报警系统健康'],
    ] as const) {
      const page = await open({ locale });
      await page.goto(`${gateway.url}#/alarms`);
      await page.getByRole('link', { name }).click();
      const rows = page.locator('.health-page tr');
      await rows.first().waitFor();
      const texts = (await rows.allTextContents()).map((text) => text.trim());
      expect(texts).toContain(load);
      expect(texts).toContain(priority);
      expect(await page.locator('.health-page').textContent()).toContain('30.0 %');
      expect(await page.locator('.health-page .verdict').count()).toBe(0);
    }
    const page = await open();
    await page.goto(`${gateway.url}#/alarm-health`);
    // A source of which the page has an open alarm by its text, another by its key; an activation that is gone by its id.
    await page.getByRole('row', { name: /^Camera 07 camera offline 372/ }).waitFor();
    await page.getByRole('row', { name: /^Street lamp F2-11 lamp-out 31/ }).waitFor();
    await page.getByText('gone.long-ago.12.0').waitFor();
    await page.getByRole('row', { name: 'Shelved 1' }).waitFor();
  });

  it('leads from the alarm of a rate to its system, and names what missed', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/alarms`);
    gateway.alarm(
      fixtureAlarm('rate:streetlight:lit.below-target.9.0', {
        asset: 'rate:streetlight:lit',
        assetName: { zh: '路灯·点亮率', en: 'Street lights: Lit rate' },
        system: 'streetlight',
        alarm: 'below-target',
        priority: 3,
        text: { zh: '低于目标 95%', en: 'Below its target of 95%' },
        children: ['feeder-2-lamp-11', 'B1/F2'],
      }),
    );
    const alarm = card(page, 'Below its target');
    await alarm.getByText('2 missed the target').click();
    await alarm.getByText('Street lamp F2-11').waitFor();
    await alarm.getByText('B1/F2').waitFor();
    await alarm.getByRole('link', { name: 'Street lights: Lit rate' }).click();
    await page.waitForURL(/#\/system\/streetlight$/);
  });

  it('tells beside the links how the gateway itself does', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(gateway.url);
    const line = page.locator('.gateway-line');
    await line.waitFor();
    expect(await line.getAttribute('data-state')).toBe('up');
    const alarm = fixtureAlarm('gateway:self.history-behind.9.0', {
      asset: 'gateway:self',
      assetName: { zh: '监控网关', en: 'Gateway' },
      system: null,
      alarm: 'history-behind',
      priority: 3,
      text: { zh: '历史数据滞后', en: 'History is behind' },
    });
    gateway.alarm(alarm);
    await line.getByText('History is behind').waitFor();
    gateway.path = {
      ...gateway.path,
      history: {
        ...gateway.path.history,
        behindMs: 12 * 60_000,
        lastError: { zh: '历史库没有运行', en: 'it does not run' },
        rejectedRows: 3,
      },
    };
    await page.goto(`${gateway.url}#/alarms`);
    await card(page, 'History is behind').getByRole('link', { name: 'Gateway' }).click();
    await page.waitForURL(/#\/links$/);
    await page.getByText('12 min behind · it does not run · 3 rows refused').waitFor();
    await page.getByText('41.3 GB free of 118.8 GB').waitFor();
    gateway.path = {
      ...gateway.path,
      history: {
        ...gateway.path.history,
        behindMs: 800,
        lastError: { zh: '磁盘已满', en: 'the disk is full' },
        rejectedRows: 0,
      },
      disk: { freeBytes: 0, sizeBytes: 31.5e6 },
    };
    await page.reload();
    await page.getByText('cannot be written · the disk is full').waitFor();
    await page.getByText('0 MB free of 31.5 MB').waitFor();
    gateway.alarm({ ...alarm, state: 'returned-unacknowledged', returnedMs: FIXTURE_NOW_MS });
    await page.goto(gateway.url);
    await vi.waitFor(async () => expect(await line.getAttribute('data-state')).toBe('up'), APPEARS_MS);
  });

  it('shows a shelved alarm again once its time is over', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(gateway.url);
    await page.locator('.tile').first().waitFor();
    gateway.alarm(shelvedAlarm({ silence: null, shelf: null, annunciations: 2, raisedMs: FIXTURE_NOW_MS }));
    await vi.waitFor(async () => expect(await page.title()).toMatch(/^\(6\)/), APPEARS_MS);
    await vi.waitFor(async () =>
      expect(await page.getByRole('status').allTextContents()).toContain('New P4 alarm: Camera 12, camera offline'),
    );
  });
});
