/** A notice as it arrived: whatever JSON object was sent, with an id. */
export interface ReceivedNotice extends Readonly<Record<string, unknown>> {
  readonly id: string;
  /** Real time of receipt, epoch ms. */
  readonly receivedMs: number;
}

/** Notices that a phone keeps; the oldest go first. */
export const MAX_NOTICES = 500;

/** What a phone has received: each notice once, however often it is sent. */
export class Inbox {
  readonly #notices: ReceivedNotice[] = [];
  readonly #ids = new Set<string>();
  readonly #onNew: (notice: ReceivedNotice) => void;

  constructor(onNew: (notice: ReceivedNotice) => void) {
    this.#onNew = onNew;
  }

  /** In the order of their receipt. */
  get notices(): readonly ReceivedNotice[] {
    return this.#notices;
  }

  /** Keeps a notice, unless one with its id is here. */
  take(notice: Readonly<Record<string, unknown>> & { readonly id: string }, receivedMs: number): void {
    if (this.#ids.has(notice.id)) return;
    const received = { ...notice, receivedMs };
    this.#notices.push(received);
    this.#ids.add(notice.id);
    if (this.#notices.length > MAX_NOTICES) {
      const oldest = this.#notices.shift();
      if (oldest !== undefined) this.#ids.delete(oldest.id);
    }
    this.#onNew(received);
  }
}
