/**
 * A stretch of time that a clock says has passed, and that nobody saw pass: a leap ahead, or a gateway that was away for
 * long. Epoch ms of site time: what was shown, and should have been shown, before it; what was shown after it.
 */
export interface Leap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How far a clock is believed where it says that records are old. */
export interface TimeTrust {
  /** The newest time that was seen, epoch ms of site time. */
  readonly seenMs: number;
  /** Unseen time that is still believed without asking, ms. */
  readonly slackMs: number;
  /** What is not believed, oldest first; none overlaps another. */
  readonly leaps: readonly Leap[];
}

/** Unseen time that is believed at once: a gateway that was off over the holidays. */
const MAX_SLACK_MS = 7 * 24 * 3_600_000;
/** Share of the time that was seen to pass by which the slack grows again: a clock that leaps each hour is not believed. */
const SLACK_SHARE = 0.25;
/** Leaps that are remembered; of more, those between which the least time was seen to pass become one. */
const MAX_LEAPS = 32;

/** The trust in a clock that showed `nowMs` when nothing was known of it. */
export function firstTrust(nowMs: number): TimeTrust {
  return { seenMs: nowMs, slackMs: MAX_SLACK_MS, leaps: [] };
}

/**
 * The trust in a clock that shows `nowMs`, after `ranMs` of site time by a clock that cannot leap. What it shows beyond
 * that is believed as far as there is slack, and otherwise is a leap.
 */
export function passTime({ seenMs, slackMs, leaps }: TimeTrust, nowMs: number, ranMs: number): TimeTrust {
  const slack = Math.min(MAX_SLACK_MS, slackMs + ranMs * SLACK_SHARE);
  const fromMs = seenMs + ranMs;
  const unseenMs = nowMs - fromMs;
  if (unseenMs <= slack) {
    return { seenMs: Math.max(seenMs, nowMs), slackMs: slack - Math.max(0, unseenMs), leaps };
  }
  return { seenMs: nowMs, slackMs: slack, leaps: joined([...leaps, { fromMs, toMs: nowMs }]) };
}

/** Time between two leaps that become one counts for nothing either: what is kept is kept for longer. */
function joined(leaps: readonly Leap[]): readonly Leap[] {
  if (leaps.length <= MAX_LEAPS) return leaps;
  const seenBefore = (no: number) => (leaps[no]?.fromMs ?? 0) - (leaps[no - 1]?.toMs ?? 0);
  let least = 1;
  for (let no = 2; no < leaps.length; no++) if (seenBefore(no) < seenBefore(least)) least = no;
  const [first, second] = [leaps[least - 1], leaps[least]];
  if (!first || !second) return leaps;
  return [...leaps.slice(0, least - 1), { fromMs: first.fromMs, toMs: second.toMs }, ...leaps.slice(least + 1)];
}

/**
 * The time from which records are kept where they are kept for `keptMs`, seen from a newest record of `newestMs` (epoch
 * ms): leaps make nothing older. What is removed for its age is what is before this, and nothing else.
 */
export function keptFromMs(leaps: readonly Leap[], newestMs: number, keptMs: number): number {
  let at = newestMs;
  let restMs = keptMs;
  for (const { fromMs, toMs } of leaps.toReversed()) {
    if (fromMs >= at) continue;
    const sinceMs = Math.max(0, at - toMs);
    if (sinceMs >= restMs) break;
    restMs -= sinceMs;
    at = fromMs;
  }
  return at - restMs;
}
