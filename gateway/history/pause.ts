/** Resolves after `ms` of real time, or when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(undefined);
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Resolves at the next call of the listener, or when `signal` aborts. */
export function nextCall(
  subscribe: (listener: () => void) => () => void,
  signal: AbortSignal,
): { readonly called: Promise<void>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = subscribe(() => end());
  const end = () => {
    unsubscribe();
    signal.removeEventListener('abort', end);
    resolve();
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return { called: promise, cancel: end };
}
