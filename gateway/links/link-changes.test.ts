import { expect, test } from 'vitest';
import { modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { ModbusAssetAddress, ModbusMapPoint } from '../../adapters/modbus/schema.ts';
import type { Asset, AssetPoint, Link, Site } from '../../model/site.ts';
import { linkChanges } from './link-changes.ts';

const text = { zh: '测试', en: 'test' };

const link = (key: string, settings: Link['settings'] = { endpoint: `tcp://${key}`, poll: '1s' }): Link => ({
  key,
  name: text,
  protocol: 'modbus',
  settings,
});

const point = (asset: string, name: string, more: Partial<AssetPoint> = {}): AssetPoint => ({
  key: `${asset}/${name}`,
  point: name,
  name: text,
  kind: 'double',
  staleAfterMs: 5000,
  address: { unit: 1, address: 7 },
  ...more,
});

const asset = (key: string, onLink: string, points = [point(key, 'value')]): Asset => ({
  key,
  name: text,
  profile: 'p',
  system: 's',
  link: onLink,
  location: {},
  points,
});

const site = (links: readonly Link[], assets: readonly Asset[] = []): Site => ({
  key: 'test',
  name: text,
  timeZone: 'Asia/Shanghai',
  latitude: 0,
  longitude: 0,
  systems: [],
  links,
  assets,
  profiles: {},
  people: [],
  planned: [],
  campaigns: [],
  hash: '',
});

const changes = (before: Site, after: Site) => {
  const { kept, restarted, added, removed } = linkChanges(before, after);
  return { kept, restarted, added, removed };
};

test('links are kept, added and removed by key', () => {
  const before = site([link('a'), link('b')], [asset('one', 'a'), asset('two', 'b')]);
  const after = site([link('c'), link('a')], [asset('three', 'c'), asset('one', 'a')]);
  expect(changes(before, after)).toEqual({ kept: ['a'], restarted: [], added: ['c'], removed: ['b'] });
});

test.each<[string, Link, readonly Asset[]]>([
  ['a setting', link('a', { endpoint: 'tcp://a', poll: '2s' }), [asset('one', 'a')]],
  ['a nested setting', link('a', { endpoint: 'tcp://a', poll: '1s', tls: { key: 'k' } }), [asset('one', 'a')]],
  ['the protocol', { ...link('a'), protocol: 'opcua' }, [asset('one', 'a')]],
  ['an asset more', link('a'), [asset('one', 'a'), asset('two', 'a')]],
  ['an asset less', link('a'), []],
  ['an asset on another link', link('a'), [asset('one', 'b')]],
  ['a renamed asset', link('a'), [{ ...asset('uno', 'a'), formerly: 'one' }]],
  ['an address', link('a'), [asset('one', 'a', [point('one', 'value', { address: { unit: 1, address: 8 } })])]],
  ['a kind', link('a'), [asset('one', 'a', [point('one', 'value', { kind: 'enum' })])]],
  ['texts of states', link('a'), [asset('one', 'a', [point('one', 'value', { states: { 1: text } })])]],
])('%s restarts the link', (_what, changed, assets) => {
  const before = site([link('a'), link('b')], [asset('one', 'a')]);
  expect(changes(before, site([changed, link('b')], assets)).restarted).toContain('a');
});

test.each<[string, Link, readonly Asset[]]>([
  ['the order of settings', link('a', { poll: '1s', endpoint: 'tcp://a' }), [asset('one', 'a'), asset('two', 'a')]],
  ['the order of assets', link('a'), [asset('two', 'a'), asset('one', 'a')]],
  ['names', { ...link('a'), name: { zh: '新', en: 'new' } }, [asset('one', 'a'), asset('two', 'a')]],
  [
    'when a point is stale',
    link('a'),
    [asset('one', 'a', [point('one', 'value', { staleAfterMs: 1 })]), asset('two', 'a')],
  ],
  ['who maintains it', link('a'), [{ ...asset('one', 'a'), contractor: 'x' }, asset('two', 'a')]],
])('%s leaves the link alone', (_what, changed, assets) => {
  const before = site([link('a')], [asset('one', 'a'), asset('two', 'a')]);
  expect(changes(before, site([changed], assets))).toEqual({ kept: ['a'], restarted: [], added: [], removed: [] });
});

/** What the map and the asset of the site file say, as the site has it. */
function modbusPoint(map: ModbusMapPoint, at: ModbusAssetAddress): AssetPoint {
  const context = { asset: 'one', point: 'value', kind: 'double', index: 0 } as const;
  const resolved = modbusProtocol.resolve(map, at, context);
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return point('one', 'value', { address: resolved.value });
}

const map: ModbusMapPoint = { register: 40008, type: 'uint32' };

test.each<[string, ModbusMapPoint, ModbusAssetAddress]>([
  ['the time-out of its unit', map, { unit: 1, timeout: '3s' }],
  ['how much its unit gives at once', map, { unit: 1, maxRegisters: 8 }],
  ['how many bits its unit gives at once', map, { unit: 1, maxBits: 8 }],
  ['the offset of its addresses', map, { unit: 1, offset: 100 }],
  ['the interval of a point', { ...map, poll: '1min' }, { unit: 1 }],
  ['the order of its bytes', { ...map, wire: [3, 4, 1, 2] }, { unit: 1 }],
  ['whether it may be written', { ...map, writable: true }, { unit: 1 }],
])('%s restarts a Modbus link, and no other', (_what, changedMap, changedAt) => {
  const other = asset('two', 'b');
  const before = site([link('a'), link('b')], [asset('one', 'a', [modbusPoint(map, { unit: 1 })]), other]);
  const after = site([link('a'), link('b')], [asset('one', 'a', [modbusPoint(changedMap, changedAt)]), other]);
  expect(changes(before, after)).toEqual({ kept: ['b'], restarted: ['a'], added: [], removed: [] });
});

test.each<[string, Link['settings']]>([
  ['a serial line', { endpoint: 'tcp://a', poll: '1s', serial: { baud: 19_200 } }],
  ['a file of a certificate', { endpoint: 'tcp://a', poll: '1s', tls: { ca: 'ca.pem' } }],
  ['how many requests go at once', { endpoint: 'tcp://a', poll: '1s', parallel: 4 }],
])('%s restarts the link, and no other', (_what, settings) => {
  const before = site([link('a'), link('b')]);
  expect(changes(before, site([link('a', settings), link('b')]))).toMatchObject({ kept: ['b'], restarted: ['a'] });
});
