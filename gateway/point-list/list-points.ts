import type { Protocol } from '../../model/adapter.ts';
import type { Asset, Site } from '../../model/site.ts';
import { toCell } from './cell-value.ts';
import { assetColumns, POINT_COLUMN, protocolColumns, titleOf } from './columns.ts';
import type { CellValue } from './sheets.ts';

/** A list of points as a table; the first row has the titles. */
export interface PointTable {
  /** Key of the protocol whose points these are, or `points` where it has those of all. */
  readonly name: string;
  readonly rows: readonly (readonly CellValue[])[];
}

/** Which points are listed, and how. */
export interface PointListing {
  readonly wanted: (key: string) => boolean;
  /** A table for each protocol, or one for all of them. */
  readonly apart: boolean;
  readonly language: 'zh' | 'en';
}

/**
 * The points of a site as lists, a row for each point, in a form that an import reads again to the same points. Addresses
 * are those on the wire: offsets and strides of the site file are worked in.
 */
export function listPoints(
  site: Site,
  protocols: Readonly<Record<string, Protocol>>,
  { wanted, apart, language }: PointListing,
): readonly PointTable[] {
  const protocolOfLink = new Map(site.links.map((link) => [link.key, protocols[link.protocol]]));
  const rowsOf = new Map<string, Map<string, CellValue>[]>();
  const used = new Set<Protocol>();
  for (const asset of site.assets) {
    const protocol = protocolOfLink.get(asset.link);
    if (protocol === undefined) continue;
    used.add(protocol);
    const name = apart ? protocol.key : 'points';
    const rows = rowsOf.get(name) ?? [];
    rowsOf.set(name, rows);
    for (const { key, point, address } of asset.points) {
      if (wanted(key)) rows.push(rowOf(asset, point, protocol.written(address)));
    }
  }
  const all = columnsOf([...used]);
  return [...rowsOf].flatMap(([name, rows]) => {
    // A column that no row has a value in would only be in the way.
    const columns = all.filter((column) => rows.some((row) => (row.get(column) ?? null) !== null));
    const titles = columns.map((column) => titleOf(column, language));
    const cells = rows.map((row) => columns.map((column) => row.get(column) ?? null));
    return rows.length === 0 ? [] : [{ name, rows: [titles, ...cells] }];
  });
}

/** Columns of lists with points of these protocols, each once: the asset, its address, the point and where it is found. */
function columnsOf(used: readonly Protocol[]): readonly string[] {
  const columns = used.map(protocolColumns);
  const addresses = columns.flatMap(({ address }) => [...address.keys()]);
  const points = columns.flatMap(({ point }) => [...point.keys()]);
  return [...new Set([...assetColumns, ...addresses, POINT_COLUMN, ...points])];
}

function rowOf(asset: Asset, point: string, written: ReturnType<Protocol['written']>): Map<string, CellValue> {
  const { key, name, profile, system, link, parent, location, contractor, group, warrantyUntil, commissioning } = asset;
  const cells = {
    asset: key,
    name_zh: name.zh,
    name_en: name.en,
    profile,
    system,
    link,
    parent,
    ...location,
    contractor,
    group,
    warrantyUntil,
    commissioning: commissioning === true ? true : undefined,
    [POINT_COLUMN]: point,
    ...written.address,
    ...written.mapPoint,
  };
  return new Map(Object.entries(cells).map(([column, value]) => [column, toCell(value)]));
}
