import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../support/child.ts';

/** What the generator is to publish. */
export interface Load {
  readonly port: number;
  readonly qos: 0 | 1;
  /** Messages per second, over all connections; null: as many as are taken. */
  readonly rate: number | null;
  readonly durationMs: number;
  readonly connections: number;
  /** QoS 1: messages of one connection that may wait for their PUBACK. */
  readonly window: number;
}

/** What became of it. Times are epoch ms. */
export interface Published {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly sent: number;
  /** PUBACKs that came, also those that came after the end. */
  readonly acknowledged: number;
  readonly processorSeconds: number;
}

/** Publishes in a process of its own; `onBegan` is called when the connections stand and the first message goes out. */
export async function publish(load: Load, onBegan: () => void): Promise<Published> {
  const child = spawn(process.execPath, [join(root, 'test/bench/mqtt-generator.ts'), JSON.stringify(load)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const dieWithUs = () => void child.kill('SIGKILL');
  process.once('exit', dieWithUs);
  const exited = once(child, 'exit');
  let published: Published | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'began') onBegan();
    else published = JSON.parse(line) as Published;
  });
  const [code] = await exited;
  process.off('exit', dieWithUs);
  if (published === undefined) throw new Error(`the generator ended with ${String(code)} before it was done`);
  return published;
}
