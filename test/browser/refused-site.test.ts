import { expect, it } from 'vitest';
import { describeWithServer } from '../support/servers.ts';
import { fixtureRefusal } from './fixture-estate.ts';
import { PHONE, pageBench } from './page-bench.ts';

await describeWithServer('chromium', 'a site file that was refused', () => {
  const { serve, open } = pageBench();

  it('is told of on every page with its first mistake, until it is sound again', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(gateway.url);
    await page.locator('.tile').first().waitFor();
    const banner = page.locator('.refused-site-banner');
    expect(await banner.count()).toBe(0);
    gateway.refuseSite(fixtureRefusal());
    await banner.waitFor();
    for (const place of ['', '#/alarms', '#/alarm-health', '#/system/lift', '#/asset/lift-3', '#/links', '#/nowhere']) {
      await page.goto(gateway.url + place);
      await banner.getByText('The changed site file was refused; the old one stays in force').waitFor();
      expect(await banner.textContent(), place).toContain(
        '20:29:00 · 2 mistakes, the first:' +
          'sites/demo/site.yaml:41:7 unknown-key there is no key “adress”; is “address” meant?',
      );
    }
    gateway.refuseSite(undefined);
    await banner.waitFor({ state: 'detached' });
  });

  it('is told of in Chinese, cuts nothing off a wall screen, and fits a phone', async () => {
    const gateway = await serve({}, (it) => it.refuseSite(fixtureRefusal()));
    const wall = await open({ locale: 'zh-CN' });
    await wall.goto(gateway.url);
    const banner = wall.locator('.refused-site-banner');
    await banner.waitFor();
    expect(await banner.textContent()).toBe(
      '修改后的现场文件未被采用，仍按原文件运行20:29:00 · 共 2 处错误，第一处：' +
        'sites/demo/site.yaml:41:7 unknown-key 没有键“adress”，是否为“address”？',
    );
    await wall.locator('.tile').first().waitFor();
    const cut = await wall.evaluate(`[document.documentElement, ...document.querySelectorAll('main, .tile')]
      .filter((element) => element.scrollHeight > element.clientHeight + 1)
      .map((element) => element.className || element.tagName)`);
    expect(cut).toEqual([]);
    for (const locale of ['zh-CN', 'en-GB']) {
      const phone = await open({ locale, viewport: PHONE, isMobile: true, hasTouch: true });
      await phone.goto(gateway.url);
      await phone.locator('.refused-site-banner').waitFor();
      expect(await phone.evaluate('document.documentElement.scrollWidth'), locale).toBe(PHONE.width);
    }
  });
});
