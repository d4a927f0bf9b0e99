// Draft of the lead, replaced when the homes are there.
import type { HistoryHome } from '../../model/history.ts';
export interface History {
  readonly home: HistoryHome;
  facts(): { behindMs: number; refused: number };
  close(): Promise<void>;
}
export async function openHistory(_options: unknown): Promise<History> {
  const home: HistoryHome = {
    writeSamples: async () => ({ outcome: 'done' }),
    writeChanges: async () => ({ outcome: 'done' }),
    series: async () => {
      throw new Error('none');
    },
    close: async () => undefined,
  };
  return { home, facts: () => ({ behindMs: 0, refused: 0 }), close: async () => undefined };
}
