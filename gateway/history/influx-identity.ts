import { randomUUID } from 'node:crypto';
import { escape as influxEscape } from 'influx';
import type { FoundDatabase } from './counted-home.ts';
import { changeFields } from './field-names.ts';
import type { InfluxClient } from './influx-client.ts';
import { InfluxPoster } from './influx-post.ts';
import { allowed, columnOf, type SetUpFault } from './influx-setup.ts';
import type { InfluxTarget } from './influx-target.ts';

/** Where a database says which one it is: one row at the epoch, in a policy of its own that keeps for ever. */
export const ABOUT_POLICY = 'lamplighter_about';
/** No system can be called so: the colon is in no key. */
export const ABOUT_MEASUREMENT = 'lamplighter:about';
/** How `SHOW RETENTION POLICIES` has "for ever". */
const FOR_EVER = '0s';
/** Policies that are searched; a database has a handful. */
const MAX_POLICIES = 10;

/** Which database it is; absent where the server does not say, which `faults` have then. */
export interface Identified {
  readonly database?: FoundDatabase;
  readonly faults: readonly SetUpFault[];
}

/**
 * Which database there is at the address: the random identity that is in it, or a new one, which is written, where it
 * has none. So one that comes back with nothing is another one than before. The database is there; rejects where the
 * server cannot be asked, or does not know us.
 */
export async function identify(client: InfluxClient, target: InfluxTarget, signal: AbortSignal): Promise<Identified> {
  const faults: SetUpFault[] = [];
  const [policy, ...others] = await keepingPolicies(client, target.database, faults, signal);
  if (policy === undefined) return { faults };
  for (const place of [policy, ...others]) {
    const identity = await identityIn(client, target.database, place, faults, signal);
    if (identity !== undefined) return { database: { identity, hadRows: false }, faults };
  }
  // A user who may not read would be given a new identity each time, and everything would be written again each time.
  if (faults.some((fault) => fault.startsWith(NOT_READABLE))) return { faults };
  const hadRows = await hasRows(client, target.database, signal);
  const refused = await write(target, policy, randomUUID(), signal);
  if (refused !== undefined) return { faults: [...faults, refused] };
  // Whoever else writes there at the same moment finds the same row.
  const identity = await identityIn(client, target.database, policy, faults, signal);
  if (identity === undefined) return { faults: [...faults, `${NOT_READABLE}: it is not there once it is written`] };
  return { database: { identity, hadRows }, faults };
}

const NOT_READABLE = 'the identity of the database cannot be read';

/** Policies that keep for ever, ours first; ours is made where it is missing. Empty where there is none. */
async function keepingPolicies(
  client: InfluxClient,
  database: string,
  faults: SetUpFault[],
  signal: AbortSignal,
): Promise<string[]> {
  const name = influxEscape.quoted(database);
  const show = `SHOW RETENTION POLICIES ON ${name}`;
  const found = await allowed(client.seriesOf({ query: show, signal }), faults);
  if (found === undefined) return [];
  const durations = columnOf(found, 'duration');
  const present = columnOf(found, 'name');
  const keeping = present.filter((policy, row) => policy !== ABOUT_POLICY && durations[row] === FOR_EVER);
  if (!present.includes(ABOUT_POLICY)) {
    const make = `CREATE RETENTION POLICY ${influxEscape.quoted(ABOUT_POLICY)} ON ${name} DURATION INF REPLICATION 1`;
    const made = await allowed(client.seriesOf({ query: make, method: 'POST', signal }), faults);
    if (made === undefined) return keeping.slice(0, MAX_POLICIES);
  }
  return [ABOUT_POLICY, ...keeping].slice(0, MAX_POLICIES);
}

async function identityIn(
  client: InfluxClient,
  database: string,
  policy: string,
  faults: SetUpFault[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const from = [database, policy, ABOUT_MEASUREMENT].map((name) => influxEscape.quoted(name)).join('.');
  const refusals: SetUpFault[] = [];
  const found = await allowed(client.seriesOf({ query: `SELECT "identity" FROM ${from}`, signal }), refusals);
  faults.push(...refusals.map((refusal) => `${NOT_READABLE}: ${refusal}`));
  return found && columnOf(found, 'identity')[0];
}

/** Whether changes of ours are in it, which every site has. */
async function hasRows(client: InfluxClient, database: string, signal: AbortSignal): Promise<boolean> {
  const ours = Object.keys(changeFields).join('|');
  const on = influxEscape.quoted(database);
  const query = `SHOW MEASUREMENTS ON ${on} WITH MEASUREMENT =~ /^(${ours})$/ LIMIT 1`;
  // Where it does not say, writing everything again does no harm.
  return ((await allowed(client.seriesOf({ query, signal }), [])) ?? []).length > 0;
}

/** Gives why the server never will take it, undefined once it has; rejects where it may later. */
async function write(
  target: InfluxTarget,
  policy: string,
  identity: string,
  signal: AbortSignal,
): Promise<SetUpFault | undefined> {
  const poster = new InfluxPoster(target, policy);
  try {
    const answer = await poster.post(Buffer.from(`${ABOUT_MEASUREMENT} identity="${identity}" 0`), signal);
    if (answer.kind === 'retry') throw new Error(answer.reason);
    return answer.kind === 'done' ? undefined : answer.reason;
  } finally {
    poster.close();
  }
}
