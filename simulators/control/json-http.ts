import type { IncomingMessage, ServerResponse } from 'node:http';

/** A text that a person reads, in both languages. */
export interface Text {
  readonly zh: string;
  readonly en: string;
}

/** Answers with one JSON value. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

/** Answers that something is wrong, in both languages; `more` names what could have been asked for. */
export function sendError(response: ServerResponse, status: number, code: string, text: Text, more: object = {}): void {
  sendJson(response, status, { code, text, ...more });
}

/** The body of a request; undefined where it is longer than `maxBytes` or breaks off. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) return undefined;
      chunks.push(chunk);
    }
  } catch {
    // The client went away in the middle; there is nobody left to answer.
    return undefined;
  }
  return Buffer.concat(chunks);
}

/** The JSON object in these bytes; undefined where there is none. */
export function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}
