/**
 * What the gateway finds of itself, as the `figures` of a `health` entry have it: flags are 0 or 1, counts are since the
 * start of the program. A figure that cannot be told is left out.
 */
export type HealthPoint =
  /** Entries of the log, or the engine's state, do not reach the disk. */
  | 'logFailing'
  | 'stateFailing'
  /** Bytes of entries that wait for the disk, and samples that never reached it. */
  | 'logWaitingBytes'
  | 'logLostSamples'
  /** History does not take what it is given now; minutes of log time that it is behind. */
  | 'historyFailing'
  | 'historyBehindMin'
  /** Rows that history refused for good, and records and changes that it never got: no longer kept. */
  | 'historyRejectedRows'
  | 'historyLostRecords'
  /** Of the data folder's disk. */
  | 'diskFreePercent'
  | 'diskFreeBytes'
  /** The machine's clock is behind what it showed before. */
  | 'clockUntrusted'
  /** The clock leapt ahead within the last day, or the gateway came back after long. */
  | 'clockLeapt'
  /** Damaged files that were set aside and lie in the data folder. */
  | 'damagedFiles'
  /** Certificates that links work with and that end within a month; those that have ended. 0 where there are none. */
  | 'certificatesExpiring'
  | 'certificatesExpired';

export type HealthFigures = Readonly<Partial<Record<HealthPoint, number>>>;
