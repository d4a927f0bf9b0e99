import type { Child } from './child.ts';
import type { LoopDelay } from './loop-delay.ts';
import type { ProbeEstate } from './probe-estate.ts';
import { until } from './until.ts';

/** When a kill comes: while the gateway starts, while it is at work, or while it ends in order. */
export type KillMoment = 'starting' | 'running' | 'ending';

export interface KillRun {
  readonly kills: Readonly<Record<KillMoment, number>>;
  /** Activations of which the gateway has said that their acknowledgement is taken. */
  readonly taken: readonly string[];
  /** Largest figure that any start showed; anything but 0 is a bug. */
  readonly divergences: number;
  /** Real ms from a start to its end, the longest of those that were let. */
  readonly longestStartMs: number;
  /** How late the event loop of each process was that was at work, read just before it was killed or told to end. */
  readonly loopDelays: readonly LoopDelay[];
}

/** Real ms that the gateway is let work at most before a kill, and end in order. */
const WORK_MS = 1_200;
const ENDING_MS = 250;

/** Share of kills while it starts, and while it ends. */
const STARTING = 0.3;
const ENDING = 0.15;

/** Real ms for a start. */
const START_MS = 60_000;

/** Real ms between two looks at the alarms, and between two changes of a device's fault. */
const LOOK_MS = 100;
const FAULT_MS = 700;

/** Kills the gateway `kills` times at random moments under load, and starts it again at once, the last time for good. */
export async function killAtRandom(
  estate: ProbeEstate,
  kills: number,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<KillRun> {
  const counts: Record<KillMoment, number> = { starting: 0, running: 0, ending: 0 };
  const person = new Person(estate);
  let divergences = 0;
  let longestStartMs = 0;
  const loopDelays: LoopDelay[] = [];
  let usualStartMs = 2_000;
  const ready = async (child: Child) => {
    const startMs = performance.now();
    await until('the gateway is ready', START_MS, () => child.isReady || child.ended);
    if (child.ended) throw new Error(`the gateway ended by itself:\n${child.lines.join('\n')}`);
    const tookMs = performance.now() - startMs;
    usualStartMs = usualStartMs * 0.8 + tookMs * 0.2;
    longestStartMs = Math.max(longestStartMs, tookMs);
    const metrics = await estate.metrics();
    divergences = Math.max(divergences, metrics.get('lamplighter_engine_divergences') ?? Number.NaN);
  };
  try {
    for (let n = 0; n < kills && !signal.aborted; n++) {
      const dice = n === 0 ? 1 : Math.random();
      const moment: KillMoment = dice < STARTING ? 'starting' : dice < STARTING + ENDING ? 'ending' : 'running';
      const child = estate.spawn();
      if (moment === 'starting') await pause(Math.random() * usualStartMs * 1.1);
      else {
        await ready(child);
        await pause(Math.random() * WORK_MS);
        loopDelays.push(await estate.loopDelay());
        if (moment === 'ending') {
          child.process.kill('SIGTERM');
          await pause(Math.random() * ENDING_MS);
        }
      }
      counts[moment]++;
      await child.end('SIGKILL');
      if (n % 10 === 9) progress(`${n + 1} kills, usual start ${Math.round(usualStartMs)} ms`);
    }
    const last = estate.spawn();
    await ready(last);
    loopDelays.push(await estate.loopDelay());
  } finally {
    person.end();
  }
  return { kills: counts, taken: person.taken, divergences, longestStartMs, loopDelays };
}

/** Provokes alarms at the devices and acknowledges what is open, for as long as it lasts. */
class Person {
  readonly taken: string[] = [];
  readonly #estate: ProbeEstate;
  readonly #timers: NodeJS.Timeout[];
  #looking = false;

  constructor(estate: ProbeEstate) {
    this.#estate = estate;
    this.#timers = [
      setInterval(() => void this.#look(), LOOK_MS),
      setInterval(() => {
        const device = estate.devices[Math.floor(Math.random() * estate.devices.length)];
        if (device) device.fault = !device.fault;
      }, FAULT_MS),
    ];
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const device of this.#estate.devices) device.fault = false;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const { activationId, acknowledgedBy } of await this.#estate.alarms()) {
        if (acknowledgedBy !== null) continue;
        if (await this.#estate.acknowledge(activationId, 'zhang-san')) this.taken.push(activationId);
      }
    } catch {
      // The gateway is away, which is what this run is about: the next look asks again.
    } finally {
      this.#looking = false;
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
