import type { OpcuaMapPoint } from '../schema.ts';

/**
 * The points that an entry of a map stands for: `phase` with `count: 3` is `phase1` to `phase3`, the elements from `index`
 * on, one behind the other or `step` apart; of a matrix those of its last dimension. An entry without `count` is itself.
 */
export function expandArray(name: string, entry: OpcuaMapPoint): readonly (readonly [string, OpcuaMapPoint])[] {
  const { count, step = 1, index = 0, ...point } = entry;
  if (count === undefined) return [[name, entry]];
  const first = typeof index === 'number' ? [index] : index;
  const last = first.length - 1;
  return Array.from({ length: count }, (_, i) => {
    const at = first.map((own, dimension) => (dimension === last ? own + i * step : own));
    return [`${name}${i + 1}`, { ...point, index: at.length === 1 ? (at[0] ?? 0) : at }] as const;
  });
}
