import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { buildPage, launchChromium } from './browser.ts';
import { FixtureGateway, type FixtureOptions } from './fixture-gateway.ts';

/** Bound on waiting for something to appear, real ms. */
export const APPEARS_MS = 10_000;
const WALL = { width: 1920, height: 1080 };
export const PHONE = { width: 360, height: 740 };

export interface PageBench {
  /** Starts a gateway that serves the built page, after `prepare`; it ends with the test. */
  serve(options?: Partial<FixtureOptions>, prepare?: (gateway: FixtureGateway) => void): Promise<FixtureGateway>;
  /** A page with a profile of its own; it fails the test by any error that the page throws. */
  open(options?: BrowserContextOptions): Promise<Page>;
}

/** Builds the page and starts the browser for the tests of the block in which it is called. */
export function pageBench(): PageBench {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lamplighter-page-'));
    await buildPage(folder);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    async serve(options = {}, prepare = () => undefined) {
      const gateway = new FixtureGateway({ page: folder, ...options });
      onTestFinished(() => gateway.stop());
      prepare(gateway);
      await gateway.start();
      return gateway;
    },
    async open(options = {}) {
      const context = await browser.newContext({ locale: 'en-GB', viewport: WALL, ...options });
      context.setDefaultTimeout(APPEARS_MS);
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy/i.test(message.text())) errors.push(message.text());
      });
      onTestFinished(async () => {
        await context.close();
        expect(errors).toEqual([]);
      });
      return page;
    },
  };
}
