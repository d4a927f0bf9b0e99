/** What InfluxDB calls the types of fields. */
export type FieldType = 'float' | 'integer' | 'boolean' | 'string';

/** Fields of every measurement of samples, whatever the system. */
export const sampleFields = {
  value: 'float',
  state: 'integer',
  on: 'boolean',
  text: 'string',
  quality: 'integer',
  reason: 'string',
} as const satisfies Readonly<Record<string, FieldType>>;

/** Measurements that are not a system's samples, with their fields. */
export const changeFields = {
  ledger: { class: 'string' },
  alarm: { event: 'string', state: 'string', activation: 'string', by: 'string', priority: 'integer' },
  flood: { active: 'boolean' },
  rate: { value: 'float', low: 'float', high: 'float', coverage: 'float', known: 'boolean' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldType>>>>;

/** Measurement of a system's samples; the colon, which no key has, keeps one called like ours apart from ours. */
export function measurementOf(system: string): string {
  return Object.hasOwn(changeFields, system) ? `${system}:samples` : system;
}

/** Fields of a measurement that are ours, with the types that they have for good. */
export function fieldsOf(measurement: string): Readonly<Record<string, FieldType>> {
  const fields: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = changeFields;
  return (Object.hasOwn(fields, measurement) ? fields[measurement] : undefined) ?? sampleFields;
}

/** A field that somebody else's rows have with another type, and how ours is called instead. */
export interface RenamedField {
  readonly measurement: string;
  readonly field: string;
  readonly name: string;
}

/** A row of `SHOW FIELD KEYS`. */
export interface FoundField {
  readonly measurement: string;
  readonly field: string;
  readonly type: string;
}

/**
 * How our fields are called. By default as they are; where the database has the field with another type, InfluxDB would
 * never take a row of ours, so the field has its type in its name there, e.g. `value_float`.
 */
export class FieldNames {
  readonly #renamed = new Map<string, RenamedField>();

  nameOf(measurement: string, field: string): string {
    return this.#renamed.get(keyOf(measurement, field))?.name ?? field;
  }

  /** Takes over what the database has; gives what is called otherwise from here on and was not before. */
  learn(found: readonly FoundField[]): readonly RenamedField[] {
    const news: RenamedField[] = [];
    for (const { measurement, field, type } of found) {
      const ours = fieldsOf(measurement);
      const wanted = Object.hasOwn(ours, field) ? ours[field] : undefined;
      if (wanted === undefined || wanted === type) continue;
      const renamed = { measurement, field, name: `${field}_${wanted}` };
      if (!this.#renamed.has(keyOf(measurement, field))) news.push(renamed);
      this.adopt(renamed);
    }
    return news;
  }

  /** Takes over what the other thread has learnt. */
  adopt(renamed: RenamedField): void {
    this.#renamed.set(keyOf(renamed.measurement, renamed.field), renamed);
  }
}

function keyOf(measurement: string, field: string): string {
  return `${measurement}\n${field}`;
}
