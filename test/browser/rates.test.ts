import { expect, it } from 'vitest';
import { describeWithServer } from '../support/servers.ts';
import { pageBench } from './page-bench.ts';

const MINUTE_MS = 60_000;

await describeWithServer('chromium', 'rates on the page', () => {
  const { serve, open } = pageBench();

  it('says in both languages how much longer the worst one may be down', async () => {
    const gateway = await serve();
    const [lift] = gateway.snapshot.systems;
    const [headline, ...others] = lift?.rates ?? [];
    if (lift === undefined || headline === undefined) throw new Error('the fixture has no lifts');
    for (const [locale, left, usedUp] of [
      ['en-GB', 'Lift 3 may stop 41 more minutes this month', 'Lift 3 has used up its downtime this month'],
      ['zh-CN', '3 号电梯本月还可停运 41 分钟', '3 号电梯本月停运时间已用完'],
    ] as const) {
      const page = await open({ locale });
      await page.goto(`${gateway.url}#/system/lift`);
      await page.getByText(usedUp, { exact: true }).waitFor();
      const ms = 42 * MINUTE_MS - 1;
      gateway.delta({
        systems: [{ ...lift, rates: [{ ...headline, downtimeLeft: { group: 'lift-3', ms } }, ...others] }],
      });
      await page.getByText(left, { exact: true }).waitFor();
    }
  });

  it('names the window with its days, and whether the figure is final', async () => {
    const gateway = await serve();
    const names = async (locale: string) => {
      const page = await open({ locale });
      await page.goto(`${gateway.url}#/system/lift`);
      await page.locator('.rate-card').first().waitFor();
      return page.locator('.rate-card h2').allTextContents();
    };
    expect(await names('en-GB')).toEqual([
      'Availability this month · provisional',
      'Rectification campaign 1 May – 31 May · final',
    ]);
    expect(await names('zh-CN')).toEqual(['可用率 本月 · 暂定', '整改可用率 整改期 5月1日–5月31日 · 最终']);
  });

  it('says that too little is known where that is why a target is not met', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/system/fire-pump`);
    await page.getByText('only 97.1 % of data known, 98 % needed').waitFor();
  });

  it('reads the groups of a rate when they are wanted, and shows them worst first with their bounds', async () => {
    const gateway = await serve();
    const page = await open();
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/api/rates')) asked.push(request.url());
    });
    await page.goto(`${gateway.url}#/system/fire-pump`);
    await page.locator('.rate-card').waitFor();
    expect(asked).toEqual([]);
    await page.getByRole('button', { name: 'By group' }).click();
    const rows = page.locator('.rate-groups tbody tr');
    await rows.first().waitFor();
    expect((await rows.allTextContents()).map((text) => text.replace(/\s+/g, ' '))).toEqual([
      'Fire pump 299.3 %94.1 % – 99.5 %97.1 %? Undeterminedused up',
      'Fire pump 199.8 %100 %Met5 h 12 min',
    ]);
    const hatch = rows.first().locator('.rate-hatch');
    expect(await hatch.evaluate((element) => element.getAttribute('style'))).toMatch(/left: 94.12%; width: 5.4\d?%/);
    // The choice stands in the address, and a long table shows its worst at first.
    expect(page.url()).toContain('rate=availability');
    await page.goto(`${gateway.url}#/system/floor-light?rate=lit`);
    await page.getByRole('button', { name: 'Show all 334' }).click();
    await expect.poll(() => page.locator('.rate-groups tbody tr').count()).toBe(334);
  });
});
