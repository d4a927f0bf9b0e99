import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Notice } from '../../model/channel.ts';

/** A notice, and the real epoch ms at which it came. */
export interface Received {
  readonly notice: Notice;
  readonly atMs: number;
}

/** The receiving end of a webhook, in the test's own process, so that it can tell when a notice came. */
export interface DutyPhone {
  readonly webhook: string;
  readonly received: readonly Received[];
  close(): Promise<void>;
}

export async function openDutyPhone(): Promise<DutyPhone> {
  const received: Received[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const atMs = Date.now();
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    received.push({ notice: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Notice, atMs });
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('an HTTP server has no port');
  return {
    webhook: `http://127.0.0.1:${address.port}/webhook`,
    received,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
