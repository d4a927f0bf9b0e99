import { type Account, accountOf } from './account.ts';
import { type HttpGate, openHttpGate } from './http-gate.ts';
import { p99Ms } from './loop-delay.ts';
import { ProbeEstate } from './probe-estate.ts';
import { type RunningServer, startInfluxd } from './servers.ts';
import { influxRows } from './stored-rows.ts';
import { until } from './until.ts';

interface Parts {
  readonly influxd: RunningServer;
  readonly gate: HttpGate;
  readonly estate: ProbeEstate;
  /** Resolves when the devices have had so many further messages acknowledged: history holds up nobody. */
  acknowledged(messages: number): Promise<void>;
}

interface InfluxFault {
  /** Site seconds per real second. */
  readonly rate: number;
  /** Breaks something, and mends it. */
  happen(parts: Parts): Promise<void>;
}

const PROBES = 3;
const MESSAGES_PER_SECOND = 60;
const RATE = 20;
const DATABASE = 'probes';

/** Real ms for anything that is waited for. */
const WITHIN_MS = 120_000;

/** Real ms after which the gateway gives a request to InfluxDB up. */
const REQUEST_TIMEOUT_MS = 15_000;

const HOUR_MS = 3_600_000;

/** Writes that must have met a gate that is not open, so that trying again was seen. */
const MET = 3;

async function whileGate(mode: Parameters<HttpGate['set']>[0], { gate, acknowledged }: Parts): Promise<void> {
  gate.set(mode);
  const before = gate.met;
  await until(`writes have met ${mode}`, WITHIN_MS, () => gate.met >= before + MET);
  await acknowledged(100);
  gate.set('pass');
}

/** What can befall an InfluxDB, by name. */
export const influxFaults = {
  'killed three times': {
    rate: RATE,
    async happen({ influxd, acknowledged }) {
      for (let n = 0; n < 3; n++) {
        await influxd.kill();
        await acknowledged(300);
        await influxd.start();
        await acknowledged(300);
      }
    },
  },
  'killed, and the gateway with it': {
    rate: RATE,
    async happen({ influxd, estate, acknowledged }) {
      await influxd.kill();
      await acknowledged(300);
      await estate.gateway?.end('SIGKILL');
      await estate.start();
      await acknowledged(300);
      await influxd.start();
    },
  },
  'stopped for longer than a request may take': {
    rate: RATE,
    async happen({ influxd, acknowledged }) {
      process.kill(influxd.pid, 'SIGSTOP');
      const sinceMs = performance.now();
      await acknowledged(300);
      await until('a request was given up', WITHIN_MS, () => performance.now() - sinceMs > REQUEST_TIMEOUT_MS * 1.3);
      process.kill(influxd.pid, 'SIGCONT');
    },
  },
  'started again with nothing': {
    rate: RATE,
    async happen({ influxd, estate, acknowledged }) {
      await acknowledged(300);
      await estate.historyCaughtUp(WITHIN_MS);
      await influxd.stop();
      await acknowledged(300);
      await influxd.startEmpty();
    },
  },
  'answering 503': { rate: RATE, happen: (parts) => whileGate(503, parts) },
  'answering 429': { rate: RATE, happen: (parts) => whileGate(429, parts) },
  'answering 401': { rate: RATE, happen: (parts) => whileGate(401, parts) },
  'storing and not answering': { rate: RATE, happen: (parts) => whileGate('lose-answer', parts) },
  'away for an hour of site time': {
    rate: 120,
    async happen({ influxd, estate }) {
      await influxd.stop();
      const backMs = estate.now() + HOUR_MS;
      await until('an hour has passed', WITHIN_MS, () => estate.now() >= backMs);
      await influxd.start();
    },
  },
} as const satisfies Readonly<Record<string, InfluxFault>>;

export type InfluxFaultName = keyof typeof influxFaults;

/** What a fault of InfluxDB left behind. */
export interface InfluxFaultRun {
  readonly account: Account;
  /** Real ms from the end of the fault until history had everything. */
  readonly caughtUpMs: number;
  /** p99 of the event loop's delay in the gateway since its start. */
  readonly loopDelayP99Ms: number;
}

/** Lets one fault befall the InfluxDB of a gateway to which devices publish, and settles accounts. */
export async function runInfluxFault(name: InfluxFaultName): Promise<InfluxFaultRun> {
  const fault: InfluxFault = influxFaults[name];
  const influxd = await startInfluxd();
  const gate = await openHttpGate(influxd.url);
  const estate = await ProbeEstate.open({
    probes: PROBES,
    messagesPerSecond: MESSAGES_PER_SECOND,
    rate: fault.rate,
    gatewayOptions: ['--influx', `${gate.url}/${DATABASE}`],
  });
  const acknowledged = async (messages: number) => {
    const sum = () => estate.devices.reduce((count, device) => count + device.acknowledged, 0);
    const wanted = sum() + messages;
    await until(`${messages} further messages are acknowledged`, WITHIN_MS, () => sum() >= wanted);
  };
  try {
    await estate.start();
    await acknowledged(200);
    estate.raiseFault(true);
    await fault.happen({ influxd, gate, estate, acknowledged });
    const overMs = performance.now();
    estate.raiseFault(false);
    await acknowledged(200);
    await estate.drain(WITHIN_MS);
    const throughSeq = await estate.historyCaughtUp(WITHIN_MS);
    const caughtUpMs = performance.now() - overMs;
    const loopDelayP99Ms = p99Ms(await estate.loopDelay());
    await estate.gateway?.end();
    const account = await accountOf(estate, influxRows(influxd.url, DATABASE, 'probe'), throughSeq, []);
    return { account, caughtUpMs, loopDelayP99Ms };
  } finally {
    await estate.end();
    await gate.close();
    await influxd.remove();
  }
}
