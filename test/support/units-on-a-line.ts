import { vi } from 'vitest';
import type { ModbusAddress } from '../../adapters/modbus/address.ts';
import { readLinkSettings } from '../../adapters/modbus/link-settings.ts';
import { KnownUnits } from '../../adapters/modbus/polling/known-units.ts';
import type { Exchange, PolledLine } from '../../adapters/modbus/polling/line.ts';
import { Poller } from '../../adapters/modbus/polling/poller.ts';
import { RequestQueue, type Waiting } from '../../adapters/modbus/polling/request-queue.ts';
import { ToldChanges } from '../../adapters/modbus/polling/told-changes.ts';
import { modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { LateReply, ReadRequest } from '../../adapters/modbus/transport/connection.ts';
import type { LinkPoint } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';

/** Units behind one connection: how long each takes for an answer, ms; `dead` for those that never give one. */
export type Units = Map<number, number | 'dead'>;

/** What stands between us and the units. */
export interface Way {
  /** Late replies are made out, as on Modbus TCP. */
  readonly tellsLate: boolean;
  /** A gateway works off one request after the other, and itself waits so long for a dead unit, ms; 0: it does not. */
  readonly holdsMs: number;
}

interface Asked extends Waiting {
  readonly timeoutMs: number;
  readonly settle: (exchange: Exchange) => void;
}

const LOST: Exchange = { reply: { kind: 'lost' }, roundTripMs: 0 };

/** A line with one request at a time, in the time that vitest's timers show: nothing of it takes real time. */
export class UnitsLine implements PolledLine {
  readonly parallel = 1;
  readonly lost = undefined;
  unanswered = 0;
  /** When each unit was asked. */
  readonly asked: { readonly unit: number; readonly atMs: number }[] = [];
  readonly #units: Units;
  readonly #way: Way;
  readonly #queue = new RequestQueue<Asked>(1);
  #freeAtMs = 0;
  #isClosed = false;
  #underWay: Asked | undefined;
  #tellLost: () => void = () => undefined;
  #tellLate: (late: LateReply) => void = () => undefined;

  constructor(units: Units, way: Way) {
    this.#units = units;
    this.#way = way;
  }

  onLost(listener: () => void): void {
    this.#tellLost = listener;
  }

  /** The connection breaks. */
  break(): void {
    this.#tellLost();
  }

  /** A line that is none is closed by nobody. */
  onHabit(): void {
    return undefined;
  }

  onLate(listener: (late: LateReply) => void): void {
    this.#tellLate = listener;
  }

  read({ unit }: ReadRequest, urgency: number, timeoutMs = 1000): Promise<Exchange> {
    return new Promise((settle) => {
      if (this.#isClosed) return settle(LOST);
      this.#queue.add({ unit, urgency, timeoutMs, settle });
      this.#go();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { settle } of this.#queue.drain()) settle(LOST);
    this.#underWay?.settle(LOST);
  }

  #go(): void {
    const next = this.#queue.next();
    if (next === undefined) return;
    this.#underWay = next;
    const { unit, timeoutMs } = next;
    const sentMs = performance.now();
    this.asked.push({ unit, atMs: sentMs });
    const takes = this.#units.get(unit) ?? 'dead';
    const { holdsMs, tellsLate } = this.#way;
    const beginMs = holdsMs > 0 ? Math.max(sentMs, this.#freeAtMs) : sentMs;
    if (holdsMs > 0) this.#freeAtMs = beginMs + (takes === 'dead' ? holdsMs : takes);
    const roundTripMs = takes === 'dead' ? Number.POSITIVE_INFINITY : beginMs - sentMs + takes;
    const end = (exchange: Exchange) => {
      this.unanswered = exchange.reply.kind === 'timeout' ? this.unanswered + 1 : 0;
      this.#queue.done(unit);
      next.settle(exchange);
      this.#go();
    };
    if (roundTripMs <= timeoutMs) {
      setTimeout(() => end({ reply: { kind: 'data', bytes: Buffer.from([0, unit]) }, roundTripMs }), roundTripMs);
      return;
    }
    setTimeout(() => end({ reply: { kind: 'timeout' }, roundTripMs: timeoutMs }), timeoutMs);
    if (!tellsLate || roundTripMs === Number.POSITIVE_INFINITY) return;
    setTimeout(() => {
      this.unanswered = 0;
      if (!this.#isClosed) this.#tellLate({ unit, exception: undefined, afterMs: roundTripMs });
    }, roundTripMs);
  }
}

/** One register of each unit, polled over a line that is none. */
export class PolledUnits {
  /** When good values of each unit came, ms of the timers. */
  readonly heardMs = new Map<number, number[]>();
  readonly logged: string[] = [];
  /** After how long the newest run was over, ms of the timers. */
  lostAfterMs = Number.POSITIVE_INFINITY;
  readonly #points: readonly LinkPoint<ModbusAddress>[];
  readonly #settings: { readonly endpoint: string; readonly poll: string; readonly timeout: string };
  readonly #clock = systemClock();
  readonly #lasting = { told: new ToldChanges(this.#clock), known: new KnownUnits(this.#clock) };

  constructor(units: Iterable<number>, { pollMs, timeoutMs }: { readonly pollMs: number; readonly timeoutMs: number }) {
    this.#points = [...units].map(pointOf);
    this.#settings = { endpoint: 'tcp://127.0.0.1:502', poll: `${pollMs}ms`, timeout: `${timeoutMs}ms` };
  }

  /** Polls them on one connection for `forMs` of the timers' time; rejects as the run does. */
  async run(line: UnitsLine, forMs: number): Promise<void> {
    const stop = new AbortController();
    const log = (fields: object, message: string) =>
      void this.logged.push('unit' in fields ? `${message}: ${fields.unit}` : message);
    const plan = {
      key: 'line',
      settings: this.#settings,
      points: this.#points,
      clock: this.#clock,
      log: { info: log, warn: log },
      wire: untoldWire,
    };
    const taken = Promise.resolve({ kept: true });
    const emit: ConstructorParameters<typeof Poller>[1]['emit'] = (batch) => {
      for (let row = 0; row < batch.length; row++) {
        if (batch.quality[row] !== 0) continue;
        const unit = batch.point[row] ?? 0;
        this.heardMs.set(unit, [...(this.heardMs.get(unit) ?? []), batch.receivedMs[row] ?? Number.NaN]);
      }
      return { taken, kept: taken };
    };
    const poller = new Poller(plan, {
      ...this.#lasting,
      settings: readLinkSettings(this.#settings),
      line,
      emit,
      stop,
      up: () => undefined,
    });
    const run = poller.run();
    const startMs = Date.now();
    let isOver = false;
    const over = run.then(
      () => undefined,
      () => undefined,
    );
    void over.then(() => {
      isOver = true;
      this.lostAfterMs = Date.now() - startMs;
    });
    await passTime(forMs, () => isOver);
    stop.abort();
    await run;
  }

  /** Ms from `fromMs` until each of these units has been heard; infinite where one was not. */
  untilHeardMs(units: Iterable<number>, fromMs: number): number {
    let lastMs = 0;
    for (const unit of units) {
      const first = this.heardMs.get(unit)?.find((ms) => ms >= fromMs) ?? Number.POSITIVE_INFINITY;
      lastMs = Math.max(lastMs, first - fromMs);
    }
    return lastMs;
  }

  /** Each interval between two values of a unit, in order. */
  intervalsMs(unit: number): readonly number[] {
    const heard = this.heardMs.get(unit) ?? [];
    return heard.slice(1).map((ms, i) => ms - (heard[i] ?? 0));
  }
}

/** Has vitest show another time, from `nowMs` on: what takes time is simulated, and takes no longer than it computes. */
export function fakeTime(nowMs: number): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: nowMs });
}

/** As `advanceTimersByTimeAsync`, which takes a real millisecond for each timer. */
async function passTime(forMs: number, isOver: () => boolean): Promise<void> {
  const untilMs = Date.now() + forMs;
  setTimeout(() => undefined, forMs);
  while (Date.now() < untilMs && !isOver()) {
    vi.advanceTimersToNextTimer();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function pointOf(unit: number): LinkPoint<ModbusAddress> {
  const context = { asset: 'a', point: `u${unit}`, kind: 'double', index: 0 } as const;
  const resolved = modbusProtocol.resolve({ table: 'holding', address: 0 }, { unit }, context);
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return { number: unit, key: `a/u${unit}`, kind: 'double', address: resolved.value };
}
