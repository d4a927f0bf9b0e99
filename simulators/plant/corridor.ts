import { estate } from './estate.ts';
import { pick, randomStream } from './random.ts';

/** One lamp of a corridor. Corridors have no windows: their lamps burn day and night unless they failed. */
export interface CorridorLamp {
  readonly key: string;
  readonly lit: boolean;
}

/** The corridor lamps of one building, floor by floor from floor 1. */
export interface Building {
  readonly lamps: readonly CorridorLamp[];
}

/** The buildings as they open; the seed says which lamps are dark. */
export function openBuildings(seed: number): readonly Building[] {
  return estate.buildings.map(({ key, dark, floors }) => {
    const keys = floors.flatMap((floor) => Array.from({ length: floor.lamps }, (_, i) => `${floor.key}-lamp-${i + 1}`));
    const failed = pick(randomStream(seed, key), keys.length, dark);
    return { lamps: keys.map((key, i) => ({ key, lit: !failed.has(i) })) };
  });
}
