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
  readonly sinceMs: number;
  /** Why it is down or refused; null otherwise. */
  readonly reason: Text | null;
  /** When it is tried again; null while it is up or being tried, and where trying again cannot help. */
  readonly nextRetryMs: number | null;
}
