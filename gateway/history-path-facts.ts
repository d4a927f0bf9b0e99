import type { HistoryPathFacts } from './health/path-facts.ts';
import type { HistoryFacts } from './history/history-reader.ts';

/** What history tells of itself, in the words of the path. */
export function historyPathFacts(facts: HistoryFacts): HistoryPathFacts {
  const { behindMs, writtenSamples, writtenChanges, refused, lastError } = facts;
  return {
    behindMs,
    writtenSamples,
    writtenChanges,
    rejectedRows: refused,
    deadLetters: null,
    lostRecords: null,
    queuedBytes: null,
    lastError,
  };
}
