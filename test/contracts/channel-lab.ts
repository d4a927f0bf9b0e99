import type { Channel } from '../../model/channel.ts';

/** What the channel contract needs of a channel: a receiver that can be made to fail, and what it has taken. */
export interface ChannelLab {
  channel(): Channel;
  /** The same with a secret that the receiver does not take. */
  lockedOut(): Channel;
  /** Ids of the notices that the receiver has taken, doubles dropped. */
  received(): Promise<readonly string[]>;
  /** `busy`: answers that it cannot now. `hidden-error`: says 200, and in the body that it failed. */
  behave(how: 'well' | 'busy' | 'hidden-error' | 'hang'): Promise<void>;
  /** The receiver is gone from the network. */
  stop(): Promise<void>;
}
