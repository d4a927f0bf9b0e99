import type { HistoryPathFacts } from './health/path-facts.ts';
import type { HistoryFacts } from './history/history-reader.ts';

/** What history tells of itself, in the words of the path; `lastLogSeq` is the newest record of the log. */
export function historyPathFacts(facts: HistoryFacts, lastLogSeq: number): HistoryPathFacts {
  const { behindMs, offset, writtenSamples, writtenChanges, refused, lastError } = facts;
  return {
    behindMs,
    writtenSamples,
    writtenChanges,
    rejectedRows: refused,
    deadLetters: null,
    lostRecords: null,
    waitingRecords: Math.max(0, lastLogSeq - offset.logSeq),
    lastError,
  };
}
