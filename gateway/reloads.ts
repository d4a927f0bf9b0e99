import type { Site } from '../model/site.ts';
import type { Text } from '../model/text.ts';
import type { LinkChanges } from './links/link-changes.ts';
import type { LoadReply } from './load-site-aside.ts';
import { formatProblem, type SiteProblem } from './site/problem.ts';
import type { AssetChanges } from './site-changes.ts';
import { storageErrorOf } from './storage/storage-error.ts';

/** What another site file changed. */
export interface SiteChanges {
  readonly links: LinkChanges;
  readonly assets: AssetChanges;
}

/**
 * What became of a reload. `unchanged`: the file says what it said before. `refused`: it has mistakes, and the site
 * before stays. `failed`: for a reason outside of the file, nothing was taken over.
 */
export type ReloadOutcome =
  | { readonly outcome: 'taken'; readonly changes: SiteChanges; readonly warnings: readonly SiteProblem[] }
  | { readonly outcome: 'unchanged'; readonly warnings: readonly SiteProblem[] }
  | { readonly outcome: 'refused'; readonly problems: readonly SiteProblem[] }
  | { readonly outcome: 'failed'; readonly text: Text };

/** A site file that was refused and has not been mended since. */
export interface Refusal {
  /** When it was first refused, epoch ms of site time. */
  readonly sinceMs: number;
  /** Every mistake. */
  readonly problems: readonly SiteProblem[];
}

export interface ReloadsOptions {
  /** What the files look like now, as `fileMarks` has it; and what they looked like before the present site was read. */
  readonly marks: () => Promise<string>;
  readonly firstMarks: string;
  /** Reads and checks the file; see `loadSiteAside`. */
  readonly load: (signal: AbortSignal) => Promise<LoadReply | 'too-slow'>;
  /** Makes a sound site the present one. */
  readonly takeOver: (site: Site, signal: AbortSignal) => Promise<SiteChanges>;
  /** Called when {@link Reloads.refusal} has changed. */
  readonly onRefusal: () => void;
  /** Epoch ms of site time. */
  readonly now: () => number;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

/** Reads the site file again, one reload at a time, and remembers what was refused. */
export class Reloads {
  /** How often each came out since the start. */
  readonly counts: Record<ReloadOutcome['outcome'], number> = { taken: 0, unchanged: 0, refused: 0, failed: 0 };
  readonly #options: ReloadsOptions;
  #read: string;
  readonly #stop = new AbortController();
  #running: Promise<ReloadOutcome> | undefined;
  #next: Promise<ReloadOutcome> | undefined;
  #refusal: Refusal | undefined;
  #begun = false;

  constructor(options: ReloadsOptions) {
    this.#options = options;
    this.#read = options.firstMarks;
  }

  /** What the files looked like when they were last read; empty where they are to be read again whatever they are. */
  get read(): string {
    return this.#read;
  }

  /** What stands refused at present. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Everything is there that a reload needs; until then each one fails. */
  begin(): void {
    this.#begun = true;
  }

  /**
   * Reads the file and takes it over if it is sound and says something new. Whoever asks during a reload shares the one
   * that follows it, since the file may have changed after it was read. Never rejects.
   */
  reload(): Promise<ReloadOutcome> {
    if (!this.#begun) return Promise.resolve({ outcome: 'failed', text: starting });
    if (this.#running !== undefined) {
      this.#next ??= this.#running.then(() => this.#begin());
      return this.#next;
    }
    return this.#begin();
  }

  /** Waits for the reload that is under way; none is begun any more. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the gateway is ending'));
    await this.#next;
    await this.#running;
  }

  #begin(): Promise<ReloadOutcome> {
    this.#next = undefined;
    this.#running = this.#reload().then((outcome) => {
      this.counts[outcome.outcome]++;
      this.#running = undefined;
      return outcome;
    });
    return this.#running;
  }

  async #reload(): Promise<ReloadOutcome> {
    const { marks, load, takeOver, logger } = this.#options;
    const { signal } = this.#stop;
    try {
      // Looked at before they are read: what changes in between is seen as another change.
      this.#read = await marks();
      const reply = await load(signal);
      if (reply === 'too-slow') return this.#failed(tooSlow);
      if (!reply.ok) return this.#refused(reply.problems);
      const { site, warnings } = reply;
      const changes = site && (await takeOver(site, signal));
      this.#accepted();
      if (changes === undefined) return { outcome: 'unchanged', warnings };
      logger.info(summary(changes), 'site file taken over');
      return { outcome: 'taken', changes, warnings };
    } catch (error) {
      if (signal.aborted) return { outcome: 'failed', text: ending };
      const text = storageErrorOf(error)?.text;
      if (text !== undefined) return this.#failed(text);
      logger.error({ err: error }, 'reload of the site file failed: this is a bug');
      this.#read = '';
      return { outcome: 'failed', text: internal };
    }
  }

  #failed(text: Text): ReloadOutcome {
    this.#read = '';
    this.#options.logger.warn({ reason: text.en }, 'site file could not be taken over');
    return { outcome: 'failed', text };
  }

  #refused(problems: readonly SiteProblem[]): ReloadOutcome {
    const { logger, now, onRefusal } = this.#options;
    const before = this.#refusal;
    // The same mistakes again are no news.
    if (JSON.stringify(before?.problems) !== JSON.stringify(problems)) {
      this.#refusal = { sinceMs: before?.sinceMs ?? now(), problems };
      const [first] = problems;
      const fields = { mistakes: problems.length, first: first && formatProblem(first, 'en') };
      logger.warn(fields, 'site file refused, the one before stays');
      onRefusal();
    }
    return { outcome: 'refused', problems };
  }

  #accepted(): void {
    if (this.#refusal === undefined) return;
    this.#refusal = undefined;
    this.#options.logger.info({}, 'site file is sound again');
    this.#options.onRefusal();
  }
}

/** Numbers for a log line; the names are in the answer to whoever asked. */
function summary({ links, assets }: SiteChanges): object {
  return {
    linksRestarted: links.restarted.length,
    linksAdded: links.added.length,
    linksRemoved: links.removed.length,
    assetsAdded: assets.added.length,
    assetsRemoved: assets.removed.length,
    assetsRenamed: assets.renamed.length,
  };
}

const starting: Text = { zh: '正在启动，请稍后再试', en: 'it is still starting, try again later' };
const ending: Text = { zh: '正在停止', en: 'it is ending' };
const tooSlow: Text = { zh: '读取站点文件超时', en: 'reading the site file took too long' };
const internal: Text = { zh: '程序内部错误，详见日志', en: 'internal error, see the log' };
