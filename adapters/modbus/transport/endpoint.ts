import type { Problem } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import { ENDPOINT_TEXT, type ModbusSettings } from '../schema.ts';

/** Port of Modbus TCP that is meant for TLS; the plain one is always written out. */
const TLS_PORT = 802;

/** How the bits of a byte lie on a serial line. */
export interface SerialSettings {
  readonly baud: number;
  readonly parity: 'none' | 'even' | 'odd';
  /** RTU has no other. */
  readonly dataBits: 8;
  readonly stopBits: 1 | 2;
}

/** Paths of PEM files, and the name that the controller's certificate must bear. */
export interface TlsSettings {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly serverName?: string;
}

/** Where a controller is, and how it is spoken to. */
export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly parallel: number }
  | {
      readonly kind: 'tls';
      readonly host: string;
      readonly port: number;
      readonly parallel: number;
      readonly tls: TlsSettings;
    }
  | { readonly kind: 'rtu+tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'serial'; readonly path: string; readonly line: SerialSettings };

/** The endpoint of a link; undefined where it cannot be read. `${ENV}` in the settings has been replaced. */
export function readEndpoint(settings: ModbusSettings): Endpoint | undefined {
  const { endpoint, parallel = 1, tls = {}, serial = {} } = settings;
  const path = /^serial:\/\/(?<path>\S+)$/.exec(endpoint)?.groups?.path;
  if (path !== undefined) {
    const { baud = 9600, parity = 'none', dataBits = 8, stopBits = 1 } = serial;
    return { kind: 'serial', path, line: { baud, parity, dataBits, stopBits } };
  }
  const url = URL.parse(endpoint);
  const port = url?.protocol === 'tls:' && url.port === '' ? TLS_PORT : Number(url?.port);
  if (url === null || url.hostname === '' || !(port >= 1 && port <= 65_535)) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  switch (url.protocol) {
    case 'tcp:':
      return { kind: 'tcp', host, port, parallel };
    case 'tls:':
      return { kind: 'tls', host, port, parallel, tls };
    case 'rtu+tcp:':
      return { kind: 'rtu+tcp', host, port };
    default:
      return undefined;
  }
}

/** As people are told of it: `10.0.8.20:502`, `/dev/ttyUSB0`. */
export function shownEndpoint(endpoint: Endpoint): string {
  return endpoint.kind === 'serial' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}

/** What comes from there is something else. */
export function noModbusText(endpoint: Endpoint): Text {
  const where = shownEndpoint(endpoint);
  return { zh: `${where} 的应答不是 Modbus`, en: `what ${where} answers is not Modbus` };
}

/** What is wrong with settings whose single values are right. No text repeats a value: it may be from the environment. */
export function endpointProblems(settings: ModbusSettings): readonly Problem[] {
  const endpoint = readEndpoint(settings);
  if (endpoint === undefined) {
    const text = {
      zh: `endpoint 应为 ${ENDPOINT_TEXT.zh}，端口 1 到 65535`,
      en: `endpoint must be ${ENDPOINT_TEXT.en}, with a port from 1 to 65535`,
    };
    return [{ path: ['endpoint'], text }];
  }
  const { kind } = endpoint;
  const problems: Problem[] = [];
  if (settings.serial !== undefined && kind !== 'serial') {
    problems.push({ path: ['serial'], text: onlyFor('serial', ['serial://']) });
  }
  if (settings.tls !== undefined && kind !== 'tls') problems.push({ path: ['tls'], text: onlyFor('tls', ['tls://']) });
  if ((settings.parallel ?? 1) > 1 && kind !== 'tcp' && kind !== 'tls') {
    problems.push({ path: ['parallel'], text: onlyFor('parallel', ['tcp://', 'tls://']) });
  }
  const { certificate, key } = settings.tls ?? {};
  if ((certificate === undefined) !== (key === undefined)) {
    const text = { zh: 'certificate 与 key 须同时给出', en: 'certificate and key are given together or not at all' };
    problems.push({ path: ['tls'], text });
  }
  return problems;
}

function onlyFor(name: string, schemes: readonly string[]): Text {
  return {
    zh: `${name} 只用于 ${schemes.join('、')} 的 endpoint`,
    en: `${name} is for an endpoint with ${schemes.join(' or ')} only`,
  };
}
