/**
 * Units by their common code of UNECE Recommendation 20, as profiles write them. A server gives the code as a number whose
 * bytes are its letters (OPC UA Part 8, 5.6.4.3).
 */
const byCode: ReadonlyMap<string, string> = new Map([
  ['CEL', '°C'],
  ['FAH', '°F'],
  ['KEL', 'K'],
  ['P1', '%'],
  ['BAR', 'bar'],
  ['MBR', 'mbar'],
  ['PAL', 'Pa'],
  ['A97', 'hPa'],
  ['KPA', 'kPa'],
  ['MPA', 'MPa'],
  ['VLT', 'V'],
  ['KVT', 'kV'],
  ['2Z', 'mV'],
  ['AMP', 'A'],
  ['4K', 'mA'],
  ['WTT', 'W'],
  ['KWT', 'kW'],
  ['MAW', 'MW'],
  ['WHR', 'Wh'],
  ['KWH', 'kWh'],
  ['MWH', 'MWh'],
  ['KVA', 'kVA'],
  ['KVR', 'kvar'],
  ['HTZ', 'Hz'],
  ['KHZ', 'kHz'],
  ['MTR', 'm'],
  ['CMT', 'cm'],
  ['MMT', 'mm'],
  ['MTS', 'm/s'],
  ['MTQ', 'm³'],
  ['LTR', 'L'],
  ['MQH', 'm³/h'],
  ['L2', 'L/min'],
  ['G51', 'L/s'],
  ['RPM', 'r/min'],
  ['SEC', 's'],
  ['C26', 'ms'],
  ['MIN', 'min'],
  ['HUR', 'h'],
  ['DAY', 'd'],
  ['KGM', 'kg'],
  ['LUX', 'lx'],
  ['59', 'ppm'],
]);

/** Longest unit that is taken over from a server. */
const MAX_UNIT = 20;

/** What a server says of a unit, as the library decodes it. */
interface EngineeringUnit {
  readonly unitId?: unknown;
  readonly displayName?: { readonly text?: unknown } | null;
}

/** The unit as profiles write it: by its code, else as the server shows it; undefined where it says nothing. */
export function unitOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { unitId, displayName } = value as EngineeringUnit;
  const byItsCode = typeof unitId === 'number' ? byCode.get(commonCode(unitId)) : undefined;
  if (byItsCode !== undefined) return byItsCode;
  const shown = typeof displayName?.text === 'string' ? displayName.text.trim() : '';
  return shown === '' ? undefined : shown.slice(0, MAX_UNIT);
}

function commonCode(unitId: number): string {
  let code = '';
  for (let rest = unitId >>> 0; rest > 0; rest >>>= 8) code = String.fromCharCode(rest & 0xff) + code;
  return code;
}
