import type { Priority } from './alarm.ts';
import type { PointKey, ValueKind } from './point.ts';
import type { RateGrouping, RateWindow } from './rate.ts';
import type { Text } from './text.ts';

/** A site as checked and resolved: templates expanded, profiles and maps merged in. Plain data, deeply frozen. */
export interface Site {
  readonly key: string;
  readonly name: Text;
  /** IANA zone, e.g. `Asia/Shanghai`. */
  readonly timeZone: string;
  /** Degrees, north and east positive. */
  readonly latitude: number;
  readonly longitude: number;
  readonly systems: readonly System[];
  readonly links: readonly Link[];
  readonly assets: readonly Asset[];
  /** The profiles that the assets use, by key. */
  readonly profiles: Readonly<Record<string, Profile>>;
  readonly people: readonly Person[];
  readonly planned: readonly PlannedWork[];
  readonly campaigns: readonly Campaign[];
  /** SHA-256 of the resolved text, hexadecimal. */
  readonly hash: string;
}

/** Planned work, registered beforehand in the site file: once, or again and again by a rule. */
export interface PlannedWork {
  readonly key: string;
  readonly name: Text;
  /** Keys of the assets it covers; their children are covered with them. */
  readonly assets: readonly string[];
  /** Local time of the site at which the first one starts, e.g. `2026-07-01T09:00`. */
  readonly start: string;
  readonly durationMs: number;
  /** RRULE of RFC 5545 without DTSTART, e.g. `FREQ=WEEKLY;BYDAY=TU`; once if absent. */
  readonly rule?: string;
}

/** A stretch of days in which something was promised, e.g. a rectification month with its acceptance at the end. */
export interface Campaign {
  readonly key: string;
  readonly name: Text;
  /** Site dates, both inclusive, e.g. `2026-06-01`. */
  readonly from: string;
  readonly to: string;
}

/** A trade of the estate (lift, CCTV …) with the rates that are promised for it. */
export interface System {
  readonly key: string;
  readonly name: Text;
  readonly rates: readonly RateDefinition[];
  /** All of it is fire equipment: nothing is ever written to it. */
  readonly fireSafety?: true;
}

/**
 * A promised rate. Without `good` and `due` it is taken from the asset's ledger (good = up, due = required); with them
 * each is an expression over an asset's points.
 */
export interface RateDefinition {
  readonly key: string;
  readonly name: Text;
  /** Only assets of this profile enter; all of the system's if absent. */
  readonly profile?: string;
  readonly window: RateWindow;
  /** Count assets at this instant (`live` only), or weigh by time. */
  readonly counted: boolean;
  /** Key of the campaign, for the window `campaign`. */
  readonly campaign?: string;
  /** 0 to 1; met at or above it. */
  readonly target: number;
  /** 0 to 1; below it the verdict is never `met`. */
  readonly coverageTarget?: number;
  readonly good?: string;
  readonly due?: string;
  /** Judge each group by itself; the figure is the worst group's. */
  readonly per?: RateGrouping;
  /** Whether somebody is called where its target is missed; see `isAlarmed` in `rules/` where absent. */
  readonly alarm?: boolean;
}

/** A connection to controllers. `settings` belongs to the protocol; secrets in it are still `${ENV}`. */
export interface Link {
  readonly key: string;
  readonly name: Text;
  readonly protocol: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Its devices go on only once what they have said is on disk, so that a disk that fails silences them. */
  readonly waitsForDisk?: true;
}

export interface Location {
  readonly building?: string;
  readonly floor?: string;
  readonly place?: string;
}

export interface Asset {
  readonly key: string;
  readonly name: Text;
  readonly profile: string;
  readonly system: string;
  readonly link: string;
  readonly parent?: string;
  readonly location: Location;
  readonly contractor?: string;
  /** A set of assets that is promised for together, by any name. */
  readonly group?: string;
  /** Last day of its warranty, a site date, e.g. `2027-03-31`. */
  readonly warrantyUntil?: string;
  /** Not handed over yet: pages nobody and enters no figure until all its points are signed off. */
  readonly commissioning?: boolean;
  /** Names of the points that the site file allows to be written. */
  readonly writable?: readonly string[];
  readonly points: readonly AssetPoint[];
  readonly formerly?: string;
}

/** One point of an asset: what the profile says it is, and where on the link it is found. */
export interface AssetPoint {
  readonly key: PointKey;
  /** Name within the asset, e.g. `pressure`. */
  readonly point: string;
  readonly name: Text;
  readonly kind: ValueKind;
  readonly unit?: string;
  /** Texts of an enumeration by value, of a bitset by bit number. */
  readonly states?: Readonly<Record<string, Text>>;
  /** Without a reply for this long, site time, the point is stale. */
  readonly staleAfterMs: number;
  /** History keeps a good value that repeats the one before only this often; every one if absent. */
  readonly heartbeatMs?: number;
  /** Belongs to the protocol; made by its `resolve`. */
  readonly address: unknown;
}

/** An equipment pack, as in `rules/profiles/KEY.yaml`. Expressions are CEL; see `rules/README.md`. */
export interface Profile {
  readonly key: string;
  readonly name: Text;
  readonly points: Readonly<Record<string, ProfilePoint>>;
  /** Fire equipment: it is observed, and nothing is ever written to it. */
  readonly fireSafety?: true;
  /** Why its points may stay silent for longer than three intervals of their link before they are stale. */
  readonly staleReason?: Text;
  /** True while the asset does what it is there for. */
  readonly up: string;
  /** True while the asset is required to; `true` if absent. */
  readonly required?: string;
  /** True while this asset's own state proves that none of its children can work (tripped feeder). */
  readonly childrenDead?: string;
  /** True while a test proves that it would work; for standby equipment. Up without that proof is unknown. */
  readonly proven?: string;
  readonly alarms: readonly AlarmDefinition[];
}

export interface ProfilePoint {
  readonly kind: ValueKind;
  readonly name: Text;
  readonly unit?: string;
  readonly states?: Readonly<Record<string, Text>>;
  readonly staleAfterMs: number;
  /** As in {@link AssetPoint}. */
  readonly heartbeatMs?: number;
  /** May be missing in a controller's map; expressions read it as unknown then. */
  readonly optional?: boolean;
}

export interface AlarmDefinition {
  readonly key: string;
  readonly priority: Priority;
  /** Condition; the built-in `data-lost` alarm has none: it stands while the asset's state is unknown. */
  readonly when?: string;
  /** A raised alarm returns only where this is true (deadband); where the condition is false, if absent. */
  readonly returnWhen?: string;
  readonly onDelayMs: number;
  readonly offDelayMs: number;
  /** Gone is not enough: it stays until it is acknowledged and reset. */
  readonly latching?: boolean;
  /** While this is true nobody is called, by design; the condition is followed all the same. */
  readonly suppressWhen?: string;
  /** While this is true the alarm is labelled as one of a test. */
  readonly testWhen?: string;
  /** A standing alarm is annunciated again after this time, acknowledged or not. */
  readonly reAlarmMs?: number;
  /**
   * While this stands, alarms of the asset's children are not created: it is their cause, and names them. `true` for
   * all of them, or the keys of those that it explains. Life-safety alarms (priority 1) are created all the same.
   */
  readonly causesChildren?: boolean | readonly string[];
  /** While this stands, these other alarms of the same asset are not created. */
  readonly masks?: readonly string[];
  readonly text: Text;
  readonly consequence: Text;
  readonly action: Text;
}

/** Someone who can be told. */
export interface Person {
  readonly key: string;
  readonly name: Text;
  /** Least urgent priority that is sent to this person. */
  readonly upToPriority: Priority;
  readonly channels: readonly { readonly kind: string; readonly settings: Readonly<Record<string, unknown>> }[];
}
