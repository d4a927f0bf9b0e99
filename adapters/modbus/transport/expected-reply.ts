/** What a reply must be to answer one request. */
export interface ExpectedReply {
  readonly unit: number;
  readonly code: number;
  /** Bytes of data in the reply to a read; undefined for a write. */
  readonly dataBytes: number | undefined;
  /** The address with the value or the count, which the reply to a write repeats. */
  readonly echo: Buffer;
}

/** Set in the function code of a reply that is an exception. */
export const EXCEPTION_BIT = 0x80;

/** What the request (unit and PDU, as sent) asks for. */
export function expectedReply(request: Buffer): ExpectedReply {
  const code = request.readUInt8(1);
  const count = request.readUInt16BE(4);
  const dataBytes = code <= 2 ? Math.ceil(count / 8) : code <= 4 ? count * 2 : undefined;
  return { unit: request.readUInt8(0), code, dataBytes, echo: request.subarray(2, 6) };
}

/** Bytes of unit and PDU in a reply that is no exception. */
export function replyLength({ dataBytes }: ExpectedReply): number {
  return dataBytes === undefined ? 6 : 3 + dataBytes;
}

/** Bytes of unit and PDU in an exception. */
export const EXCEPTION_LENGTH = 3;

/** Why a reply (unit and PDU) does not answer the request; undefined where it does, be it with an exception. */
export function replyFault(reply: Buffer, expected: ExpectedReply): string | undefined {
  const [unit, code, third] = reply;
  if (unit !== expected.unit) return `a reply of unit ${unit} in place of ${expected.unit}`;
  if (code === (expected.code | EXCEPTION_BIT)) {
    return reply.length === EXCEPTION_LENGTH ? undefined : `an exception of ${reply.length} bytes`;
  }
  if (code !== expected.code) return `function ${code} in place of ${expected.code}`;
  const wanted = replyLength(expected);
  if (expected.dataBytes !== undefined && third !== undefined && third !== expected.dataBytes) {
    return `${third} bytes in place of ${expected.dataBytes}`;
  }
  if (reply.length !== wanted) return `a reply of ${reply.length} bytes in place of ${wanted}`;
  if (expected.dataBytes === undefined && !reply.subarray(2, 6).equals(expected.echo)) {
    return 'the reply is no echo of what was written';
  }
  return undefined;
}
