import { DataType, type DataValue, type Variant, VariantArrayType } from 'node-opcua';
import type { Text } from '../../../model/text.ts';

/** Characters of one value that are shown. */
const SHOWN_VALUE = 300;
const SHOWN_BYTES = 64;

/** A value as people read it; an array in brackets, by its first elements. */
export function variantText(variant: Variant | null | undefined): string {
  if (variant === null || variant === undefined || variant.dataType === DataType.Null) return '—';
  const { dataType, arrayType, value } = variant;
  if (arrayType === VariantArrayType.Scalar) return cut(elementText(dataType, value));
  return cut(`[${elementsOf(variant).join(', ')}]`);
}

/** Each element of an array; the value itself of a scalar. */
export function elementsOf({ dataType, arrayType, value }: Variant, limit = SHOWN_VALUE): string[] {
  if (arrayType === VariantArrayType.Scalar) return [elementText(dataType, value)];
  const elements = value as ArrayLike<unknown> | null;
  return Array.from({ length: Math.min(limit, elements?.length ?? 0) }, (_, i) => elementText(dataType, elements?.[i]));
}

/** `Double`, `UInt16[3]`, `Byte[2,2]`. */
export function typeText(variant: Variant | null | undefined): string {
  if (variant === null || variant === undefined) return '—';
  const name = DataType[variant.dataType];
  if (variant.arrayType === VariantArrayType.Scalar) return name;
  const lengths = variant.dimensions ?? [(variant.value as ArrayLike<unknown> | null)?.length ?? 0];
  return `${name}[${lengths.join(',')}]`;
}

/** The name of a status and its code; what its severity means is in its two highest bits (Part 4, 7.39.1). */
export function statusText({ statusCode }: Pick<DataValue, 'statusCode'>): Text {
  const code = statusCode.value >>> 0;
  const name = `${statusCode.name} (0x${code.toString(16).padStart(8, '0')})`;
  const severity = code >>> 30;
  const { zh, en } =
    severity === 0
      ? { zh: '好', en: 'good' }
      : severity === 1
        ? { zh: '可疑', en: 'uncertain' }
        : { zh: '坏', en: 'bad' };
  return { zh: `${zh} ${name}`, en: `${en} ${name}` };
}

/** Times are shown in UTC, as the protocol has them; a dash where the server gives none. */
export function timeText(time: Date | null | undefined): string {
  return time === null || time === undefined || Number.isNaN(time.getTime()) ? '—' : time.toISOString();
}

function elementText(dataType: DataType, value: unknown): string {
  if (value === null || value === undefined) return '—';
  switch (dataType) {
    case DataType.Int64:
    case DataType.UInt64:
      return int64Text(value, dataType === DataType.Int64);
    case DataType.String:
    case DataType.XmlElement:
      return JSON.stringify(value);
    case DataType.LocalizedText:
      return JSON.stringify((value as { text?: string | null }).text ?? '');
    case DataType.DateTime:
      return timeText(value as Date);
    case DataType.ByteString: {
      const bytes = value as Buffer;
      const hex = bytes
        .subarray(0, SHOWN_BYTES)
        .toString('hex')
        .replace(/..(?!$)/g, '$& ');
      return bytes.length > SHOWN_BYTES ? `${hex} …` : hex;
    }
    default:
      return typeof value === 'object' ? String(value).replace(/\s+/g, ' ') : String(value);
  }
}

/** The library gives 64 bits as two halves, high first. */
function int64Text(value: unknown, signed: boolean): string {
  if (!Array.isArray(value)) return String(value);
  const [high = 0, low = 0] = value as number[];
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return String(signed ? BigInt.asIntN(64, bits) : bits);
}

function cut(text: string): string {
  return text.length <= SHOWN_VALUE ? text : `${text.slice(0, SHOWN_VALUE)} …`;
}
