import type { TSchema } from 'typebox';
import type { CertificateEnds, Certificates } from './certificates.ts';
import type { Clock } from './clock.ts';
import type { PointKey, PointNumber, PointValue, ValueKind } from './point.ts';
import type { Commissioning } from './probe.ts';
import type { Batch } from './sample.ts';
import type { Text } from './text.ts';

/** What becomes of a batch that was handed on. Either may be left unheard. */
export interface Delivery {
  /**
   * The rules can see it, and the next one may come: it is on disk (`kept`), or the disk fails and it is in memory.
   * Rejects where neither can be.
   */
  readonly taken: Promise<{ readonly kept: boolean }>;
  /** It is on disk. Only then may the adapter acknowledge to its source. Rejects when it is not and will not be. */
  readonly kept: Promise<unknown>;
}

/** Hands samples on, in the order of the calls. */
export type Emit = (batch: Batch) => Delivery;

/** Holds one link to controllers. */
export interface Adapter extends Commissioning {
  /**
   * Connects, reads and emits until `signal` aborts, then closes everything and resolves. Calls `up` each time that
   * the link begins to answer. Rejects with {@link LinkLost} when the link is gone (the supervisor tries again, with a
   * new call of `run`) or {@link SetupRefused} when trying again cannot help. A fault of one point is a bad sample,
   * never a throw.
   */
  run(emit: Emit, signal: AbortSignal, up: () => void): Promise<void>;
  /**
   * Writes a value to a point that its map allows to be written, on the connection that `run` holds, and reads it back.
   * Whether anybody may is decided before. Rejects only for a mistake of the adapter; `signal` ends the waiting.
   */
  write?(point: PointKey, value: PointValue, signal: AbortSignal): Promise<WriteOutcome>;
}

/**
 * What became of a value that was to be written. `before` and `after` are what the point read then; null where that was
 * no value, or could not be read.
 */
export type WriteOutcome =
  /** It was taken: read back, raw, it is what was written. */
  | { readonly outcome: 'done'; readonly before: PointValue | null; readonly after: PointValue | null }
  /** Nothing was changed, and why: nothing was sent, or the device refused. */
  | { readonly outcome: 'refused'; readonly why: Text }
  /** It was sent, and what is there is something else, or not known. */
  | {
      readonly outcome: 'failed';
      readonly why: Text;
      readonly before: PointValue | null;
      readonly after: PointValue | null;
    };

/** The link is gone or could not be made; it is tried again with back-off. */
export class LinkLost extends Error {
  readonly reason: Text;
  constructor(reason: Text, options?: { cause?: unknown }) {
    super(reason.en, options);
    this.name = 'LinkLost';
    this.reason = reason;
  }
}

/** The link cannot work as it is set up; it waits for a change of the site file (or the slowest retry). */
export class SetupRefused extends Error {
  readonly reason: Text;
  constructor(reason: Text, options?: { cause?: unknown }) {
    super(reason.en, options);
    this.name = 'SetupRefused';
    this.reason = reason;
  }
}

/** A point that a link must read: what it is, its number, and where the adapter finds it. */
export interface LinkPoint<Address> {
  readonly number: PointNumber;
  readonly key: PointKey;
  readonly kind: ValueKind;
  /** Defined values of an enumeration; a value outside of them is bad with `unknown-enum`. */
  readonly states?: Readonly<Record<string, Text>>;
  readonly address: Address;
}

/**
 * What an adapter tells of its wire, for the link's facts and metrics. Cheap enough to be called for each request; a
 * protocol without requests (a broker that devices publish to) tells what it has.
 */
export interface Wire {
  /** A request was answered, with a value or with a refusal, `roundTripMs` of real time after it was sent. */
  answered(roundTripMs: number): void;
  /** A request was not answered in time. */
  timedOut(): void;
  /** An answer or a message was a refusal (an exception, a bad status) or none of the protocol's; why, for people. */
  failed(reason: Text): void;
  /** So many messages came that nobody asked for one by one: published by devices, or notified by a server. */
  heard(messages: number): void;
  /** The other side grants something else than was asked for, such as a slower publishing interval; null: it no longer does. */
  revised(what: Text | null): void;
  /** Which of several addresses of the other side is connected to; null where none is, or there is no choice. */
  using(address: string | null): void;
  /**
   * The device's clock is off by more than is borne, so that the gateway's time is used in place of its stamps; false: it
   * is right, which also holds while nothing is told.
   */
  clockOff(off: boolean): void;
  /** A poll was not done when the next of its group was due, which is left out: the interval is too short for what is read. */
  overran(): void;
  /** Until when the certificates are good that the link works with. */
  certified(ends: CertificateEnds): void;
}

/** All that an adapter needs to hold one link. `${ENV}` in `settings` has been replaced. */
export interface LinkPlan<Settings, Address> {
  readonly key: string;
  readonly settings: Settings;
  readonly points: readonly LinkPoint<Address>[];
  readonly clock: Clock;
  /** Changes of state, not events: a fixed message plus fields; never a secret. */
  readonly log: AdapterLog;
  readonly wire: Wire;
  /**
   * The protocol's folder in the data folder, for what must outlive the process (certificates); it need not exist yet.
   * Absent where nothing is kept, as in many tests.
   */
  readonly folder?: string;
}

export interface AdapterLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A mistake in a map, an address or the settings; `path` leads to it within what was given. */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly text: Text;
}

export type Resolved<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** An address as the files would have it: the asset's `address`, and the point of its map. */
export interface WrittenAddress {
  readonly address: Readonly<Record<string, unknown>>;
  readonly mapPoint: Readonly<Record<string, unknown>>;
}

/** Which asset a point's address is resolved for. */
export interface AddressContext {
  readonly asset: string;
  readonly point: string;
  readonly kind: ValueKind;
  /** Place of the asset among those that one entry of the site file expands to, from 0. */
  readonly index: number;
}

/**
 * One protocol, as its folder exports it to `adapters/registry.ts`. The schemas are those of the site file (`links[]`
 * besides `key`, `name`, `protocol`; `assets[].address`) and of `maps/*.yaml` (one point); the pure functions make a
 * point's address out of them and find what cannot be.
 */
export interface Protocol<Settings = unknown, Address = unknown, MapPoint = unknown, AssetAddress = unknown> {
  readonly key: string;
  /** Its devices may wait for an acknowledgement, which means "on disk", before they go on; see `Link.waitsForDisk`. */
  readonly waitsForDisk?: true;
  readonly settingsSchema: TSchema;
  readonly assetAddressSchema: TSchema;
  readonly mapPointSchema: TSchema;
  /**
   * The points that one entry of a map stands for, each with its name, where the protocol has such entries (arrays); an
   * entry is the one point of its own name if absent. What it gives has the form of {@link mapPointSchema}.
   */
  expand?(name: string, mapPoint: MapPoint): readonly (readonly [name: string, mapPoint: MapPoint])[];
  /** Makes the address of one point of one asset. */
  resolve(mapPoint: MapPoint, assetAddress: AssetAddress, context: AddressContext): Resolved<Address>;
  /** The inverse of `resolve`, for an asset by itself: `resolve` makes the same address of what this gives. */
  written(address: Address): WrittenAddress;
  /**
   * What is wrong among a link's points taken together, e.g. two points at one place. `path[0]` is the index in
   * `points` of the later one.
   */
  conflicts(points: readonly { readonly key: PointKey; readonly address: Address }[]): readonly Problem[];
  /**
   * Interval, ms of site time, at which a link with these settings hears of each of its points if all is well; undefined
   * where that is up to the devices. `${ENV}` in `settings` has been replaced.
   */
  expectedIntervalMs?(settings: Settings): number | undefined;
  /** The same of one point whose map gives it an interval of its own; undefined where it has the link's. */
  ownIntervalMs?(mapPoint: MapPoint): number | undefined;
  /**
   * What is wrong with settings that pass the schema, e.g. two that do not go together. `${ENV}` in `settings` has been
   * replaced, so that no text may repeat a value.
   */
  settingsProblems?(settings: Settings): readonly Problem[];
  create(plan: LinkPlan<Settings, Address>): Adapter;
  /** The certificates that the protocol keeps in its folder, {@link LinkPlan.folder}; absent where it keeps none. */
  certificates?(folder: string): Certificates;
  /** An address as people look for it on the wire and in manuals; as JSON if absent. */
  describe?(address: Address): string;
  /** What is to be known of an address before anything is written there; absent where the protocol does not write. */
  readonly writes?: {
    /** The map says that the controller takes a value here. */
    allowed(address: Address): boolean;
    /**
     * Names the controller, so that it has the same name on every link that leads to it: what is written to one of its
     * points is done to all of it. `${ENV}` in `settings` stands as it is written.
     */
    device(address: Address, settings: Settings): string;
  };
}
