import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { protocolOf, protocols } from '../../adapters/registry.ts';
import { loadSite } from '../site/load-site.ts';

const cases = join(import.meta.dirname, '../../test/cases/site');
const files = [
  join(import.meta.dirname, '../demo/site.yaml'),
  ...readdirSync(cases).map((name) => join(cases, name, 'site.yaml')),
];

test('every address of the demo and of the cases is written so that it is found again', () => {
  const seen = new Map<string, number>();
  for (const file of files) {
    const loaded = loadSite(file, { environment: {} });
    if (!loaded.ok) continue;
    const { links, assets, profiles } = loaded.site;
    for (const asset of assets) {
      const protocol = protocolOf(links.find((link) => link.key === asset.link)?.protocol ?? '');
      if (protocol === undefined) throw new Error(`${asset.key} has no protocol`);
      for (const { point, address } of asset.points) {
        const { address: at, mapPoint } = protocol.written(address);
        const kind = profiles[asset.profile]?.points[point]?.kind ?? 'double';
        const again = protocol.resolve(mapPoint, at, { asset: asset.key, point, kind, index: 0 });
        expect(again, `${asset.key}/${point}`).toEqual({ ok: true, value: address });
        seen.set(protocol.key, (seen.get(protocol.key) ?? 0) + 1);
      }
    }
  }
  expect([...seen.keys()].sort()).toEqual(Object.keys(protocols).sort());
  expect(Math.min(...seen.values())).toBeGreaterThan(50);
});
