import type { Text } from '../../model/text.ts';
import { flowText } from '../site/edit-assets.ts';
import type { BrowsedPoint } from './browsed-points.ts';
import { toCell } from './cell-value.ts';
import { titleOf } from './columns.ts';
import type { PointTable } from './list-points.ts';
import type { CellValue } from './sheets.ts';

/** What the engineer says of the points that were found, besides what the controller does. */
export interface BrowsedFor {
  readonly link: string;
  readonly profile: string;
  /** Key of the system that the assets belong to; undefined: left to the engineer. */
  readonly system: string | undefined;
  readonly language: keyof Text;
}

/** The silence after which a value of a written profile is not trusted: three reads of all nodes, as a link has them. */
const STALE_AFTER = '15s';

/** Columns that an import does not read, for whoever looks through the list. */
const SHOWN_COLUMNS: readonly (readonly [key: keyof BrowsedPoint, title: Text])[] = [
  ['kind', { zh: '值类型', en: 'value kind' }],
  ['engineeringUnit', { zh: '工程单位', en: 'engineering unit' }],
  ['low', { zh: '量程下限', en: 'range low' }],
  ['high', { zh: '量程上限', en: 'range high' }],
  ['states', { zh: '状态文本', en: 'state texts' }],
  ['pointName', { zh: '点的说明', en: 'what it is' }],
  ['value', { zh: '当前值', en: 'value now' }],
];

/** The points as a list that `import` takes as it is, where the profile has points of these names. */
export function browsedList(
  points: readonly BrowsedPoint[],
  { link, profile, system, language }: BrowsedFor,
): PointTable {
  const addresses = [...new Set(points.flatMap(({ address }) => Object.keys(address)))];
  const places = [...new Set(points.flatMap(({ mapPoint }) => Object.keys(mapPoint)))];
  const known = ['asset', 'name_zh', 'name_en', 'profile', 'system', 'link', ...addresses, 'point', ...places];
  const titles = [
    ...known.map((column) => titleOf(column, language)),
    ...SHOWN_COLUMNS.map(([, title]) => title[language]),
  ];
  const rows = points.map((point): CellValue[] => {
    const cells: Readonly<Record<string, unknown>> = {
      ...{ asset: point.asset, name_zh: point.assetName, name_en: point.assetName, profile, system, link },
      ...point.address,
      point: point.point,
      ...point.mapPoint,
    };
    const shown = SHOWN_COLUMNS.map(([key]) => (key === 'states' ? statesText(point.states) : point[key]));
    return [
      ...known.map((column) => toCell(cells[column])),
      ...shown.map((value) => (value === '' ? null : toCell(value))),
    ];
  });
  return { name: 'points', rows: [titles, ...rows] };
}

function statesText(states: BrowsedPoint['states']): string {
  return Object.entries(states)
    .map(([value, text]) => `${value} ${text}`)
    .join('; ');
}

/** Assets with the same points at the same places: those of one kind, by what `{asset}` stands for in their nodes. */
export interface SameAssets {
  readonly assets: readonly string[];
  readonly points: readonly BrowsedPoint[];
}

/** Groups assets by what a map would have of them; the largest group first. */
export function sameAssets(points: readonly BrowsedPoint[]): readonly SameAssets[] {
  const byAsset = Map.groupBy(points, ({ asset }) => asset);
  const groups = Map.groupBy(byAsset, ([, own]) =>
    JSON.stringify(own.map(({ point, kind, mapPoint, states }) => [point, kind, mapPoint, states])),
  );
  return [...groups.values()]
    .map((group) => ({ assets: group.map(([asset]) => asset), points: group[0]?.[1] ?? [] }))
    .sort((a, b) => b.assets.length - a.assets.length);
}

/** A map with these points, for `maps/PROTOCOL/` beside the site file. */
export function browsedMap({ assets, points }: SameAssets, { link, profile }: BrowsedFor): string {
  const lines = [
    `name: ${flowText({ zh: `${profile}（由 browse 读出）`, en: `${profile}, as browse found it` })}`,
    `source: ${flowText(`browse of link ${link}; assets ${assets.join(', ')}`)}`,
    `profile: ${flowText(profile)}`,
    'points:',
    ...points.map((one) => `  ${one.point}: ${flowText(one.mapPoint)}${remark([one.kind, rangeText(one)])}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** `0 to 16 bar`; empty where the controller gives no range. */
function rangeText({ engineeringUnit, low, high }: BrowsedPoint): string {
  return low !== '' && high !== '' ? `${low} to ${high} ${engineeringUnit}`.trim() : '';
}

/** A remark behind a line of YAML; what a controller sends may have breaks in it. */
function remark(parts: readonly string[]): string {
  const text = parts
    .filter((part) => part !== '')
    .join(', ')
    .replaceAll(/\s+/g, ' ');
  return text === '' ? '' : ` # ${text}`;
}

/**
 * A profile with these points, for `profiles/` beside the site file: a beginning, which is valid as it is. When such an
 * asset is up, and which alarms it has, no controller says.
 */
export function browsedProfile({ points }: SameAssets, { profile }: BrowsedFor): string {
  const first = points[0]?.point ?? 'point';
  const lines = [
    `name: ${flowText({ zh: profile, en: profile })}`,
    '',
    'points:',
    ...points.map((one) => `  ${one.point}: ${flowText(profilePoint(one))}${remark([rangeText(one)])}`),
    '',
    '# Write here when it does what it is there for, e.g. running && !fault.',
    `up: known(${first})`,
    '',
    'alarms:',
    '  data-lost:',
    '    priority: 4',
    '    onDelay: 1min',
    `    text: ${flowText({ zh: '数据中断', en: 'Data lost' })}`,
    `    consequence: ${flowText({ zh: '故障不会被发现', en: 'A fault would go unseen' })}`,
    `    action: ${flowText({ zh: '检查控制器与通信', en: 'Check the controller and its connection' })}`,
  ];
  return `${lines.join('\n')}\n`;
}

function profilePoint({ kind, pointName, engineeringUnit, states }: BrowsedPoint): Record<string, unknown> {
  const texts = Object.entries(states).map(([value, text]) => [value, { zh: text, en: text }] as const);
  return {
    kind,
    ...(engineeringUnit !== '' && { unit: engineeringUnit }),
    name: { zh: pointName, en: pointName },
    ...(texts.length > 0 && { states: Object.fromEntries(texts) }),
    staleAfter: STALE_AFTER,
  };
}
