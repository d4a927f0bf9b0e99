import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';
import { findServer } from '../support/servers.ts';

/** Starts the browser with a new, empty profile, and with everything off that would reach for the network. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = await findServer('chromium');
  if (executablePath === undefined) throw new Error('there is no chromium here');
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Builds the page into `folder` as the program does, without touching `dashboard/dist`. */
export async function buildPage(folder: string): Promise<void> {
  await build({
    configFile: fileURLToPath(new URL('../../dashboard/vite.config.ts', import.meta.url)),
    build: { outDir: folder, emptyOutDir: true },
    logLevel: 'warn',
  });
}
