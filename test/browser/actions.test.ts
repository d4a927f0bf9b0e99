import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeWithServer } from '../support/servers.ts';
import { FIXTURE_NOW_MS } from './fixture-estate.ts';
import { PHONE, pageBench } from './page-bench.ts';

const MINUTE_MS = 60_000;

await describeWithServer('chromium', 'what is recorded on the page', () => {
  const { serve, open } = pageBench();

  const status = (page: Page, text: string) => page.locator('.asset-status').filter({ hasText: text });

  /** A page on which somebody is on duty already. */
  async function onDuty(options: Parameters<typeof open>[0] = {}): Promise<Page> {
    const page = await open(options);
    await page.addInitScript(`localStorage.setItem('lamplighter.operator', '张三')`);
    return page;
  }

  it('signs off the points of an asset that is being commissioned, until all of them are', async () => {
    const gateway = await serve({}, (it) => it.asset('lift-3', { commissioning: true }));
    const page = await onDuty();
    await page.goto(`${gateway.url}#/asset/lift-3`);
    const banner = status(page, 'Being commissioned: pages nobody and enters no figure');
    await banner.getByRole('button', { name: /Sign off points/ }).click();
    const form = page.getByRole('form', { name: 'Sign off points' });
    // There is nothing to sign yet, and nothing is sent.
    await form.getByRole('button', { name: 'Sign off 0 points' }).click({ force: true });
    await form.getByRole('checkbox', { name: /Car position/ }).check();
    await form.getByRole('checkbox', { name: /Car load/ }).check();
    await form.getByRole('button', { name: 'Sign off 2 points' }).click();
    await form.getByText('Signed off').first().waitFor();
    expect(gateway.actions).toEqual([{ type: 'sign-off', points: ['lift-3/position', 'lift-3/load'], by: '张三' }]);
    for (const name of [/Car mode/, /Fault signals/, /Passenger alarm/]) {
      await form.getByRole('checkbox', { name }).check();
    }
    await form.getByRole('button', { name: 'Sign off 3 points' }).click();
    await banner.waitFor({ state: 'detached' });
  });

  it('shows which points are signed off already, and signs off the others only', async () => {
    const gateway = await serve({}, (it) => {
      it.asset('lift-3', { commissioning: true });
      it.decisions = { ...it.decisions, signedOff: ['lift-3/load', 'lift-3/mode', 'lift-2/position'] };
    });
    const page = await onDuty({ locale: 'zh-CN' });
    await page.goto(`${gateway.url}#/asset/lift-3`);
    await page.getByRole('button', { name: '签收测点…' }).click();
    const form = page.getByRole('form', { name: '签收测点' });
    await form.getByText('已签收').first().waitFor();
    expect(await form.locator('li:has(:disabled:checked)').count()).toBe(2);
    expect(await form.locator('li:has(:checked)').allTextContents()).toEqual([
      expect.stringMatching(/^运行模式.*已签收$/),
      expect.stringMatching(/^载荷.*已签收$/),
    ]);
    await form.getByRole('checkbox', { name: /轿厢楼层/ }).check();
    await form.getByRole('button', { name: '签收 1 个测点' }).click();
    await form.locator('li:has(:disabled:checked)').nth(2).waitFor();
    expect(gateway.actions).toEqual([{ type: 'sign-off', points: ['lift-3/position'], by: '张三' }]);
  });

  it('takes an asset out of service with a reason, and returns it', async () => {
    const gateway = await serve();
    const page = await onDuty({ locale: 'zh-CN' });
    await page.goto(`${gateway.url}#/asset/lift-2`);
    await page.getByRole('button', { name: '操作' }).click();
    await page.getByRole('button', { name: '停用…' }).click();
    const form = page.getByRole('form', { name: '停用' });
    gateway.refuseActionsWith = { zh: '设备正在检修', en: 'it is under maintenance' };
    await form.getByLabel('原因').fill('更换钢丝绳');
    await form.getByRole('button', { name: '提交' }).click();
    await form.getByText('设备正在检修').waitFor();
    gateway.refuseActionsWith = undefined;
    await form.getByRole('button', { name: '提交' }).click();
    await page.getByRole('status').getByText('已记录').waitFor();
    const banner = status(page, '已停用：张三，自 20:3');
    await banner.getByText('更换钢丝绳').waitFor();
    expect(gateway.actions.at(-1)).toEqual({
      type: 'take-out-of-service',
      asset: 'lift-2',
      reason: '更换钢丝绳',
      by: '张三',
    });
    await page.goto(`${gateway.url}#/system/lift`);
    await page.locator('tr').filter({ hasText: '2 号电梯' }).getByText('设备已停用').waitFor();
    await page.goBack();
    await banner.getByRole('button', { name: '恢复使用' }).click();
    await banner.waitFor({ state: 'detached' });
    expect(gateway.actions.at(-1)).toEqual({ type: 'return-to-service', asset: 'lift-2', by: '张三' });
  });

  it('registers planned work and later exclusions in the site’s time, whatever the browser’s zone', async () => {
    const gateway = await serve();
    const page = await onDuty({ timezoneId: 'America/New_York' });
    await page.goto(`${gateway.url}#/asset/lift-3`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('button', { name: 'Register planned work…' }).click();
    const plan = page.getByRole('form', { name: 'Register planned work' });
    // The next full quarter after an hour, in Shanghai.
    expect(await plan.getByLabel('From').inputValue()).toBe('2026-06-15T21:45');
    await plan.getByLabel('From').fill('2026-06-16T09:00');
    await plan.getByLabel('To').fill('2026-06-16T11:30');
    await plan.getByLabel('Reason').fill('annual inspection');
    await plan.getByRole('button', { name: 'Submit' }).click();
    await page.getByRole('status').getByText('Recorded').waitFor();
    expect(gateway.actions).toEqual([
      {
        type: 'plan',
        asset: 'lift-3',
        fromMs: Date.UTC(2026, 5, 16, 1, 0),
        toMs: Date.UTC(2026, 5, 16, 3, 30),
        reason: 'annual inspection',
        by: '张三',
      },
    ]);
    await page.getByRole('button', { name: 'Exclude afterwards…' }).click();
    const exclude = page.getByRole('form', { name: 'Exclude afterwards' });
    // Since it has been down.
    expect(await exclude.getByLabel('From').inputValue()).toBe('2026-06-15T20:27');
    await exclude.getByLabel('Reason').fill('power cut by the utility');
    await exclude.getByRole('button', { name: 'Submit' }).click();
    await exclude.waitFor({ state: 'detached' });
    expect(gateway.actions.at(-1)).toMatchObject({
      type: 'exclude',
      fromMs: FIXTURE_NOW_MS - 3 * MINUTE_MS,
      reason: 'power cut by the utility',
    });
  });

  it('asks for a name once, opens a job in it, and closes the job', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/asset/lift-2`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('button', { name: 'Open a job…' }).click();
    const form = page.getByRole('form', { name: 'Open a job' });
    await form.getByRole('radio', { name: '1 h' }).check();
    await form.getByRole('button', { name: 'Submit' }).click();
    expect(gateway.actions).toEqual([]);
    await form.getByLabel('Your name').fill('王五');
    await form.getByRole('button', { name: 'Submit' }).click();
    const banner = status(page, 'Job open: 王五, until 21:3');
    await banner.waitFor();
    await page.getByRole('button', { name: 'On duty 王五' }).waitFor();
    const [action] = gateway.actions;
    const untilMs = action?.type === 'open-job' ? action.untilMs : 0;
    expect(Math.abs(untilMs - gateway.nowMs() - 60 * MINUTE_MS)).toBeLessThan(MINUTE_MS);
    await banner.getByRole('button', { name: 'Close job' }).click();
    await banner.waitFor({ state: 'detached' });
    expect(gateway.actions.at(-1)).toEqual({ type: 'close-job', asset: 'lift-2', by: '王五' });
  });

  it('says how long planned work lasts, and fits a phone with every form open', async () => {
    const gateway = await serve({}, (it) =>
      it.asset('lift-3', { commissioning: true, plannedUntilMs: FIXTURE_NOW_MS + 120 * MINUTE_MS }),
    );
    for (const locale of ['zh-CN', 'en-GB']) {
      const page = await open({ locale, viewport: PHONE, isMobile: true, hasTouch: true });
      await page.goto(`${gateway.url}#/asset/lift-3`);
      await page.getByText(/计划检修中，至 22:30:00|Planned work in progress until 22:30:00/).waitFor();
      await page.getByRole('button', { name: /Sign off|签收/ }).click();
      await page.locator('.sign-off-points').waitFor();
      await page.getByRole('button', { name: /^(Actions|操作)$/ }).click();
      await page.locator('.asset-actions .action-buttons').waitFor();
      const forms = await page.locator('.asset-actions .action-buttons button').count();
      expect(forms).toBe(4);
      for (let n = 0; n < forms; n += 1) {
        await page.locator('.asset-actions > .action-buttons button').nth(n).click();
        await page.locator('.asset-actions form').waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth'), `${locale} ${n}`).toBe(PHONE.width);
        const low = await page.evaluate(`[...document.querySelectorAll('button, input')]
          .map((element) => element.closest('.choice-field label, .sign-off-points label') ?? element)
          .filter((element) => element.getBoundingClientRect().height < 43.5 && !element.closest('.skip'))
          .map((element) => element.outerHTML.slice(0, 80))`);
        expect(low, `${locale} ${n}`).toEqual([]);
      }
    }
  });
});
