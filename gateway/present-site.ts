import type { PointInfo, PointKey, PointNumber } from '../model/point.ts';
import type { Site } from '../model/site.ts';
import type { Text } from '../model/text.ts';

/** What stands in a site file about one asset's point, by what a sample carries and by what a person writes. */
interface Points {
  readonly byKey: ReadonlyMap<PointKey, PointInfo>;
  readonly byNumber: ReadonlyMap<PointNumber, PointInfo>;
  /** What the values of those points are called whose profile says so. */
  readonly statesByKey: ReadonlyMap<PointKey, Readonly<Record<string, Text>>>;
}

/** The site file that holds at present, for everybody who asks; only taking another one over changes it. */
export class PresentSite {
  #site: Site;
  #numbers: ReadonlyMap<PointKey, PointNumber>;
  #points: Points;
  #pointsBefore: ReadonlyMap<PointNumber, PointInfo> = new Map();

  constructor(site: Site, numbers: ReadonlyMap<PointKey, PointNumber>) {
    this.#site = site;
    this.#numbers = numbers;
    this.#points = pointsOf(site, numbers);
  }

  get site(): Site {
    return this.#site;
  }

  /** The log's number of every point of the site. */
  get numbers(): ReadonlyMap<PointKey, PointNumber> {
    return this.#numbers;
  }

  /** From here on this site holds. */
  adopt(site: Site, numbers: ReadonlyMap<PointKey, PointNumber>): void {
    this.#site = site;
    this.#numbers = numbers;
    this.#pointsBefore = this.#points.byNumber;
    this.#points = pointsOf(site, numbers);
  }

  /** The point that is called so. */
  point(key: PointKey): PointInfo | undefined {
    return this.#points.byKey.get(key);
  }

  /** What the values of the point that is called so are called; undefined where they have no names. */
  states(key: PointKey): Readonly<Record<string, Text>> | undefined {
    return this.#points.statesByKey.get(key);
  }

  /**
   * The point with this number, also one that only the site before had: history may be behind, and what came before the
   * change is still to be written.
   */
  pointOf(number: PointNumber): PointInfo | undefined {
    return this.#points.byNumber.get(number) ?? this.#pointsBefore.get(number);
  }
}

function pointsOf(site: Site, numbers: ReadonlyMap<PointKey, PointNumber>): Points {
  const byKey = new Map<PointKey, PointInfo>();
  const byNumber = new Map<PointNumber, PointInfo>();
  const statesByKey = new Map<PointKey, Readonly<Record<string, Text>>>();
  for (const asset of site.assets) {
    for (const { key, point, kind, unit, states, staleAfterMs, heartbeatMs } of asset.points) {
      const number = numbers.get(key);
      if (number === undefined) continue;
      const info = {
        number,
        key,
        asset: asset.key,
        point,
        system: asset.system,
        kind,
        staleAfterMs,
        ...(unit !== undefined && { unit }),
        ...(heartbeatMs !== undefined && { heartbeatMs }),
      };
      byKey.set(key, info);
      byNumber.set(number, info);
      if (states) statesByKey.set(key, states);
    }
  }
  return { byKey, byNumber, statesByKey };
}
