import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import { untoldWire } from '../../../model/untold-wire.ts';
import type { ModbusSettings } from '../schema.ts';
import type { ReadRequest, Reply } from '../transport/connection.ts';

/** What a person's own connection must do. */
export interface OwnLine {
  ask(request: ReadRequest, signal: AbortSignal, timeoutMs?: number): Promise<Reply>;
  readonly lost: Text | undefined;
  close(): Promise<void>;
}

export interface PersonsLineOptions {
  /** Asks on the connection that the link holds; `lost` where it holds none. */
  readonly held: (request: ReadRequest, signal: AbortSignal, timeoutMs?: number) => Promise<Reply>;
  readonly open: (signal: AbortSignal) => Promise<OwnLine>;
}

/**
 * The way to a link's units for a person: the connection that the link holds, so that a controller which serves one
 * master only is not robbed of it; only where there is none, one of its own, closed by `close`.
 */
export class PersonsLine {
  readonly #options: PersonsLineOptions;
  #own: OwnLine | undefined;
  #lost: Text | undefined;
  /** Requests that were made. */
  requests = 0;
  /** Whether the last of them went over the link's own connection, where polls wait behind it. */
  isShared = false;

  constructor(options: PersonsLineOptions) {
    this.#options = options;
  }

  /** Why there is no connection; undefined while there is one. */
  get lost(): Text | undefined {
    return this.#lost;
  }

  /** One request; never rejects. After `lost`, the next one tries to connect anew. */
  async ask(request: ReadRequest, signal: AbortSignal, timeoutMs?: number): Promise<Reply> {
    this.requests += 1;
    this.#lost = undefined;
    const reply = await this.#options.held(request, signal, timeoutMs);
    this.isShared = reply.kind !== 'lost';
    if (reply.kind !== 'lost') {
      // The link has its connection again: the one besides it would be one too many.
      await this.close();
      return reply;
    }
    if (signal.aborted) return reply;
    const own = await this.#openOwn(signal);
    if (own === undefined) return reply;
    const answer = await own.ask(request, signal, timeoutMs);
    if (answer.kind === 'lost') {
      this.#lost = own.lost ?? this.#lost;
      await this.close();
    }
    return answer;
  }

  async close(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    await own?.close();
  }

  async #openOwn(signal: AbortSignal): Promise<OwnLine | undefined> {
    if (this.#own !== undefined) return this.#own;
    try {
      this.#own = await this.#options.open(signal);
      return this.#own;
    } catch (error) {
      if (!(error instanceof LinkLost) && !(error instanceof SetupRefused)) throw error;
      this.#lost = error.reason;
      return undefined;
    }
  }
}

/** A person's line for a link with these settings; `held` asks on the link's own connection. */
export function personsLine(settings: ModbusSettings, held: PersonsLineOptions['held']): PersonsLine {
  return new PersonsLine({
    held,
    open: async (signal) => {
      const { openPersonsLine } = await import('../link.ts');
      return openPersonsLine(settings, untoldWire, signal);
    },
  });
}
