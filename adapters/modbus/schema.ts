import { type Static, Type } from 'typebox';
import { DURATION_PATTERN } from '../../model/duration.ts';
import type { Text } from '../../model/text.ts';

/** The site file may leave a value to the environment: `${ENV}` passes here and is checked again once replaced. */
const DURATION_OR_ENV = `${DURATION_PATTERN}|\\$\\{`;

const Order = Type.Union([Type.Literal('big'), Type.Literal('little')]);

/** Interval of reading all points where the site file has none. */
export const DEFAULT_POLL = '1s';

/** How an endpoint is written. */
export const ENDPOINT_TEXT: Text = {
  zh: 'tcp://主机:端口、rtu+tcp://主机:端口、tls://主机（端口 802 可省略）或 serial:///dev/ttyUSB0',
  en: 'tcp://host:port, rtu+tcp://host:port, tls://host (port 802 unless given) or serial:///dev/ttyUSB0',
};

const SerialSettings = Type.Object(
  {
    baud: Type.Optional(Type.Integer({ minimum: 300, maximum: 4_000_000, description: '9600 if absent' })),
    parity: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('even'), Type.Literal('odd')], { description: 'none if absent' }),
    ),
    dataBits: Type.Optional(Type.Literal(8, { description: '8, as RTU has it' })),
    stopBits: Type.Optional(Type.Union([Type.Literal(1), Type.Literal(2)], { description: '1 if absent' })),
  },
  { additionalProperties: false, description: 'the serial line; for serial:// only' },
);

const PemPath = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description }));

const TlsSettings = Type.Object(
  {
    ca: PemPath('PEM file with the authority that signed the controller’s certificate; the system’s own if absent'),
    certificate: PemPath('PEM file by which the gateway proves who it is'),
    key: PemPath('PEM file with the key to it'),
    serverName: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description: 'name in the controller’s certificate; the host if absent',
      }),
    ),
  },
  { additionalProperties: false, description: 'certificates; for tls:// only' },
);

/** Settings of a Modbus link, as in the site file. */
export const ModbusSettings = Type.Object(
  {
    endpoint: Type.String({
      pattern: '^((tcp|rtu\\+tcp)://[^\\s/]+:\\d{1,5}|tls://[^\\s/]+|serial://\\S+)$|\\$\\{',
      expected: ENDPOINT_TEXT,
      description:
        'the controller, or the gateway before it: tcp://host:port (Modbus TCP), rtu+tcp://host:port (RTU frames over TCP), tls://host (Modbus/TCP Security, port 802 unless given), serial:///dev/ttyUSB0 (RTU)',
    }),
    parallel: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 16,
        description: 'requests under way at once, for tcp:// and tls://; 1 if absent, as many gateways can do no more',
      }),
    ),
    serial: Type.Optional(SerialSettings),
    tls: Type.Optional(TlsSettings),
    timeout: Type.Optional(
      Type.String({
        pattern: DURATION_OR_ENV,
        description: 'how long one request waits for its answer, real time; 1s if absent, 10ms to 60s',
      }),
    ),
    poll: Type.Optional(
      Type.String({
        pattern: DURATION_OR_ENV,
        description:
          'interval at which points are read whose map has none of their own, site time; 1s if absent, 10ms to 1d',
        expected: { zh: '写轮询周期，10ms 到 1d，例如 1s', en: 'write an interval from 10ms to 1d, such as 1s' },
      }),
    ),
    maxRegisters: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 125,
        description: 'most registers that the devices give at once; 125 if absent',
      }),
    ),
    maxBits: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 2000, description: 'the same of coils and discrete inputs; 2000 if absent' }),
    ),
    wordOrder: Type.Optional(
      Type.Union(Order.anyOf, {
        description: 'big: the word at the lower address is the high one; little: the low one. big if absent',
      }),
    ),
    byteOrder: Type.Optional(
      Type.Union(Order.anyOf, {
        description: 'order of the two bytes within each word; big (as the protocol has it) if absent',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ModbusSettings = Static<typeof ModbusSettings>;

/** Where an asset is found on its link. */
export const ModbusAssetAddress = Type.Object(
  {
    unit: Type.Integer({ minimum: 0, maximum: 255, description: 'unit id (station number)' }),
    offset: Type.Optional(
      Type.Integer({ minimum: -65_535, maximum: 65_535, description: 'added to every address of the map' }),
    ),
    stride: Type.Optional(
      Type.Integer({
        minimum: -65_535,
        maximum: 65_535,
        description: 'added once more for each further asset that the entry expands to',
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        pattern: DURATION_PATTERN,
        description: 'how long a request to this unit waits for its answer, real time; as the link has it if absent',
        expected: { zh: '写应答时限，10ms 到 60s，例如 2s', en: 'write a time-out from 10ms to 60s, such as 2s' },
      }),
    ),
    maxRegisters: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 125,
        description: 'most registers that this unit gives at once; as the link has it if absent',
      }),
    ),
    maxBits: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2000,
        description: 'the same of coils and discrete inputs; as the link has it if absent',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ModbusAssetAddress = Static<typeof ModbusAssetAddress>;

const TableSchema = Type.Union(
  [Type.Literal('holding'), Type.Literal('input'), Type.Literal('coil'), Type.Literal('discrete')],
  { description: 'holding (FC03), input (FC04), coil (FC01) or discrete (FC02)' },
);

/** One of the four tables of the data model. */
export type Table = Static<typeof TableSchema>;

const ValueTypeSchema = Type.Union(
  [
    Type.Literal('bool'),
    Type.Literal('uint16'),
    Type.Literal('int16'),
    Type.Literal('uint32'),
    Type.Literal('int32'),
    Type.Literal('uint64'),
    Type.Literal('int64'),
    Type.Literal('float16'),
    Type.Literal('float32'),
    Type.Literal('float64'),
    Type.Literal('bcd16'),
    Type.Literal('bcd32'),
    Type.Literal('text'),
  ],
  {
    description:
      'bool for coils and discrete inputs, uint16 for registers, text for text points if absent; the number is that of bits: bcd16 has 4 digits',
  },
);

/**
 * How a value lies in its table. `bool` is one bit of coils or discrete inputs, or a register that is 0 or not; a BCD
 * number has a decimal digit in each four bits; a text has two bytes in each register.
 */
export type ValueType = Static<typeof ValueTypeSchema>;

const TextEncodingSchema = Type.Union([Type.Literal('ascii'), Type.Literal('utf-8'), Type.Literal('gb18030')], {
  description: 'what the bytes of a text mean; ascii if absent',
});

/** What the bytes of a text mean; GB 18030 has GBK and GB 2312 in it. */
export type TextEncoding = Static<typeof TextEncodingSchema>;

/** Registers that a text may take: what one request can read. */
export const MAX_TEXT_REGISTERS = 125;
/** Bound on the points that one entry with `count` stands for. */
export const MAX_ARRAY_COUNT = 256;

/** One point of a register map, or several by `count`. Either `table` and `address`, or `register`. */
export const ModbusMapPoint = Type.Object(
  {
    table: Type.Optional(TableSchema),
    address: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'as on the wire, from 0' })),
    register: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 465_536,
        description:
          'as in manuals, from 1: 4xxxx holding, 3xxxx input, 1xxxx discrete, 0xxxx coil; 40161 is holding 160',
      }),
    ),
    type: Type.Optional(ValueTypeSchema),
    bit: Type.Optional(Type.Integer({ minimum: 0, description: 'bit of the register, 0 the lowest, 15 the highest' })),
    bits: Type.Optional(
      Type.Tuple([Type.Integer({ minimum: 0, maximum: 31 }), Type.Integer({ minimum: 0, maximum: 31 })], {
        description: 'the lowest and the highest bit of a number within the register: [4, 7]',
        expected: { zh: '写最低位与最高位，例如 [4, 7]', en: 'write the lowest and the highest bit: [4, 7]' },
      }),
    ),
    length: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_TEXT_REGISTERS,
        description: 'registers of a text, two bytes each',
      }),
    ),
    encoding: Type.Optional(TextEncodingSchema),
    scale: Type.Optional(Type.Number({ description: 'value = raw × scale + add; 0.1 for a value kept ×10' })),
    add: Type.Optional(Type.Number()),
    noValue: Type.Optional(
      Type.Array(Type.Number(), {
        maxItems: 16,
        description: 'raw values by which the device says that it has none, e.g. 65535',
      }),
    ),
    wordOrder: Type.Optional(Type.Union(Order.anyOf, { description: 'overrides that of the link' })),
    byteOrder: Type.Optional(Type.Union(Order.anyOf, { description: 'overrides that of the link' })),
    wire: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 8 }), {
        minItems: 2,
        maxItems: 8,
        description:
          'in place of both orders: the bytes of the value, 1 the most significant, as they come on the wire; [3, 4, 1, 2] where 0x01020304 comes as 03 04 01 02',
      }),
    ),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_ARRAY_COUNT,
        description: 'an array: the entry cell with count 8 is the points cell1 to cell8',
      }),
    ),
    step: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'from one point of an array to the next, in registers (or coils); as many as it takes if absent',
      }),
    ),
    poll: Type.Optional(
      Type.String({
        pattern: DURATION_PATTERN,
        description: 'interval at which this point is read, site time; that of the link if absent',
        expected: { zh: '写轮询周期，10ms 到 1d，例如 10s', en: 'write an interval from 10ms to 1d, such as 10s' },
      }),
    ),
    writable: Type.Optional(
      Type.Boolean({ description: 'the controller takes a value here; the site file must allow it as well' }),
    ),
  },
  { additionalProperties: false },
);
export type ModbusMapPoint = Static<typeof ModbusMapPoint>;
