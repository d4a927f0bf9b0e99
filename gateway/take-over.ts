import type { PointKey, PointNumber } from '../model/point.ts';
import type { Site } from '../model/site.ts';
import type { Engine } from './engine/engine.ts';
import type { LiveValues } from './http/live-values.ts';
import type { Links } from './links/supervisor.ts';
import type { DurableLog } from './log/open-log.ts';
import type { PresentSite } from './present-site.ts';
import type { SiteChanges } from './reloads.ts';
import { assetChanges } from './site-changes.ts';

/** Real ms that links which were ended wait for the engine to know their new points. */
const ENGINE_WITHIN_MS = 10_000;

/** Everybody who has to know of another site; duty reads it from the engine. */
export interface TakeOverParts {
  readonly log: DurableLog;
  readonly engine: Engine;
  readonly links: Links;
  readonly live: LiveValues;
  readonly present: PresentSite;
}

/**
 * Makes `site` the present one. Its links run again once the log knows of it, so that no sample comes before the record
 * that explains it. Rejects, and all is as before, where the log does not take it.
 */
export async function takeOver(parts: TakeOverParts, site: Site, signal: AbortSignal): Promise<SiteChanges> {
  const { log, engine, present, live } = parts;
  const assets = assetChanges(present.site, site);
  const links = await parts.links.takeOver(site, async () => {
    const numbers = await numbersOf(site, log);
    const { logSeq } = await log.hand({ kind: 'site', site }).taken;
    // An engine that is far behind comes to the record before it comes to any sample of the links' new points.
    await engine.reachedWithin(logSeq, ENGINE_WITHIN_MS, signal);
    present.adopt(site, numbers);
    live.adopt(site, numbers);
    return numbers;
  });
  return { links, assets };
}

/** The log's number of every point of the site; a renamed asset's points keep theirs. */
export function numbersOf(site: Site, log: DurableLog): Promise<ReadonlyMap<PointKey, PointNumber>> {
  return log.numbersFor(
    site.assets.flatMap((asset) =>
      asset.points.map(({ key, point }) => ({
        key,
        ...(asset.formerly !== undefined && { formerly: `${asset.formerly}/${point}` }),
      })),
    ),
  );
}
