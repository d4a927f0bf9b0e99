import { escape as influxEscape } from 'influx';
import type { FoundField } from './field-names.ts';
import { type InfluxClient, InfluxRefusal, type InfluxSeries } from './influx-client.ts';

/** Default policy of a database that is made by us; in one that is there already its own stays what it is. */
const RAW_POLICY = 'lamplighter_raw';

/** How long a site keeps samples as they came: 13 months, and the days that a shard may need until it is dropped. */
export const RAW_DURATION = '400d';

/** What samples become, and how long it is kept. */
export interface Downsampling {
  /** Name of the retention policy, and of its continuous queries' beginning. */
  readonly name: string;
  readonly duration: string;
  readonly every: string;
  /** How often InfluxDB works the figures out, and how far back: what comes later than that is not in them. */
  readonly resample: string;
}

export const downsamplings: readonly Downsampling[] = [
  { name: 'lamplighter_1m', duration: '1100d', every: '1m', resample: 'RESAMPLE EVERY 5m FOR 15m' },
  { name: 'lamplighter_1h', duration: '3660d', every: '1h', resample: 'RESAMPLE EVERY 1h FOR 3h' },
];

/** What could not be set up, and why; the others are. */
export type SetUpFault = string;

/**
 * Makes the database, where samples live for `rawDuration`, and what is missing in it; what is there is left as it is, since somebody may have changed it. Gives
 * what the server does not do (2.x and 3 know neither policies nor continuous queries; a user may lack the rights):
 * samples can be written all the same. Rejects where the server cannot be asked, or does not know us.
 */
export async function setUpDatabase(
  client: InfluxClient,
  database: string,
  rawDuration: string,
  signal: AbortSignal,
): Promise<readonly SetUpFault[]> {
  const name = influxEscape.quoted(database);
  const faults: SetUpFault[] = [];
  const show = `SHOW RETENTION POLICIES ON ${name}`;
  let policies = await allowed(client.seriesOf({ query: show, signal }), faults);
  if (policies === undefined) {
    // Either it is not there, or the question is not allowed; making it again does no harm.
    faults.length = 0;
    const policy = influxEscape.quoted(RAW_POLICY);
    const make = `CREATE DATABASE ${name} WITH DURATION ${rawDuration} REPLICATION 1 NAME ${policy}`;
    await allowed(client.seriesOf({ query: make, method: 'POST', signal }), faults);
    policies = await allowed(client.seriesOf({ query: show, signal }), faults);
  }
  if (policies === undefined) return faults;
  const present = new Set(columnOf(policies, 'name'));
  for (const { name: policy, duration } of downsamplings) {
    if (present.has(policy)) continue;
    const make = `CREATE RETENTION POLICY ${influxEscape.quoted(policy)} ON ${name} DURATION ${duration} REPLICATION 1`;
    await allowed(client.seriesOf({ query: make, method: 'POST', signal }), faults);
  }
  return faults;
}

/** Makes the continuous queries of one measurement that are missing. Gives and rejects as {@link setUpDatabase}. */
export async function setUpDownsampling(
  client: InfluxClient,
  database: string,
  measurement: string,
  signal: AbortSignal,
): Promise<readonly SetUpFault[]> {
  const faults: SetUpFault[] = [];
  const found = await allowed(client.seriesOf({ query: 'SHOW CONTINUOUS QUERIES', signal }), faults);
  if (found === undefined) return faults;
  const present = new Set(
    columnOf(
      found.filter(({ name }) => name === database),
      'name',
    ),
  );
  for (const query of downsamplingQueries(database, measurement)) {
    if (present.has(query.name)) continue;
    const name = influxEscape.quoted(query.name);
    const make = `CREATE CONTINUOUS QUERY ${name} ON ${influxEscape.quoted(database)} ${query.resample} BEGIN ${query.select} END`;
    await allowed(client.seriesOf({ query: make, method: 'POST', signal }), faults);
  }
  return faults;
}

/** Fields of the downsampled rows: `value_mean` and the like; of booleans how many there were, and how many were true. */
const figures = [
  ...['value', 'state'].flatMap((field) =>
    ['count', 'min', 'max', 'mean', 'last'].map((figure) => `${figure}("${field}") AS "${field}_${figure}"`),
  ),
  'count("on") AS "on_count", last("on") AS "on_last"',
].join(', ');

function downsamplingQueries(
  database: string,
  measurement: string,
): { readonly name: string; readonly resample: string; readonly select: string }[] {
  const from = influxEscape.quoted(measurement);
  return downsamplings.flatMap(({ name, every, resample }) => {
    const into = `INTO ${influxEscape.quoted(database)}.${influxEscape.quoted(name)}.${from}`;
    const rest = `FROM ${from} WHERE "quality" = 0`;
    const group = `GROUP BY time(${every}), "asset", "point"`;
    return [
      { name: `${name}_${measurement}`, resample, select: `SELECT ${figures} ${into} ${rest} ${group}` },
      {
        name: `${name}_${measurement}_true`,
        resample,
        select: `SELECT count("on") AS "on_true" ${into} ${rest} AND "on" = true ${group}`,
      },
    ];
  });
}

/** Which fields the database has, with their types; empty where the server does not say. */
export async function foundFields(client: InfluxClient, signal: AbortSignal): Promise<readonly FoundField[]> {
  const series = await allowed(client.seriesOf({ query: 'SHOW FIELD KEYS', signal }), []);
  return (series ?? []).flatMap(({ name, values }) =>
    values.map(([field, type]) => ({ measurement: name, field: String(field), type: String(type) })),
  );
}

/** Undefined where the server refuses, with its words in `faults`; that it does not know us is no such refusal. */
export async function allowed<T>(asked: Promise<T>, faults: SetUpFault[]): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof InfluxRefusal) || error.status === 401) throw error;
    faults.push(error.message);
    return undefined;
  }
}

/** What stands in a column, row by row. */
export function columnOf(series: readonly InfluxSeries[], column: string): string[] {
  return series.flatMap(({ columns, values }) => values.map((row) => String(row[columns.indexOf(column)])));
}
