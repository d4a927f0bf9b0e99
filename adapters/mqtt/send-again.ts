/** Connections that have something to send again, at most; those beyond it send it at their own next one. */
const MAX_OWING = 5000;
/** Real ms after which they are asked to, where nobody's message tells that the disk is back: each may wait for its PUBACK. */
export const SEND_AGAIN_MS = 300_000;

/** What is sent again on a new connection only. */
interface Connection {
  readonly destroyed: boolean;
  destroy(): unknown;
}

/** Remembers who has to send again what the rules saw and the disk never had. */
export class SendAgain {
  readonly #owing = new Set<Connection>();
  #timer: NodeJS.Timeout | undefined;

  /** `kept` false: it has to be sent again, which is done on a new connection, once the disk is back. */
  settled(connection: Connection, kept: boolean): void {
    if (!kept) {
      if (connection.destroyed || this.#owing.size >= MAX_OWING) return;
      this.#owing.add(connection);
      this.#timer ??= setTimeout(() => this.#askAll(), SEND_AGAIN_MS);
      return;
    }
    if (this.#owing.size > 0) this.#askAll();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #askAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const owing of this.#owing) owing.destroy();
    this.#owing.clear();
  }
}
