import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child, root } from '../support/child.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

/** Kept from run to run, and no dependency of the project. */
const folder = join(root, '.cache', 'node-red-bench');
const packages = { 'node-red': '4.1.15', 'node-red-contrib-influxdb': '0.7.0' } as const;
/** Real ms that the installation may take, and Node-RED to connect to the broker. */
const INSTALL_MS = 300_000;
const CONNECTED_MS = 60_000;

/** Points of one write at most, and real ms that the first of them waits. */
const BATCH_POINTS = 5000;
const BATCH_MS = 200;

/** Whether Node-RED is there, installed now where it was not; the reason where it cannot be had. */
export async function installNodeRed(): Promise<{ readonly ok: true } | { readonly ok: false; readonly why: string }> {
  const installed = Object.keys(packages).every((name) => existsSync(join(folder, 'node_modules', name)));
  if (installed) return { ok: true };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: packages }));
  try {
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, timeout: INSTALL_MS });
    return { ok: true };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
}

export interface NodeRedOptions {
  readonly userDir: string;
  readonly brokerPort: number;
  readonly influxPort: number;
  readonly database: string;
  readonly measurement: string;
}

/** Starts Node-RED with a flow that writes what the broker sends to InfluxDB, and waits until it is connected. */
export async function startNodeRed(options: NodeRedOptions): Promise<Child> {
  const settings = {
    uiHost: '127.0.0.1',
    uiPort: await freePort(),
    flowFile: 'flows.json',
    httpAdminRoot: false,
    telemetry: { enabled: false },
    logging: { console: { level: 'info', metrics: false, audit: false } },
  };
  writeFileSync(join(options.userDir, 'settings.js'), `module.exports = ${JSON.stringify(settings)};\n`);
  writeFileSync(join(options.userDir, 'flows.json'), JSON.stringify(flowOf(options)));
  const child = new Child('.cache/node-red-bench/node_modules/node-red/red.js', ['--userDir', options.userDir]);
  try {
    await until('Node-RED is connected to the broker', CONNECTED_MS, () => {
      if (child.ended) throw new Error(`Node-RED ended too early:\n${child.lines.join('\n')}`);
      return child.lines.some((line) => line.includes('Connected to broker'));
    });
    return child;
  } catch (error) {
    await child.end('SIGKILL');
    throw error;
  }
}

/** mqtt in → function that collects → influxdb batch. Two samples of one series in one millisecond both live. */
function flowOf({ brokerPort, influxPort, database, measurement }: NodeRedOptions): readonly object[] {
  const collect = `
const [, asset, point] = msg.topic.split('/');
const serial = (context.get('serial') + 1) % 1000000;
context.set('serial', serial);
const batch = context.get('batch');
batch.push({
  measurement: '${measurement}',
  tags: { asset, point },
  fields: { value: Number(msg.payload) },
  timestamp: Date.now() + String(serial).padStart(6, '0'),
});
if (batch.length < ${BATCH_POINTS}) return null;
context.set('batch', []);
return { payload: batch };`;
  const flush = `
context.set('serial', 0);
context.set('batch', []);
setInterval(() => {
  const batch = context.get('batch');
  if (batch.length === 0) return;
  context.set('batch', []);
  node.send({ payload: batch });
}, ${BATCH_MS});`;
  const mqtt = { broker: '127.0.0.1', port: String(brokerPort), clientid: '', autoConnect: true, usetls: false };
  return [
    { id: 'tab', type: 'tab', label: 'bench' },
    { id: 'broker', type: 'mqtt-broker', ...mqtt, protocolVersion: '4', keepalive: '60', cleansession: true },
    {
      ...{ id: 'influx', type: 'influxdb', hostname: '127.0.0.1', port: String(influxPort), protocol: 'http' },
      ...{ database, influxdbVersion: '1.x', usetls: false },
    },
    {
      ...{ id: 'in', type: 'mqtt in', z: 'tab', topic: 'meter/#', qos: '1', datatype: 'utf8', broker: 'broker' },
      ...{ inputs: 0, wires: [['collect']] },
    },
    { id: 'collect', type: 'function', z: 'tab', func: collect, initialize: flush, outputs: 1, wires: [['out']] },
    { id: 'out', type: 'influxdb batch', z: 'tab', influxdb: 'influx', precision: 'n', wires: [] },
  ];
}
