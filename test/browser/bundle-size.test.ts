import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';
import { buildPage } from './browser.ts';
import { ALL_BUDGET_BYTES, FIRST_ROUTE_BUDGET_BYTES, measureBundle } from './bundle-size.ts';

it('keeps the page within its size', async () => {
  const folder = tempFolder();
  await buildPage(folder);
  const size = measureBundle(folder);
  // A gate that measures nothing is open: script and style are there, and what is loaded later is not among them.
  expect(size.firstRouteFiles.some((file) => file.endsWith('.js'))).toBe(true);
  expect(size.firstRouteFiles.some((file) => file.endsWith('.css'))).toBe(true);
  for (const later of ['chart', 'shelve-form', 'alarm-health', 'rate-groups', 'asset-decisions', 'gateway-panel']) {
    expect(
      size.firstRouteFiles.some((file) => file.includes(later)),
      later,
    ).toBe(false);
    expect(
      size.allFiles.some((file) => file.includes(later)),
      later,
    ).toBe(true);
  }
  expect(size.firstRouteBytes).toBeGreaterThan(10_000);
  expect(size.firstRouteBytes, 'scripts and styles of the first route, gzip').toBeLessThanOrEqual(
    FIRST_ROUTE_BUDGET_BYTES,
  );
  expect(size.allBytes, 'all scripts and styles, gzip').toBeLessThanOrEqual(ALL_BUDGET_BYTES);

  // Ballast that does not compress is noticed.
  const [script] = size.firstRouteFiles.filter((file) => file.endsWith('.js'));
  const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(FIRST_ROUTE_BUDGET_BYTES)));
  writeFileSync(join(folder, script ?? ''), noise);
  expect(measureBundle(folder).firstRouteBytes).toBeGreaterThan(FIRST_ROUTE_BUDGET_BYTES);
});
