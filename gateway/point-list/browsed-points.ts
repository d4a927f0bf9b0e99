import type { ValueKind } from '../../model/point.ts';
import type { ScanEvent, Shown } from '../../model/probe.ts';
import type { Text } from '../../model/text.ts';

/** A point that a link's controllers offer, as an adapter's scan with the option `points` tells of it. */
export interface BrowsedPoint {
  /** Key and name that its asset could have. */
  readonly asset: string;
  readonly assetName: string;
  /** What the asset's `address` would have. */
  readonly address: Readonly<Record<string, unknown>>;
  readonly point: string;
  readonly pointName: string;
  readonly kind: ValueKind;
  /** Empty where the controller says nothing of it; so are the bounds. */
  readonly engineeringUnit: string;
  readonly low: string;
  readonly high: string;
  /** Texts by value of an enumeration, by bit of a bitset. */
  readonly states: Readonly<Record<string, string>>;
  /** What a map would have. */
  readonly mapPoint: Readonly<Record<string, unknown>>;
  readonly value: string;
}

/** Key of the table in which an adapter tells of points. */
const BROWSED_TABLE = 'points';

/** Takes what a scan tells, and gives the points of it; assets stay together, in the order in which they were met. */
export class BrowsedPoints {
  readonly #byAsset = new Map<string, BrowsedPoint[]>();
  readonly #harmless: (text: string) => string;
  #columns: readonly string[] | undefined;

  /** @param harmless makes of what a controller sends what a terminal or a workbook shows and does not obey */
  constructor(harmless: (text: string) => string) {
    this.#harmless = harmless;
  }

  take(event: ScanEvent): void {
    if (event.kind === 'table' && event.table.key === BROWSED_TABLE) {
      this.#columns = event.table.columns.map(({ key }) => key);
    }
    if (event.kind !== 'row' || event.table !== BROWSED_TABLE || this.#columns === undefined) return;
    const point = pointOf(this.#columns, event.cells, this.#harmless);
    const own = this.#byAsset.get(point.asset);
    if (own === undefined) this.#byAsset.set(point.asset, [point]);
    else own.push(point);
  }

  get points(): readonly BrowsedPoint[] {
    return [...this.#byAsset.values()].flat();
  }
}

function pointOf(
  columns: readonly string[],
  cells: readonly Shown[],
  harmless: (text: string) => string,
): BrowsedPoint {
  const cell = (key: string) => {
    const shown: string | Text = cells[columns.indexOf(key)] ?? '';
    return typeof shown === 'string' ? shown : shown.en;
  };
  const told = (key: string) => harmless(cell(key));
  const group = <T>(key: string) => JSON.parse(cell(key) || '{}') as Readonly<Record<string, T>>;
  return {
    asset: cell('asset'),
    assetName: told('assetName'),
    address: group('address'),
    point: cell('point'),
    pointName: told('pointName'),
    kind: cell('kind') as ValueKind,
    engineeringUnit: told('engineeringUnit'),
    low: cell('low'),
    high: cell('high'),
    states: Object.fromEntries(Object.entries(group<string>('states')).map(([value, text]) => [value, harmless(text)])),
    mapPoint: group('mapPoint'),
    value: told('value'),
  };
}
