import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import type { OpcuaAddress, OpcuaSettings } from '../../adapters/opcua/schema.ts';
import { Attempts } from '../../gateway/links/attempts.ts';
import { LinkRunner } from '../../gateway/links/link-runner.ts';
import type { Adapter, LinkPlan } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import { type Batch, Quality } from '../../model/sample.ts';
import { type OpcuaServerProcess, PLANT_NAMESPACE } from './opcua-server-process.ts';

/** Newest samples of a point that are kept. */
const KEPT_SAMPLES = 200;
const text = { zh: '测试', en: 'test' };

export interface HeldSample {
  readonly good: boolean;
  readonly value: number;
  readonly sourceMs: number;
  readonly receivedMs: number;
}

/** An OPC UA link as the gateway holds it, again and again, to all items of a server process; what it gives is kept. */
export class HeldOpcuaLink {
  readonly runner: LinkRunner;
  readonly logged: string[] = [];
  /** Whether the link is up, each time that the log was told. */
  readonly ups: boolean[] = [];
  readonly #samples: HeldSample[][];
  readonly #control = new AbortController();
  readonly #held: Promise<void>;
  #adapter: Adapter | undefined;

  constructor(endpoint: string, items: number, settings: Partial<OpcuaSettings> = {}) {
    this.#samples = Array.from({ length: items }, () => []);
    const log = (_fields: object, message: string) => void this.logged.push(message);
    const clock = systemClock();
    this.runner = new LinkRunner(
      { key: 'plant', name: text, protocol: 'opcua', settings: {} },
      {
        clock,
        log: {
          info: log,
          warn: log,
          error: (fields, message) => void this.logged.push(`${message} ${errorOf(fields)}`),
        },
        hand: (entry) => {
          if (entry.kind === 'samples') this.#take(entry.batch);
          if (entry.kind === 'link') this.ups.push(entry.up);
          const stamp = Promise.resolve({ logSeq: 0, logMs: 0, kept: true });
          return { taken: stamp, kept: stamp };
        },
        random: () => 0,
        attempts: new Attempts(),
        onChange: () => undefined,
      },
    );
    const plan: LinkPlan<OpcuaSettings, OpcuaAddress> = {
      key: 'plant',
      settings: { endpoint, sampling: '50ms', publishing: '50ms', refresh: '1h', ...settings },
      points: this.#samples.map((_, item) => ({
        number: item,
        key: `plant/n${item}`,
        kind: 'double',
        address: { namespace: PLANT_NAMESPACE, node: `s=n${item}` },
      })),
      clock,
      log: { info: log, warn: log },
      wire: this.runner.wire,
    };
    const create = () => {
      this.#adapter = opcuaProtocol.create(plan);
      return this.#adapter;
    };
    this.#held = this.runner.hold(create, this.#control.signal);
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

  /** What the link and a person do at the same time. */
  get adapter(): Adapter {
    if (this.#adapter === undefined) throw new Error('the link has not begun');
    return this.#adapter;
  }

  async end(): Promise<void> {
    this.#control.abort(new Error('the test is over'));
    await this.#held;
  }

  #take(batch: Batch): void {
    for (let row = 0; row < batch.length; row++) {
      const own = this.#samples[batch.point[row] ?? 0];
      own?.push({
        good: batch.quality[row] === Quality.good,
        value: batch.value[row] ?? Number.NaN,
        sourceMs: batch.sourceMs[row] ?? Number.NaN,
        receivedMs: batch.receivedMs[row] ?? Number.NaN,
      });
      if ((own?.length ?? 0) > KEPT_SAMPLES) own?.shift();
    }
  }
}

/** Whether the link is up and the server has exactly its items, in one subscription of one session. */
export async function isWhole(link: HeldOpcuaLink, server: OpcuaServerProcess, items: number): Promise<boolean> {
  const counts = await server.counts();
  return (
    link.runner.facts.state === 'up' && counts.items === items && counts.sessions === 1 && counts.subscriptions === 1
  );
}

function errorOf(fields: object): string {
  return 'err' in fields ? String(fields.err instanceof Error ? fields.err.stack : fields.err) : '';
}
