import type { Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { describeWithServer } from '../support/servers.ts';
import { FIXTURE_NOW_MS, fixtureAlarm, trappedPassenger } from './fixture-estate.ts';
import { APPEARS_MS, PHONE, pageBench } from './page-bench.ts';

await describeWithServer('chromium', 'the page in a browser', () => {
  const { serve, open } = pageBench();

  const tile = (page: Page, name: string) => page.locator('.tile').filter({ has: page.getByRole('heading', { name }) });

  it('shows all systems, their rates and the waiting alarms on a wall screen without scrolling', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(gateway.url);
    await page.locator('.tile').first().waitFor();
    const names = await page.locator('.tile h2').allTextContents();
    expect(names).toEqual([
      'Lifts',
      'Access control',
      'CCTV',
      'Fire pumps',
      'Street lights',
      'Lift intercoms',
      'Floor lights',
      'Links to controllers',
    ]);
    expect(await tile(page, 'Street lights').textContent()).toContain('15 lamps short');
    // Not rounded to the target of 95 % that it misses.
    expect(await tile(page, 'Lifts').locator('.rate-figure').textContent()).toBe('94.96%');
    expect(await page.locator('.waiting-alarms .alarm-card').count()).toBe(5);
    expect(await page.title()).toBe('(5) Lamplight Garden · Lamplighter');
    // Nothing is cut off: neither the page nor a tile nor the list is higher than its place.
    const cut =
      await page.evaluate(`[document.documentElement, ...document.querySelectorAll('main, .tile, .waiting-alarms')]
      .filter((element) => element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1)
      .map((element) => element.className || element.tagName)`);
    expect(cut).toEqual([]);
  });

  it('is whole in Chinese, and fits a phone in both languages', async () => {
    const gateway = await serve();
    for (const locale of ['zh-CN', 'en-GB']) {
      const page = await open({ locale, viewport: PHONE, isMobile: true, hasTouch: true });
      const places = ['', '#/alarms', '#/alarms?show=silent', '#/alarm-health', '#/system/streetlight', '#/links'];
      for (const place of [...places, '#/system/lift?rate=availability', '#/asset/fire-pump-2']) {
        await page.goto(gateway.url + place);
        await page.locator('.tile, .page').first().waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth'), `${locale} ${place}`).toBe(PHONE.width);
        // Whatever one touches is at least 44 px high; links within a sentence are exempt.
        const low = await page.evaluate(`[...document.querySelectorAll('button, summary, nav a, input')]
          .filter((element) => element.getBoundingClientRect().height > 0 && element.getBoundingClientRect().height < 43.5)
          .filter((element) => !element.closest('.skip'))
          .map((element) => element.outerHTML.slice(0, 80))`);
        expect(low, `${locale} ${place}`).toEqual([]);
      }
    }
    const page = await open({ locale: 'zh-CN' });
    await page.goto(gateway.url);
    expect(await tile(page, '路灯').textContent()).toContain('差 15 盏');
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    await page.getByRole('button', { name: /English/ }).click();
    await tile(page, 'Street lights').waitFor();
    await page.reload();
    await tile(page, 'Street lights').waitFor();
  });

  it('touches the cell that changed and no other', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/asset/lift-3`);
    const load = page.locator('.points tr').filter({ hasText: 'Car load' });
    await load.waitFor();
    await page.evaluate(`window.touched = new Set();
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const element = target.nodeType === 1 ? target : target.parentElement;
          if (element.matches('table, tbody')) window.touched.add('the table');
          const value = element.closest('.point-value');
          if (value) window.touched.add(value.closest('tr').querySelector('th').textContent);
        }
      }).observe(document.body, { subtree: true, childList: true, characterData: true })`);
    const point = gateway.snapshot.points.find((row) => row.key === 'lift-3/load');
    if (point === undefined) throw new Error('the fixture has no lift-3/load');
    gateway.delta({ points: [{ ...point, value: 61.5, sourceMs: gateway.nowMs() }] });
    await page.getByText('61.5').waitFor();
    expect(await page.evaluate('[...window.touched]')).toEqual(['Car load']);
  });

  it('shows a new P1 at once on every page, says it aloud, and acknowledges it in the operator’s name', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/links`);
    await page.locator('.link-card').first().waitFor();
    await page.getByRole('button', { name: /On duty/ }).click();
    await page.getByRole('textbox', { name: 'On duty' }).fill('张三');
    await page.getByRole('button', { name: 'Save' }).click();

    gateway.alarm(trappedPassenger());
    const bar = page.locator('.alarm-bar[data-priority="1"]');
    await bar.getByText('passenger trapped').waitFor();
    await vi.waitFor(async () => {
      expect(await page.getByRole('alert').allTextContents()).toContain('New P1 alarm: Lift 3, passenger trapped');
      expect(await page.title()).toMatch(/^\(6\)/);
      expect(decodeURIComponent((await page.locator('link[rel=icon]').getAttribute('href')) ?? '')).toContain(
        '#b80020',
      );
    });

    await bar.getByRole('button', { name: /Acknowledge/ }).click();
    await page.locator('.alarm-bar[data-priority="2"]').waitFor();
    expect(gateway.acknowledgements).toEqual([{ activationId: trappedPassenger().activationId, by: '张三' }]);
    await page.goto(`${gateway.url}#/alarms`);
    const card = page.locator('.alarm-card').filter({ hasText: 'passenger trapped' });
    await card.getByText(/Acknowledged .* by 张三/).waitFor();
    expect(await card.getByRole('button').count()).toBe(0);
  });

  it('says that an acknowledgement failed, and leaves the alarm as it is', async () => {
    const gateway = await serve();
    gateway.refuseAcknowledgementsWith = 503;
    const page = await open();
    await page.goto(`${gateway.url}#/alarms`);
    const card = page.locator('.alarm-card').filter({ hasText: 'feeder tripped' });
    await card.getByRole('button', { name: /Acknowledge/ }).click();
    await card.getByText('the log cannot be written: not acknowledged').waitFor();
    expect(await card.getByRole('button', { name: /Acknowledge/ }).count()).toBe(1);
  });

  it('names the children of a cause on demand', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/alarms`);
    const card = page.locator('.alarm-card').filter({ hasText: 'feeder tripped' });
    await card.getByText('takes 13 assets with it').click();
    await card.getByRole('link', { name: 'Street lamp F3-13' }).waitFor();
  });

  it('stripes the screen after 12 s of silence, and is live again as soon as something comes', async () => {
    const gateway = await serve();
    const page = await open();
    await page.clock.install();
    await page.goto(gateway.url);
    await tile(page, 'Lifts').waitFor();
    // The page's clock stands still from here on and goes by hand; this is the last that it hears.
    await page.clock.pauseAt(Date.now() + 2_000);
    gateway.alarm(fixtureAlarm('lift-2/out-of-service/930', { priority: 3 }));
    await vi.waitFor(async () => expect(await page.title()).toMatch(/^\(6\)/), APPEARS_MS);
    gateway.silence();
    await page.clock.runFor(11_900);
    expect(await page.locator('.stale-banner').count()).toBe(0);
    await page.clock.runFor(1_100);
    await page.getByText(/Stale since 20:3\d:\d\d/).waitFor();
    expect(await page.locator('.shell').getAttribute('data-feed')).toBe('stale');
    expect(await page.title()).toContain('Lost');
    gateway.speak();
    gateway.delta({});
    await page.locator('.stale-banner').waitFor({ state: 'detached' });
  });

  it('comes back by itself after the gateway was gone, with what happened meanwhile', async () => {
    const first = await serve();
    const page = await open();
    await page.goto(first.url);
    await tile(page, 'Lifts').waitFor();
    await first.stop();
    await serve({ port: first.port }, (second) => second.alarm(trappedPassenger()));
    await page.locator('.alarm-bar[data-priority="1"]').waitFor();
    expect(await page.getByRole('alert').allTextContents()).toContain('New P1 alarm: Lift 3, passenger trapped');
  });

  it('gives its connection back while nobody sees it, and takes a new one when someone does', async () => {
    const gateway = await serve();
    const page = await open();
    await page.clock.install();
    await page.goto(gateway.url);
    await tile(page, 'Lifts').waitFor();
    const show = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await show(true);
    await page.clock.fastForward(29_000);
    // In the page's time no heartbeat came, so it may have tried anew by itself; it still wants a connection.
    await vi.waitFor(() => expect(gateway.listeners).toBe(1), APPEARS_MS);
    await page.clock.fastForward(2_000);
    await vi.waitFor(() => expect(gateway.listeners).toBe(0), APPEARS_MS);
    const { connections } = gateway;
    gateway.alarm(fixtureAlarm('lift-2/out-of-service/930', { priority: 1, raisedMs: FIXTURE_NOW_MS }));
    await show(false);
    await page.locator('.alarm-bar[data-priority="1"]').waitFor();
    expect(gateway.connections).toBe(connections + 1);
    await page.locator('.stale-banner').waitFor({ state: 'detached' });
  });

  it('asks for the token where the gateway wants one, and takes it from the address once', async () => {
    const gateway = await serve({ token: 'garden-7' });
    const page = await open();
    await page.goto(gateway.url);
    await page.getByLabel('Access token').fill('wrong');
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.getByText('This token is not accepted.').waitFor();
    await page.getByLabel('Access token').fill('garden-7');
    await page.getByRole('button', { name: 'Enter' }).click();
    await tile(page, 'Lifts').waitFor();

    const other = await open();
    await other.goto(`${gateway.url}?token=garden-7#/alarms`);
    await other.locator('.alarm-card').first().waitFor();
    expect(other.url()).toBe(`${gateway.url}#/alarms`);
  });

  it('draws history with gaps as gaps, in the site’s time', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/asset/fire-pump-1?point=pressure`);
    await page.locator('.chart canvas').waitFor();
    await page.locator('.history-summary').getByText('9.2').waitFor();
    // Ink in the columns of the gap (between 50 and 67 % of the time) would be a line drawn through it.
    const ink = async (from: number, to: number) =>
      page.evaluate(`(() => {
        const canvas = document.querySelector('.chart canvas');
        const over = document.querySelector('.chart .u-over').getBoundingClientRect();
        const all = canvas.getBoundingClientRect();
        const scale = canvas.width / all.width;
        const x = Math.round((over.left - all.left + over.width * ${from}) * scale);
        const width = Math.round(over.width * ${to - from} * scale);
        const height = Math.round(over.height * scale);
        const { data } = canvas.getContext('2d').getImageData(x, Math.round((over.top - all.top) * scale), width, height);
        let dark = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && data[i] < 80) dark += 1;
        return dark;
      })()`);
    expect(await ink(0.1, 0.4)).toBeGreaterThan(100);
    expect(await ink(0.53, 0.64)).toBe(0);
    const point = page.getByRole('button', { name: 'Mains voltage' });
    await point.click();
    await page.getByRole('heading', { name: /History · Mains voltage/ }).waitFor();
    await page.getByRole('button', { name: '24 hours' }).click();
    expect(page.url()).toContain('point=mainsVoltage&range=24h');
  });

  it('explains bad points and a link that is down', async () => {
    const gateway = await serve();
    const page = await open();
    await page.goto(`${gateway.url}#/asset/fire-pump-2`);
    const voltage = page.locator('.points tr').filter({ hasText: 'Mains voltage' });
    await voltage.getByText('device answered with a Modbus exception').waitFor();
    await voltage.getByText('exception 2').waitFor();
    expect(await voltage.locator('.point-value').textContent()).toBe('–');
    await page.goto(`${gateway.url}#/links`);
    const link = page.locator('.link-card').first();
    expect(await link.textContent()).toContain('connection refused 127.0.0.1:15022');
    expect(await link.textContent()).toMatch(/Next tryin \d+ s/);
    expect(await link.textContent()).toMatch(/Errors, last 5 min73%.*214 not answered, 12 polls left out/);
    expect(await link.textContent(), 'its last error is the reason above').not.toContain('Last error');
    const facts = (name: string) => page.locator('.link-card').filter({ hasText: name }).textContent();
    expect(await facts('Lift group controller')).toContain('Granted insteadpublishing each 1 s (250 ms was asked for)');
    expect(await facts('Lift group controller')).toMatch(
      /23 points without a valueLift 1 · Car position · no such point on the device BadNodeIdUnknown .*Lift 2 · Car door .*and 21 more/,
    );
    expect(await facts('Access controller')).not.toContain('without a value');
    expect(await facts('Pump controller 1')).toMatch(/Round trip4\.3 ms, 95% within 11\.8 ms.*Reconnected3 times/);
    // What happened seldom is not shown as if it had not.
    expect(await facts('Field bus')).toMatch(/< 0\.1%.*Last errora message on site\/door-4\/state cannot be read/);
  });

  it('goes back to the place and the filter that one came from', async () => {
    const gateway = await serve();
    const page = await open({ viewport: { width: 1280, height: 600 } });
    await page.goto(`${gateway.url}#/system/floor-light`);
    await page.getByRole('button', { name: /^Down/ }).click();
    const lamp = page.getByRole('link', { name: 'Block 2 floor 14 lamp 1' });
    await lamp.scrollIntoViewIfNeeded();
    const top = Number(await page.evaluate('window.scrollY'));
    expect(top).toBeGreaterThan(500);
    await lamp.click();
    await page.getByRole('heading', { name: 'Block 2 floor 14 lamp 1' }).waitFor();
    expect(await page.evaluate('window.scrollY')).toBe(0);
    await page.goBack();
    await page.locator('.assets').waitFor();
    await vi.waitFor(
      async () => expect(Number(await page.evaluate('window.scrollY'))).toBeCloseTo(top, -1),
      APPEARS_MS,
    );
    expect(page.url()).toContain('class=down');
  });
});
