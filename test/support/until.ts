/** Real ms between two looks at a fact. */
const LOOK_EVERY_MS = 25;

/**
 * Waits for a fact: calls `look` until it gives something other than undefined, null or false, at most `withinMs` real
 * ms. An error in `look` ends the wait.
 */
export async function until<T>(
  what: string,
  withinMs: number,
  look: () => T | Promise<T>,
): Promise<Exclude<T, undefined | null | false>> {
  const startMs = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as Exclude<T, undefined | null | false>;
    if (performance.now() - startMs > withinMs) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
