/** Bytes to and from a controller, over TCP, TLS or a serial port. */
export interface Transport {
  /** False once it is closed or closing. */
  readonly isOpen: boolean;
  /** Bytes written that the operating system has not taken yet. */
  readonly waiting: number;
  write(bytes: Buffer): void;
  /**
   * From now on calls `onBytes` for what comes, and `onClosed` once when the line is closed, by whomever; `cause` is the
   * operating system's word for it, empty where the other side closed in order.
   */
  listen(onBytes: (chunk: Buffer) => void, onClosed: (cause: string) => void): void;
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** Bound on opening a line, real time. */
export const OPEN_TIMEOUT_MS = 5000;
