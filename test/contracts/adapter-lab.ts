import type { ValueKind } from '../../model/point.ts';
import type { ReasonKey } from '../../model/reason.ts';
import type { Text } from '../../model/text.ts';

/** A value as the device means it, in the point's own kind: bools as bools, enums and bitsets as unsigned integers. */
export type LabValue = number | boolean | string;

/** A point that the lab's device offers. */
export interface LabPoint {
  /** Short name, unique in the lab; the suite's point key is `lab/NAME`. */
  readonly name: string;
  readonly kind: ValueKind;
  readonly states?: Readonly<Record<string, Text>>;
  /** As in a register map; must pass the protocol's `mapPointSchema`. */
  readonly mapPoint: unknown;
  /** What the device holds when it starts, and another value that the suite sets. Doubles are compared to 1e-4. */
  readonly initial: LabValue;
  readonly changed: LabValue;
  /** Points with the same word share one message of the device, and with it their fate; alone if absent. */
  readonly together?: string;
}

/**
 * A real device or server of the protocol on loopback, in a state known to the suite. While it runs and is not silent,
 * every point is to be had anew at least each {@link LAB_REFRESH_MS} of real time, changed or not (a device that is not
 * polled publishes that often by itself; OPC UA may be left to notify on change only, see `notifiesOnChangeOnly`).
 */
export interface LabServer {
  /** Link settings with which the adapter reaches it; must pass the protocol's `settingsSchema`. */
  readonly settings: unknown;
  /** `LinkPlan.folder` of the links that reach it, where the protocol keeps something. */
  readonly folder?: string;
  set(name: string, value: LabValue): Promise<void>;
  /** From now on the device gives for this point something that is no value, by the protocol's own means. */
  rubbish(name: string): Promise<void>;
  /** Ends `rubbish` of the point; it has its former value again. */
  mend(name: string): Promise<void>;
  /** Connections stay open, but nothing is answered or published any more (a hung process, a cut cable). */
  silence(): Promise<void>;
  /** Answers again. */
  speak(): Promise<void>;
  /** Connections are torn down, and new ones refused, until `revive` on the same address. */
  kill(): Promise<void>;
  revive(): Promise<void>;
  /** What lies between adapter and device, to be spoilt; null where nothing can lie between them. */
  readonly wire: LabWire | null;
  /** Open connections of the adapter under test, as the other side sees them. */
  connections(): number;
  /** Ends everything, bounded; also after `kill`. */
  stop(): Promise<void>;
}

/** The wire between an adapter and its device. One fault at a time, each until `heal`. */
export interface LabWire {
  /** Whatever passes is late by so much, real ms. */
  delay(ms: number): void;
  /** What goes that way vanishes without a word; connections stay open. */
  swallow(way: 'to-device' | 'to-adapter'): void;
  /** Something else answers in the device's place: random bytes, the same for the same seed. */
  babble(seed: number): void;
  /** All is well again; connections on which something was wrong have ended. */
  heal(): void;
}

/** What the suite must know about one way of using one protocol. */
export interface Lab {
  /** E.g. `mosquitto, as a client`; shown in the names of the tests. */
  readonly name: string;
  /** As in `assets[].address`; must pass the protocol's `assetAddressSchema`. */
  readonly assetAddress: unknown;
  /** At least two that are not `together`. */
  readonly points: readonly LabPoint[];
  /** A place that the device does not have, and the reasons that may be given for it; none where it cannot be told. */
  readonly missing: {
    readonly kind: ValueKind;
    readonly mapPoint: unknown;
    readonly reasons: readonly ReasonKey[];
  } | null;
  /** The reasons that may be given for `rubbish`. */
  readonly rubbishReasons: readonly ReasonKey[];
  /** Map points that `resolve` must refuse, each for its own mistake; with the kind that it is tried as. */
  readonly impossible: readonly { readonly kind: ValueKind; readonly mapPoint: unknown; readonly why: string }[];
  /** Settings that `run` must refuse with SetupRefused, given the server's own; null where there are none. */
  refusedSettings(settings: unknown): unknown;
  /**
   * What a silent and what a killed device does to the link. `lost`: `run` rejects with LinkLost; `quiet`: nothing is
   * emitted, and that is right (staleness is judged elsewhere), e.g. for an embedded broker.
   */
  readonly whenSilent: 'lost' | 'quiet';
  readonly whenKilled: 'lost' | 'quiet';
  /** Bound, real ms, within which the adapter must have noticed either, with the lab's settings; below 10 s. */
  readonly noticedWithinMs: number;
  /**
   * Lateness of every answer, real ms, that the adapter must bear with the lab's settings, and one that is too much: it
   * is told like silence. Null where answers are not waited for.
   */
  readonly patientMs: number;
  readonly impatientMs: number | null;
  /** How many `emit` may be under way at once while none resolves. */
  readonly emitsInFlight: number;
  /** True where an unchanged value is not sent again. */
  readonly notifiesOnChangeOnly: boolean;
  /** Seconds of site time per second of the run's clock; 1 if absent. Faster where the adapter's patience is site time. */
  readonly clockRate?: number;
  /** Starts a fresh device on a free port of loopback, all points at `initial`. */
  start(): Promise<LabServer>;
}

/** See {@link LabServer}. */
export const LAB_REFRESH_MS = 250;
