import type { HistoryPathFacts } from './health/path-facts.ts';
import type { HistoryFacts } from './history/history-reader.ts';

/** What history tells of itself, in the words of the path. */
export function historyPathFacts(facts: HistoryFacts): HistoryPathFacts {
  const { behindMs, writtenSamples, writtenChanges, refused, sent, lostRecords, lostChanges } = facts;
  const { waitingRecords, lastError } = facts;
  return {
    behindMs,
    writtenSamples,
    writtenChanges,
    rejectedRows: refused,
    deadLetters: sent?.deadLettered ?? null,
    lostRecords,
    lostChanges,
    waitingRecords,
    lastError,
  };
}
