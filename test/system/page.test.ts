import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../browser/browser.ts';
import { Estate } from '../support/estate.ts';
import { describeWithServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 45_000;

await describeWithServer('chromium', 'the page on the real gateway', () => {
  let estate: Estate;
  let browser: Browser;

  beforeAll(async () => {
    [estate, browser] = await Promise.all([Estate.start(10), launchChromium()]);
  });

  afterAll(async () => {
    await browser?.close();
    await estate?.end();
  });

  test.each([
    ['zh-CN', '79.1', '强行开门', '确认', '已由'],
    ['en-GB', '79.1', 'Door forced open', 'Acknowledge', 'Acknowledged'],
  ])('in %s shows the estate live and acknowledges', async (locale, rate, alarmText, acknowledge) => {
    const context = await browser.newContext({ locale, viewport: { width: 1920, height: 1080 } });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(estate.url);
    await page.getByText(rate).first().waitFor({ timeout: WITHIN_MS });
    const door = locale === 'zh-CN' ? 'door-4' : 'door-5';
    const fault = await estate.fault('door-forced', door);
    await page.getByText(alarmText).first().waitFor({ timeout: WITHIN_MS });
    const alarm = await until('the door is an alarm', WITHIN_MS, async () =>
      (await estate.alarms()).find(({ asset }) => asset === door),
    );
    await page.goto(`${estate.url}/#/alarms`);
    const row = page.locator('li, tr, article', { hasText: alarm.assetName[locale === 'zh-CN' ? 'zh' : 'en'] }).first();
    await row.getByRole('button', { name: acknowledge }).click({ timeout: WITHIN_MS });
    await until('the gateway has it', WITHIN_MS, async () =>
      (await estate.alarms()).some(
        ({ activationId, state }) => activationId === alarm.activationId && state === 'acknowledged',
      ),
    );
    await estate.mend(fault);
    await until('it is over', WITHIN_MS, async () => (await estate.alarms()).every(({ asset }) => asset !== door));
    expect(errors).toEqual([]);
    await context.close();
  });

  test('the link of a notice is taken by one press in a phone’s browser', async () => {
    const fault = await estate.fault('intercom-lost', 'intercom-3');
    const notice = await until('the phone has it', WITHIN_MS, async () =>
      (await estate.notices()).find(({ activationId }) => activationId.startsWith('intercom-3.intercom-lost.')),
    );
    const page = await browser.newPage({ viewport: { width: 390, height: 844 }, isMobile: true });
    await page.goto(notice.acknowledgeUrl);
    await page.getByRole('button', { name: /Take it/ }).click();
    await page.getByText('已接单，不再呼叫其他人').waitFor({ timeout: WITHIN_MS });
    expect((await estate.alarms()).find(({ activationId }) => activationId === notice.activationId)).toMatchObject({
      state: 'acknowledged',
      acknowledgedBy: 'duty-phone',
    });
    await estate.mend(fault);
    await page.close();
  });

  test('says since when it shows nothing new, once the gateway is gone', async () => {
    const page = await browser.newPage({ locale: 'en-GB' });
    await page.goto(estate.url);
    await page.getByText('79.1').first().waitFor({ timeout: WITHIN_MS });
    await estate.gateway.end('SIGKILL');
    await page
      .getByText(/stale since|no longer updated|not updated since/i)
      .first()
      .waitFor({ timeout: WITHIN_MS });
    await estate.startGateway();
    await page
      .getByText(/stale since|no longer updated|not updated since/i)
      .first()
      .waitFor({ state: 'hidden', timeout: WITHIN_MS });
    await page.close();
  });
});
