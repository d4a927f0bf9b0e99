/** The word that is counted with: "1 lamp", "3 lamps", 「3 盏」. */
export interface Unit {
  readonly one: string;
  readonly other: string;
}

/** The form of `unit` that goes with `count`. */
export function unitFor(unit: Unit, count: number): string {
  return count === 1 ? unit.one : unit.other;
}

/** What the assets of a system are counted in. */
export function unitOf(messages: { readonly units: Readonly<Record<string, Unit>> }, system: string): Unit {
  return messages.units[system] ?? messages.units.other ?? { one: '', other: '' };
}
