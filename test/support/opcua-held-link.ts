import { setTimeout as delay } from 'node:timers/promises';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import type { OpcuaAddress, OpcuaSettings } from '../../adapters/opcua/schema.ts';
import { WireCounts } from '../../gateway/links/wire-counts.ts';
import { type Adapter, type Emit, LinkLost, type LinkPlan, SetupRefused } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import { type Batch, Quality } from '../../model/sample.ts';
import { type OpcuaServerCounts, type OpcuaServerProcess, PLANT_NAMESPACE } from './opcua-server-process.ts';

/** Newest samples of a point that are kept, unless told otherwise. */
const KEPT_SAMPLES = 200;
/** Real ms between two runs, as after a first failure: the soak would wait for half an hour otherwise. */
const RETRY_MS = 200;
/** The most of the newest endings that are kept. */
const MAX_ENDINGS = 50;

export interface HeldSample {
  readonly good: boolean;
  readonly value: number;
  readonly sourceMs: number;
  readonly receivedMs: number;
}

/** An OPC UA link to all items of a server process, run again and again; what it gives is kept. */
export class HeldOpcuaLink {
  readonly adapter: Adapter;
  readonly wire = new WireCounts(Date.now);
  readonly logged: string[] = [];
  /** Why runs ended, newest last. */
  readonly endings: string[] = [];
  /** What no run may end with. */
  readonly bugs: unknown[] = [];
  /** Runs that came up. */
  ups = 0;
  isUp = false;
  readonly #samples: HeldSample[][];
  readonly #keptSamples: number;
  readonly #control = new AbortController();
  readonly #held: Promise<void>;

  constructor(
    endpoint: string,
    items: number,
    settings: Partial<OpcuaSettings> = {},
    keptSamples: number = KEPT_SAMPLES,
  ) {
    this.#samples = Array.from({ length: items }, () => []);
    this.#keptSamples = keptSamples;
    const log = (_fields: object, message: string) => {
      this.logged.push(message);
      if (this.logged.length > MAX_ENDINGS) this.logged.shift();
    };
    const plan: LinkPlan<OpcuaSettings, OpcuaAddress> = {
      key: 'plant',
      settings: { endpoint, sampling: '50ms', publishing: '50ms', refresh: '1h', ...settings },
      points: this.#samples.map((_, item) => ({
        number: item,
        key: `plant/n${item}`,
        kind: 'double',
        address: { namespace: PLANT_NAMESPACE, node: `s=n${item}` },
      })),
      clock: systemClock(),
      log: { info: log, warn: log },
      wire: this.wire,
    };
    this.adapter = opcuaProtocol.create(plan);
    this.#held = this.#hold();
  }

  /** Samples of an item, oldest first. */
  samples(item: number): readonly HeldSample[] {
    return this.#samples[item] ?? [];
  }

  latest(item: number): HeldSample | undefined {
    return this.#samples[item]?.at(-1);
  }

  /** Items of which a good value came after `sinceMs`. */
  liveSince(sinceMs: number): number {
    return this.#samples.filter((own) => own.some(({ good, receivedMs }) => good && receivedMs > sinceMs)).length;
  }

  async end(): Promise<void> {
    this.#control.abort(new Error('the test is over'));
    await this.#held;
  }

  async #hold(): Promise<void> {
    const { signal } = this.#control;
    while (!signal.aborted) {
      try {
        await this.adapter.run(this.#emit, signal, () => {
          this.isUp = true;
          this.ups += 1;
        });
      } catch (error) {
        if (!(error instanceof LinkLost || error instanceof SetupRefused)) this.bugs.push(error);
        this.endings.push(error instanceof Error ? error.message : String(error));
        if (this.endings.length > MAX_ENDINGS) this.endings.shift();
      }
      this.isUp = false;
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  readonly #emit: Emit = (batch) => {
    this.#take(batch);
    const taken = Promise.resolve({ kept: true });
    return { taken, kept: taken };
  };

  #take(batch: Batch): void {
    for (let row = 0; row < batch.length; row++) {
      const own = this.#samples[batch.point[row] ?? 0];
      own?.push({
        good: batch.quality[row] === Quality.good,
        value: batch.value[row] ?? Number.NaN,
        sourceMs: batch.sourceMs[row] ?? Number.NaN,
        receivedMs: batch.receivedMs[row] ?? Number.NaN,
      });
      if ((own?.length ?? 0) > this.#keptSamples) own?.shift();
    }
  }
}

/** Whether the link is up and the server has exactly its items, in one subscription of one session. */
export async function isWhole(link: HeldOpcuaLink, server: OpcuaServerProcess, items: number): Promise<boolean> {
  const counts: Partial<OpcuaServerCounts> = await server.counts().catch(() => ({}));
  return link.isUp && counts.items === items && counts.sessions === 1 && counts.subscriptions === 1;
}
