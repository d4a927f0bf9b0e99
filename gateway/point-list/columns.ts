import type { TSchema } from 'typebox';
import type { Protocol } from '../../model/adapter.ts';

/** Columns that say something of the asset, by the key that it has in the site file. */
export const assetColumns = [
  'asset',
  'name_zh',
  'name_en',
  'profile',
  'system',
  'link',
  'parent',
  'building',
  'floor',
  'place',
  'contractor',
  'group',
  'warrantyUntil',
  'commissioning',
] as const;
export type AssetColumn = (typeof assetColumns)[number];

/** The column that names the point of the profile. */
export const POINT_COLUMN = 'point';

/** How a Chinese list may call the columns; the first of each is what an export writes. */
const chineseTitles: Readonly<Record<string, readonly string[]>> = {
  asset: ['资产', '资产编号', '设备编号'],
  name_zh: ['名称', '中文名', '中文名称', '设备名称'],
  name_en: ['英文名', '英文名称'],
  profile: ['设备类型', '类型模板'],
  system: ['系统', '所属系统'],
  link: ['链路', '通道'],
  parent: ['上级', '上级资产'],
  building: ['楼栋', '栋'],
  floor: ['楼层'],
  place: ['位置', '安装位置'],
  contractor: ['维保单位'],
  group: ['分组'],
  warrantyUntil: ['质保期至', '质保到期'],
  commissioning: ['调试中'],
  point: ['点', '点名', '点位'],
  unit: ['站号', '从站地址', '从站号'],
  table: ['寄存器表', '寄存器类型', '功能码'],
  address: ['地址', '线上地址'],
  register: ['寄存器', '寄存器号'],
  type: ['数据类型'],
  bit: ['位'],
  scale: ['系数', '倍率'],
  add: ['偏移', '偏移量'],
  noValue: ['无效值'],
  wordOrder: ['字序'],
  byteOrder: ['字节序'],
  poll: ['采集周期'],
  topic: ['主题'],
  path: ['路径'],
  time: ['时间路径'],
  namespace: ['命名空间'],
  node: ['节点', '节点号'],
  index: ['下标'],
  member: ['成员'],
  prefix: ['节点前缀'],
};

/** Values that lists write in their own way, by column; a mapping file adds those of a vendor. */
export const knownValues: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  table: {
    保持寄存器: 'holding',
    输入寄存器: 'input',
    线圈: 'coil',
    离散输入: 'discrete',
    '1': 'coil',
    '2': 'discrete',
    '3': 'holding',
    '4': 'input',
    '01': 'coil',
    '02': 'discrete',
    '03': 'holding',
    '04': 'input',
  },
};

/** Titles are compared without regard to case, blanks and underscores. */
function folded(title: string): string {
  return title.toLowerCase().replaceAll(/[\s_-]/g, '');
}

/** Which column a title stands for; undefined for one that nobody knows. */
export function columnOf(title: string, known: ReadonlySet<string>): string | undefined {
  const wanted = folded(title);
  for (const column of known) {
    if (folded(column) === wanted) return column;
    if (chineseTitles[column]?.some((chinese) => folded(chinese) === wanted)) return column;
  }
  return undefined;
}

/** Title of a column in an export. */
export function titleOf(column: string, language: 'zh' | 'en'): string {
  return language === 'zh' ? (chineseTitles[column]?.[0] ?? column) : column;
}

/** Columns that say where on its link an asset is, and how one of its points is found there. */
export interface ProtocolColumns {
  readonly address: ReadonlyMap<string, TSchema>;
  readonly point: ReadonlyMap<string, TSchema>;
}

/** What a protocol can be told in a list: the keys of its own schemas. A key that both have belongs to the point. */
export function protocolColumns({ assetAddressSchema, mapPointSchema }: Protocol): ProtocolColumns {
  const point = propertiesOf(mapPointSchema);
  const address = new Map([...propertiesOf(assetAddressSchema)].filter(([key]) => !point.has(key)));
  return { address, point };
}

function propertiesOf(schema: TSchema): Map<string, TSchema> {
  return new Map(Object.entries((schema as { properties?: Record<string, TSchema> }).properties ?? {}));
}

/** Every column that some protocol or the site file knows. */
export function knownColumns(protocols: Readonly<Record<string, Protocol>>): ReadonlySet<string> {
  const known = new Set<string>([...assetColumns, POINT_COLUMN]);
  for (const protocol of Object.values(protocols)) {
    const { address, point } = protocolColumns(protocol);
    for (const key of [...address.keys(), ...point.keys()]) known.add(key);
  }
  return known;
}
