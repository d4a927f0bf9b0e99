import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { writeLines } from './influx-writer.ts';

const never = new AbortController().signal;

interface Strict {
  readonly url: string;
  readonly taken: string[];
  requests: number;
}

/** A server that takes a body whole or, where a line of it is bad, not at all, as later versions of InfluxDB do. */
async function strictServer(): Promise<Strict> {
  const strict = { url: '', taken: [] as string[], requests: 0 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString().split('\n');
    strict.requests++;
    if (lines.some((line) => line.startsWith('bad'))) {
      response.writeHead(400).end('{"error":"unable to parse"}');
      return;
    }
    strict.taken.push(...lines);
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  strict.url = `http://127.0.0.1:${address.port}/influx`;
  return strict;
}

test('finds the lines that are refused, and brings the others home', async () => {
  const server = await strictServer();
  const lines = Array.from({ length: 500 }, (_, index) => (index % 200 === 7 ? `bad ${index}` : `good ${index}`));
  expect(await writeLines({ url: server.url, database: 'd' }, lines, never)).toEqual({
    outcome: 'refused',
    reason: 'HTTP 400: unable to parse',
  });
  expect(server.taken.sort()).toEqual(lines.filter((line) => line.startsWith('good')).sort());
});

test('gives up the search where there is nothing to be found', async () => {
  const server = await strictServer();
  const lines = Array.from({ length: 5000 }, (_, index) => `bad ${index}`);
  expect(await writeLines({ url: server.url, database: 'd' }, lines, never)).toMatchObject({ outcome: 'refused' });
  expect(server.requests).toBeLessThan(100);
});

test('cuts what is large into bodies that a server takes', async () => {
  const server = await strictServer();
  const lines = Array.from({ length: 30 }, (_, index) => `good ${index}${'x'.repeat(100_000)}`);
  expect(await writeLines({ url: server.url, database: 'd' }, lines, never)).toEqual({ outcome: 'done' });
  expect(server.taken).toEqual(lines);
  expect(server.requests).toBe(3);
  expect(await writeLines({ url: server.url, database: 'd' }, [], never)).toEqual({ outcome: 'done' });
});
