import type { CertificateEnds } from '../../model/certificates.ts';
import type { HealthFigures } from '../../model/gateway-health.ts';
import type { Leap } from '../../model/leaps.ts';
import type { LogFacts } from '../../model/log.ts';
import type { Text } from '../../model/text.ts';

/** How history does. Counts are since the start of the program; null where the home does not count that. */
export interface HistoryPathFacts {
  /** Log time that it is behind, ms. */
  readonly behindMs: number;
  readonly writtenSamples: number;
  readonly writtenChanges: number;
  /** Samples and changes that were refused for good, or are in batches of which something was. */
  readonly rejectedRows: number;
  /** Rows that were written to the file of dead letters. */
  readonly deadLetters: number | null;
  /** Records that it never got because the log no longer had them. */
  readonly lostRecords: number;
  /** Changes of ledger, alarms and rates at most that it never got because they were no longer kept. */
  readonly lostChanges: number;
  /** Records of the log that are not written yet. */
  readonly waitingRecords: number;
  /** Why the last try failed; null once one has gone through. */
  readonly lastError: Text | null;
}

/** Room on the disk of the data folder, bytes that this program may use. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** The path from a sample to a chart, as its parts tell of it. */
export interface PathFacts {
  readonly log: LogFacts;
  /** The engine's state does not reach the disk. */
  readonly stateFailing: boolean;
  readonly history: HistoryPathFacts;
  /** Null while the disk has not answered. */
  readonly disk: DiskSpace | null;
  /** Names of damaged files that were set aside, within the data folder; null while the disk has not answered. */
  readonly damagedFiles: readonly string[] | null;
  /** By how much the machine's clock is behind what it showed before, ms; 0 where it can be trusted. */
  readonly clockBehindMs: number;
  /** The newest leap of the clock, as long as it is not a day old; null for none. */
  readonly clockLeap: Leap | null;
  readonly certificates: CertificateCounts;
}

/** Of the certificates that links work with. */
export interface CertificateCounts {
  /** That end within {@link EXPIRES_SOON_MS}. */
  readonly expiring: number;
  readonly expired: number;
}

/** So long before the end of a certificate somebody is told. */
export const EXPIRES_SOON_MS = 30 * 24 * 3_600_000;

/** Counts certificates by how near their end is; the gateway's own counts once, however many links it serves. */
export function countCertificates(
  links: readonly { readonly wire: { readonly certificates: CertificateEnds | null } }[],
  nowMs: number,
): CertificateCounts {
  const own = new Set(links.map(({ wire }) => wire.certificates?.ownUntilMs));
  const ofLinks = links.flatMap(({ wire }) => [wire.certificates?.serverUntilMs, wire.certificates?.userUntilMs]);
  const ends = [...own, ...ofLinks].flatMap((ms) => ms ?? []);
  return {
    expiring: ends.filter((ms) => ms > nowMs && ms <= nowMs + EXPIRES_SOON_MS).length,
    expired: ends.filter((ms) => ms <= nowMs).length,
  };
}

const MINUTE_MS = 60_000;

/** What of the facts the rules look at, as a `health` entry has it. What nobody can tell is left out. */
export function healthFigures({
  log,
  stateFailing,
  history,
  disk,
  damagedFiles,
  clockBehindMs,
  clockLeap,
  certificates,
}: PathFacts): HealthFigures {
  return {
    logFailing: log.failing === null ? 0 : 1,
    stateFailing: stateFailing ? 1 : 0,
    logWaitingBytes: log.waitingBytes,
    logLostSamples: log.lostSamples,
    historyFailing: history.lastError === null ? 0 : 1,
    historyBehindMin: history.behindMs / MINUTE_MS,
    historyRejectedRows: history.rejectedRows,
    historyLostRecords: history.lostRecords + history.lostChanges,
    ...(disk && { diskFreeBytes: disk.freeBytes, diskFreePercent: percentFree(disk) }),
    clockUntrusted: clockBehindMs > 0 ? 1 : 0,
    clockLeapt: clockLeap === null ? 0 : 1,
    certificatesExpiring: certificates.expiring,
    certificatesExpired: certificates.expired,
    ...(damagedFiles && { damagedFiles: damagedFiles.length }),
  };
}

/** A file system that says it has no size (some virtual ones do) is not full. */
function percentFree({ freeBytes, sizeBytes }: DiskSpace): number {
  return sizeBytes > 0 ? (freeBytes / sizeBytes) * 100 : 100;
}
