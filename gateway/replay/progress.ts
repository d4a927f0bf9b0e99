/** Real ms between two lines, and between two looks at a line that is written over on a terminal. */
const LINE_EVERY_MS = 10_000;
const REWRITE_EVERY_MS = 250;

/** Where progress is written. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface Progress {
  /** So many records are done, the last of this time. */
  at(records: number, logMs: number): void;
  /** Takes the line away from a terminal. */
  end(): void;
}

export interface ProgressOptions {
  readonly stream: ProgressStream;
  readonly language: 'zh' | 'en';
  readonly formatMs: (ms: number) => string;
  /** Time at which all is done, epoch ms. */
  readonly toMs: number;
  /** Real monotonic ms. */
  readonly now: () => number;
}

/** Tells how far a replay is: on a terminal in one line that is written over, else in a line per 10 s. */
export function startProgress({ stream, language, formatMs, toMs, now }: ProgressOptions): Progress {
  const everyMs = stream.isTTY ? REWRITE_EVERY_MS : LINE_EVERY_MS;
  let told = now();
  let fromMs: number | undefined;
  let shown = false;
  return {
    at(records, logMs) {
      fromMs ??= logMs;
      if (now() - told < everyMs) return;
      told = now();
      shown = true;
      const percent = Math.floor((100 * (logMs - fromMs)) / Math.max(1, toMs - fromMs));
      const time = formatMs(logMs);
      const text = {
        zh: `已重演到 ${time}（${percent}%），${records} 条记录`,
        en: `replayed up to ${time} (${percent} %), ${records} records`,
      }[language];
      stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    },
    end() {
      if (shown && stream.isTTY) stream.write('\r\x1b[K');
    },
  };
}
