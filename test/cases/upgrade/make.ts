/**
 * Makes a case for `test/system/upgrade.test.ts`: the data folder of a site as the program writes it that this file is run
 * with, and what that program makes of it. Run once for a version that has left the house, before the first change of a
 * file's tables: `node test/cases/upgrade/make.ts NAME` writes the folder NAME beside this file.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { zstdCompressSync } from 'node:zlib';
import { acknowledgeKey } from '../../../gateway/acknowledge-key.ts';
import { rateViews } from '../../../gateway/engine/view.ts';
import { openHistory } from '../../../gateway/history/open-history.ts';
import { openHistoryForReading } from '../../../gateway/history/read-history.ts';
import { RecordedSite, siteOf, writeSite } from '../../support/recorded-site.ts';
import { START_MS } from '../../support/timeline.ts';
import { until } from '../../support/until.ts';

const HOUR_MS = 3_600_000;

const [name] = process.argv.slice(2);
if (name === undefined || !/^[\w.-]+$/.test(name)) throw new Error('give the name of the case');
const folder = join(import.meta.dirname, name);
const made = join(folder, 'made');
mkdirSync(made, { recursive: true });
const siteFile = writeSite(join(folder, 'site'));
writeFileSync(
  siteFile,
  `${readFileSync(siteFile, 'utf8').replace('tcp://127.0.0.1:1883', '${UPGRADE_BROKER}').trimEnd()}
people:
  - key: zhang
    name: { zh: 张三, en: Zhang San }
    upToPriority: 4
    channels:
      - { kind: webhook, url: "\${UPGRADE_PHONE}", secret: "\${UPGRADE_SECRET:-}" }
`,
);
process.env.UPGRADE_BROKER = 'tcp://127.0.0.1:1883';
process.env.UPGRADE_PHONE = 'http://127.0.0.1:9/none';

const site = siteOf(siteFile);
const recorded = new RecordedSite(made, site);
recorded.nowMs = START_MS;
acknowledgeKey(made);
await recorded.open();
// An hour with a fault of everything, so that it is over and moved to its chunks.
await recorded.pass(300);
recorded.closed = false;
await recorded.pass(120);
await recorded.acknowledgeOldest();
recorded.closed = true;
await recorded.pass(60);
await recorded.snapshot();
recorded.dark.add(1);
await recorded.pass(900);
recorded.dark.delete(1);
await recorded.pass(300);
// Killed and started again: what was unknown meanwhile stays in the ledger.
await recorded.drop();
recorded.nowMs += 90_000;
await recorded.open();
await recorded.pass(1500);
// What stands at the end: dark and taken, dark and not taken, not answering, a trip that is over and not taken.
recorded.dark.add(2);
await recorded.pass(60);
await recorded.acknowledgeOldest();
await recorded.acknowledgeOldest();
recorded.closed = false;
await recorded.pass(30);
recorded.closed = true;
await recorded.pass(60);
recorded.dark.add(3);
recorded.silent.add(4);
await recorded.pass(1140);
await recorded.settled();

const history = await keepHistory();
const { log, engine } = recorded;
const { db: stateDb } = recorded.stored;
const last = log.last;
const expected = {
  last,
  siteHash: site.hash,
  pointNumbers: Object.fromEntries(log.pointNumbers),
  activations: engine.openActivations(),
  rates: rateViews(engine.state, {}, last.logMs, last.logMs),
  outbox: stateDb.outboxCounts(),
  ledger: Object.fromEntries(site.assets.map(({ key }) => [key, stateDb.ledger(key, 0, 10_000)])),
  history,
};
if (recorded.errors.length > 0) throw new Error(recorded.errors.join('\n'));
await recorded.close();
for (const file of ['log/log.db', 'state.db', 'history/history.db', 'history/offset.json', 'acknowledge.key']) pack(file);
rmSync(made, { recursive: true });
writeFileSync(join(folder, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`);

/** Fills the embedded history from the log and the engine; gives what it then has of each point. */
async function keepHistory(): Promise<object> {
  const infos = new Map(
    site.assets.flatMap(({ key: asset, system, points }) =>
      points.map((point) => [recorded.log.pointNumbers.get(point.key), { ...point, asset, system }] as const),
    ),
  );
  const quiet = { info: () => undefined, warn: () => undefined };
  const kept = await openHistory({
    dataDir: made,
    influxUrl: undefined,
    log: recorded.log,
    points: (number) => {
      const info = infos.get(number);
      return info && { ...info, number };
    },
    changes: {
      after: (place, limit) => recorded.stored.db.changesAfter(place.logSeq, place.ordinal, limit),
      onChanged: () => () => undefined,
    },
    logger: quiet,
  });
  await until('history has caught up', 30_000, () => kept.facts().offset.logSeq === recorded.log.last.logSeq);
  await until('the changes are in history', 30_000, () => {
    const { change } = kept.facts().offset;
    return recorded.stored.db.changesAfter(change.logSeq, change.ordinal, 1).length === 0;
  });
  await kept.close();
  const stored = openHistoryForReading(made);
  if (stored === undefined) throw new Error('there is no history');
  const points: Record<string, { count: number; sum: number }> = {};
  for (const [key, number] of recorded.log.pointNumbers) {
    const total = { count: 0, sum: 0 };
    for (let fromMs = START_MS - HOUR_MS; fromMs <= recorded.nowMs; fromMs += HOUR_MS) {
      const columns = stored.samples([number], fromMs, fromMs + HOUR_MS).get(number);
      total.count += columns?.ms.length ?? 0;
      for (const value of columns?.value ?? []) if (!Number.isNaN(value)) total.sum += value;
    }
    points[key] = total;
  }
  stored.close();
  return points;
}

/** Brings a file to rest and compresses it into the case. */
function pack(file: string): void {
  const from = join(made, file);
  if (file.endsWith('.db')) {
    const database = new DatabaseSync(from);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
  }
  const to = join(folder, 'files', `${file}.zst`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, zstdCompressSync(readFileSync(from)));
}
