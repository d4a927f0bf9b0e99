import type { CertificateEnds } from '../../model/certificates.ts';
import type { Text } from '../../model/text.ts';

/**
 * `connecting`: tried for the first time. `up`: it answers. `down`: lost or not to be had; tried again. `refused`: its
 * set-up cannot work.
 */
export type LinkState = 'connecting' | 'up' | 'down' | 'refused';

/** What is known of a link now. Times are epoch ms of site time. */
export interface LinkFacts {
  readonly key: string;
  readonly name: Text;
  readonly protocol: string;
  readonly state: LinkState;
  /** Since when it is in this state: while it is up, connected since then. */
  readonly sinceMs: number;
  /** Why it is down or refused; null otherwise. */
  readonly reason: Text | null;
  /** When it is tried again; null while it is up or being tried, and where trying again cannot help. */
  readonly nextRetryMs: number | null;
  /** How often it came up again after it had been up before. */
  readonly reconnects: number;
  /** What went wrong last, on its wire or with the link as a whole, also where that is over; null where nothing did. */
  readonly lastError: LinkError | null;
  readonly wire: WireFacts;
}

export interface LinkError {
  readonly text: Text;
  readonly atMs: number;
}

/** What passed over a link's wire, as far as its adapter tells; counts since the link was started. */
export interface WireFacts {
  /** Requests of ours, answered or not. */
  readonly requests: number;
  /** Messages that came unasked. */
  readonly messages: number;
  /** Requests that were not answered in time. */
  readonly timeouts: number;
  /** Answers and messages that were refusals, or could not be read. */
  readonly failures: number;
  /** Polls that were not done when the next was due. */
  readonly overruns: number;
  /** Time-outs and failures among requests and messages of the last five minutes, 0 to 1; null where there were none. */
  readonly errorRatio: number | null;
  /** Real ms, of the newest answers, at most 256 and five minutes old; null where there is none. */
  readonly roundTripMs: { readonly last: number; readonly median: number; readonly p95: number } | null;
  /** What the other side grants instead of what was asked for; null where all is as wished. */
  readonly revision: Text | null;
  /** Which of several addresses of the other side is connected to; null where none is, or there is no choice. */
  readonly address: string | null;
  /** Until when the certificates are good that the link works with; null where it works with none. */
  readonly certificates: CertificateEnds | null;
}
