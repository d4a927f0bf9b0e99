import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { listenOnPort } from '../../simulators/listen.ts';
import { createPhoneServer } from '../../simulators/phone/phone-server.ts';
import { describeWithServer } from '../support/servers.ts';
import { pageBench } from './page-bench.ts';

await describeWithServer('chromium', 'the duty phone in a browser', () => {
  const { open } = pageBench();

  it('labels a test before its text, in both languages whatever the screen’s, and nothing else', async () => {
    const server = createPhoneServer(undefined);
    const url = `http://127.0.0.1:${await listenOnPort(server, 0)}`;
    onTestFinished(async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    });
    const send = (id: string, test: boolean) => {
      const text = { zh: '电梯困人', en: 'passenger trapped' };
      const body = JSON.stringify({ id, kind: 'raised', priority: 1, text, test });
      return fetch(`${url}/webhook`, { method: 'POST', body });
    };
    await send('drill', true);
    const page = await open();
    await page.goto(url);
    await page.getByRole('heading', { name: '试验 / TEST passenger trapped' }).waitFor();
    await send('earnest', false);
    await page.getByRole('heading', { name: 'passenger trapped', exact: true }).waitFor();
    await page.getByRole('button', { name: '中文' }).click();
    expect(await page.locator('.headline').allTextContents()).toEqual(['电梯困人', '试验 / TEST 电梯困人']);
  });
});
