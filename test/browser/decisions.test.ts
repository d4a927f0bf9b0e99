import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeWithServer } from '../support/servers.ts';
import { fixtureDecisions } from './fixture-estate.ts';
import { PHONE, pageBench } from './page-bench.ts';

await describeWithServer('chromium', 'what people decided about an asset', () => {
  const { serve, open } = pageBench();

  const rows = (page: Page) => page.locator('.decisions li');

  it('lists what is planned and excluded, the newest first, and nothing where there is neither', async () => {
    const gateway = await serve({}, (it) => {
      it.decisions = fixtureDecisions();
    });
    const page = await open({ timezoneId: 'America/New_York' });
    await page.goto(`${gateway.url}#/asset/lift-3`);
    await rows(page).first().waitFor();
    expect((await rows(page).allTextContents()).map((text) => text.replace(/\s+/g, ' '))).toEqual([
      'Planned work 16 Jun 09:00 – 16 Jun 11:30李四 annual inspectionCancel plan',
      'Planned work in progress20:00:00 – 22:00:00王五 door motorCancel plan',
      'Excluded12 Jun 08:00 – 12 Jun 09:00张三 power cut by the utility41 min of down or unknown excluded',
      'Planned work over10 Jun 09:00 – 10 Jun 10:00李四 rope check',
    ]);
    // Another asset of which nobody decided anything: its answer has come, and nothing is shown of it.
    const answer = page.waitForResponse(/api\/decisions\?asset=lift-2/);
    await page.goto(`${gateway.url}#/asset/lift-2`);
    await answer;
    await page.getByRole('heading', { name: 'Lift 2' }).waitFor();
    expect(await page.getByText('Planned and excluded').count()).toBe(0);
  });

  it('lists what was written to the controller, with what became of it', async () => {
    const gateway = await serve({}, (it) => {
      const write = { asset: 'lift-3', point: 'lift-3/homeFloor', by: '张三', reason: 'park at the lobby' };
      const atMs = Date.UTC(2026, 5, 12, 1);
      const why = { zh: '写入 0002，读回的是 0001', en: '0002 was written, 0001 is read back' };
      const open = { outcome: null, before: null, after: null, why: null };
      it.decisions = {
        ...it.decisions,
        writes: [
          { ...write, value: 1, atMs, logSeq: 5, outcome: 'done', before: 3, after: 1, why: null },
          { ...write, value: 2, atMs: atMs + 60_000, logSeq: 8, outcome: 'failed', before: 1, after: 1, why },
          { ...write, value: 4, atMs: atMs + 120_000, logSeq: 9, ...open },
        ],
      };
    });
    const page = await open();
    await page.goto(`${gateway.url}#/asset/lift-3`);
    const written = page.getByRole('region', { name: 'Written to the controller' }).locator('li');
    await written.first().waitFor();
    expect((await written.allTextContents()).map((text) => text.replace(/\s+/g, ' '))).toEqual([
      'homeFloor 412 Jun 09:02 outcome unknown张三 park at the lobby',
      'homeFloor 1 → 212 Jun 09:01 write failed张三 park at the lobby 0002 was written, 0001 is read back',
      'homeFloor 3 → 112 Jun 09:00 written张三 park at the lobby',
    ]);
    expect(await page.getByText('Planned and excluded').count()).toBe(0);
  });

  it('cancels a plan, and says why it is not cancelled', async () => {
    const gateway = await serve({}, (it) => {
      it.decisions = fixtureDecisions();
      it.refuseActionsWith = { zh: '没有这项尚未结束的计划', en: 'there is no such plan' };
    });
    const page = await open({ locale: 'zh-CN' });
    await page.addInitScript(`localStorage.setItem('lamplighter.operator', '张三')`);
    await page.goto(`${gateway.url}#/asset/lift-3`);
    const ahead = rows(page).filter({ hasText: '6月16日 09:00 – 6月16日 11:30' });
    await ahead.getByRole('button', { name: '撤销计划：6月16日 09:00 – 6月16日 11:30' }).click();
    await ahead.getByRole('alert').getByText('没有这项尚未结束的计划').waitFor();
    gateway.refuseActionsWith = undefined;
    await ahead.getByRole('button').click();
    await ahead.waitFor({ state: 'detached' });
    expect(gateway.actions.at(-1)).toEqual({
      type: 'cancel-plan',
      asset: 'lift-3',
      fromMs: Date.UTC(2026, 5, 16, 1),
      by: '张三',
    });
    // What has begun was planned until now, and there is nothing left to cancel.
    const running = rows(page).filter({ hasText: 'door motor' });
    await running.getByRole('button').click();
    await running.getByText('已结束').waitFor();
    expect(await page.locator('.decisions button').count()).toBe(0);
  });

  it('shows at once what this page records, and later what was recorded elsewhere', async () => {
    const gateway = await serve();
    const page = await open();
    await page.clock.install();
    await page.goto(`${gateway.url}#/asset/lift-3`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('button', { name: 'Exclude afterwards…' }).click();
    const form = page.getByRole('form', { name: 'Exclude afterwards' });
    await form.getByLabel('Reason').fill('power cut');
    await form.getByLabel('Your name').fill('王五');
    await form.getByRole('button', { name: 'Submit' }).click();
    await rows(page).filter({ hasText: '王五 power cut' }).waitFor();
    gateway.decisions = fixtureDecisions();
    // The page hears from the gateway all the while: what is not live is not read anew.
    for (const n of [1, 2, 3, 4, 5]) {
      gateway.asset('lift-3', { contractor: `contractor ${n}` });
      await page.getByText(`contractor ${n}`).waitFor();
      await page.clock.runFor(8_000);
    }
    await rows(page).filter({ hasText: 'rope check' }).waitFor();
  });

  it('fits a phone', async () => {
    const gateway = await serve({}, (it) => {
      it.decisions = fixtureDecisions();
    });
    for (const locale of ['zh-CN', 'en-GB']) {
      const page = await open({ locale, viewport: PHONE, isMobile: true, hasTouch: true });
      await page.goto(`${gateway.url}#/asset/lift-3`);
      await rows(page).first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth'), locale).toBe(PHONE.width);
      const box = await page.locator('.decisions button').first().boundingBox();
      expect(box?.height, locale).toBeGreaterThanOrEqual(43.5);
    }
  });
});
