import type { Wire } from '../../model/adapter.ts';
import type { Text } from '../../model/text.ts';

/** Counts what an adapter tells of its wire, from the start of the program on. */
export class WireCounts implements Wire {
  requests = 0;
  timeouts = 0;
  failures = 0;
  /** Of the newest answer, real ms; null before the first. */
  roundTripMs: number | null = null;
  lastFailure: Text | null = null;
  revision: Text | null = null;

  answered(roundTripMs: number): void {
    this.requests += 1;
    this.roundTripMs = roundTripMs;
  }

  timedOut(): void {
    this.requests += 1;
    this.timeouts += 1;
  }

  failed(reason: Text): void {
    this.failures += 1;
    this.lastFailure = reason;
  }

  revised(what: Text | null): void {
    this.revision = what;
  }
}
