import type { PointNumber } from '../../model/point.ts';
import type { Skipped } from './counted-home.ts';
import { type DeadLetter, DeadLetters } from './dead-letters.ts';
import { FieldNames, type FoundField, measurementOf } from './field-names.ts';
import { InfluxClient } from './influx-client.ts';
import { identify } from './influx-identity.ts';
import {
  INFLUX_WRITES_IN_FLIGHT,
  type InfluxNews,
  type InfluxReply,
  type InfluxRequest,
  type InfluxThreadData,
  type ToldPoint,
} from './influx-messages.ts';
import { InfluxPoster, RETRY_AFTER_MS } from './influx-post.ts';
import { foundFields, setUpDatabase, setUpDownsampling } from './influx-setup.ts';
import { faultText, type InfluxTarget } from './influx-target.ts';
import { InfluxWriter } from './influx-writer.ts';
import { encodeChanges, encodeSamples, headOf, type SeriesHead } from './line-protocol.ts';
import { LineWriter } from './lines.ts';

type WriteRequest = Exclude<InfluxRequest, { type: 'cancel' }>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
type WriteOutcome = WithoutId<InfluxReply>;
type Retry = Extract<WriteOutcome, { type: 'retry' }>;

/** Reasons that are told, each once. */
const MAX_TOLD = 50;
/** Bytes of lines that are kept to be written over, for each write at a time. */
const MAX_SPARE_BYTES = 8 * 1024 * 1024;
/** Real ms between two looks at the types that the database has. */
const FIELDS_EVERY_MS = 10_000;
/** Real ms between two looks at which database is there, where connections have been lost. */
const LOOK_AFTER_LOSS_MS = 5000;
const NOT_SET_UP = 'InfluxDB is not set up as it should be; samples are written all the same';
const NOT_TOLD_APART = 'InfluxDB does not say which database it is; one that comes back empty is not filled again';
const never = new AbortController().signal;

/** Everything between samples and InfluxDB, as it works in its thread. */
export class InfluxLine {
  readonly #target: InfluxTarget;
  readonly #rawDuration: string;
  readonly #client: InfluxClient;
  readonly #poster: InfluxPoster;
  readonly #writer: InfluxWriter;
  readonly #lookEveryMs: number;
  readonly #deadLetters: DeadLetters | undefined;
  readonly #tell: (news: InfluxNews) => void;
  readonly #names = new FieldNames();
  readonly #points = new Map<PointNumber, ToldPoint[1]>();
  #heads = new Map<PointNumber, SeriesHead>();
  readonly #spare: LineWriter[] = [];
  /** How often fields have got other names. */
  #renamings = 0;
  /** Resolves once the database is there; undefined where that must be looked at. */
  #ready: Promise<Retry | undefined> | undefined;
  /** Which database is there; undefined where the server does not say. */
  #identity: string | undefined;
  /** Looks at it, one after the other: two at a time might give it two identities. */
  #identifying: Promise<unknown> = Promise.resolve();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtConnections = 0;
  /** Measurements of samples that have been seen; as many as there are systems. */
  readonly #measurements = new Set<string>();
  /** Those that are downsampled, as far as the server does that. */
  readonly #downsampled = new Set<string>();
  #downsampling = false;
  #fieldsLookedAtMs = Number.NEGATIVE_INFINITY;
  /** Dead letters are written one hand-over after the other. */
  #buried: Promise<unknown> = Promise.resolve();
  readonly #told = new Set<string>();

  constructor({ target, rawDuration, deadLetterDir, lookEveryMs }: InfluxThreadData, tell: (news: InfluxNews) => void) {
    this.#target = target;
    this.#rawDuration = rawDuration;
    this.#client = new InfluxClient(target);
    this.#poster = new InfluxPoster(target);
    this.#writer = new InfluxWriter(this.#poster);
    this.#lookEveryMs = lookEveryMs;
    this.#deadLetters = deadLetterDir === undefined ? undefined : new DeadLetters(deadLetterDir);
    this.#tell = tell;
  }

  /** Writes what is asked for; rejects only where there is a bug. */
  async write(request: WriteRequest, signal: AbortSignal): Promise<WriteOutcome> {
    if (request.type === 'samples') this.#learnPoints(request.points);
    this.#ready ??= this.#setUp();
    const notReady = await this.#ready;
    if (notReady !== undefined) {
      this.#ready = undefined;
      return notReady;
    }
    const identity = this.#identity;
    void this.#lookAgain();
    void this.#downsample();
    const renamings = this.#renamings;
    const skipped: Skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
    const writer = this.#spare.pop() ?? new LineWriter();
    if (request.type === 'samples') encodeSamples(request.blocks, (number) => this.#head(number), skipped, writer);
    else encodeChanges(request.changes, this.#names, skipped, writer);
    const { lines } = writer;
    const rows = lines.ends.length;
    const written = await this.#writer.write(lines, signal);
    if (written.outcome === 'done' && written.isSent) this.#keep(writer);
    if (written.outcome !== 'done') {
      // The database may have been dropped, also where the server says something else for a while.
      this.#ready = undefined;
      const afterMs = written.outcome === 'retry' ? written.afterMs : RETRY_AFTER_MS;
      return { type: 'retry', reason: written.reason, afterMs };
    }
    const { deadLetters } = written;
    if (deadLetters.length > 0 && (await this.#learnFields(deadLetters, renamings, signal))) {
      return { type: 'retry', reason: deadLetters[0]?.reason ?? '', afterMs: 0 };
    }
    const deadLettered = await this.#bury(deadLetters);
    const rejected = deadLetters.length;
    const reason = deadLetters[0]?.reason ?? null;
    return { type: 'done', identity, rows: rows - rejected, rejected, deadLettered, reason, skipped };
  }

  /** For the next lines. What is still on its way, or was given up, belongs to its connection. */
  #keep(writer: LineWriter): void {
    if (this.#spare.length >= INFLUX_WRITES_IN_FLIGHT || writer.capacity > MAX_SPARE_BYTES) return;
    writer.clear();
    this.#spare.push(writer);
  }

  #learnPoints(points: readonly ToldPoint[]): void {
    for (const [number, point] of points) {
      this.#points.set(number, point);
      this.#heads.delete(number);
    }
    for (const [, point] of points) if (point !== undefined) this.#measurements.add(measurementOf(point.system));
  }

  #head(number: PointNumber): SeriesHead | undefined {
    const known = this.#heads.get(number);
    if (known !== undefined) return known;
    const point = this.#points.get(number);
    if (point === undefined) return undefined;
    const head = headOf(point, this.#names);
    this.#heads.set(number, head);
    return head;
  }

  /** Undefined once the database is there and its fields are known. */
  async #setUp(): Promise<Retry | undefined> {
    try {
      const faults = await setUpDatabase(this.#client, this.#target.database, this.#rawDuration, never);
      this.#tellOnce(NOT_SET_UP, faults);
      await this.#identify();
      this.#adoptFields(await foundFields(this.#client, never));
      this.#downsampled.clear();
      return undefined;
    } catch (error) {
      return { type: 'retry', reason: faultText(error, this.#target), afterMs: RETRY_AFTER_MS };
    }
  }

  /** Finds out which database is there; rejects where the server cannot be asked. */
  #identify(): Promise<void> {
    this.#lookedAtMs = performance.now();
    this.#lookedAtConnections = this.#poster.connections;
    const identified = this.#identifying.then(async () => {
      const { database, faults } = await identify(this.#client, this.#target, never);
      if (database === undefined) this.#tellOnce(NOT_TOLD_APART, faults);
      if (database === undefined || database.identity === this.#identity) return;
      this.#identity = database.identity;
      this.#tell({ type: 'database', database });
    });
    this.#identifying = identified.catch(() => undefined);
    return identified;
  }

  /**
   * A server that comes back with nothing, and its database made by somebody else at once, takes every write as before:
   * so it is looked at now and then, and soon where connections were new. No write waits for it.
   */
  async #lookAgain(): Promise<void> {
    const sinceMs = performance.now() - this.#lookedAtMs;
    const isNewWay = this.#poster.connections !== this.#lookedAtConnections;
    if (sinceMs < (isNewWay ? Math.min(LOOK_AFTER_LOSS_MS, this.#lookEveryMs) : this.#lookEveryMs)) return;
    const before = this.#identity;
    try {
      await this.#identify();
    } catch {
      // The server cannot be asked: writes find that out for themselves, and whoever sets up again looks again.
      return;
    }
    // Another database lacks what was set up in the one before.
    if (this.#identity !== before) this.#ready = undefined;
  }

  /** Sees that every measurement of samples is downsampled. No write waits for it; it is tried again with the next. */
  async #downsample(): Promise<void> {
    const missing = [...this.#measurements].filter((measurement) => !this.#downsampled.has(measurement));
    if (missing.length === 0 || this.#downsampling) return;
    this.#downsampling = true;
    try {
      for (const measurement of missing) {
        const faults = await setUpDownsampling(this.#client, this.#target.database, measurement, never);
        this.#tellOnce(NOT_SET_UP, faults);
        this.#downsampled.add(measurement);
      }
    } catch (error) {
      this.#tellOnce(NOT_SET_UP, [faultText(error, this.#target)]);
    } finally {
      this.#downsampling = false;
    }
  }

  /** Whether lines were refused because of a field's type, and would be called otherwise now. */
  async #learnFields(deadLetters: readonly DeadLetter[], renamings: number, signal: AbortSignal): Promise<boolean> {
    const nowMs = performance.now();
    if (!deadLetters.some(({ reason }) => /type conflict/.test(reason))) return false;
    // Another write that was under way at the same time has found out meanwhile.
    if (renamings !== this.#renamings) return true;
    if (nowMs - this.#fieldsLookedAtMs < FIELDS_EVERY_MS) return false;
    this.#fieldsLookedAtMs = nowMs;
    try {
      return this.#adoptFields(await foundFields(this.#client, signal));
    } catch {
      // The lines are refused for now; the next of their kind are asked about again.
      return false;
    }
  }

  #adoptFields(found: readonly FoundField[]): boolean {
    const fields = this.#names.learn(found);
    if (fields.length === 0) return false;
    this.#heads = new Map();
    this.#renamings++;
    this.#tell({ type: 'renamed', fields });
    return true;
  }

  /** Gives how many letters are on disk. */
  #bury(letters: readonly DeadLetter[]): Promise<number> {
    const deadLetters = this.#deadLetters;
    if (deadLetters === undefined || letters.length === 0) return Promise.resolve(0);
    const buried = this.#buried.then(async () => {
      try {
        await deadLetters.add(letters, Date.now());
        return letters.length;
      } catch (error) {
        this.#tellOnce('refused rows cannot be kept as dead letters', [faultText(error, this.#target)]);
        return 0;
      }
    });
    this.#buried = buried;
    return buried;
  }

  #tellOnce(message: string, reasons: readonly string[]): void {
    const key = (reason: string) => `${message}: ${reason}`;
    const news = reasons.filter((reason) => !this.#told.has(key(reason))).slice(0, MAX_TOLD - this.#told.size);
    if (news.length === 0) return;
    for (const reason of news) this.#told.add(key(reason));
    this.#tell({ type: 'told', message, reasons: news });
  }
}
