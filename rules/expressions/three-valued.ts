import type { Evaluate } from './expression.ts';

/**
 * The operators of expressions as closures over numbers: 0 and 1 for false and true, NaN for what is not known. Logic is
 * Kleene's: the result is known as soon as the known operands decide it, whatever the unknown ones turn out to be.
 */

/** The same value every time. */
export function always(value: number): Evaluate {
  return () => value;
}

/** The value of the expression's `index`-th name. */
export function slotValue(index: number): Evaluate {
  return (values, slots) => values[slots[index] as number] as number;
}

export function not(a: Evaluate): Evaluate {
  return (v, s) => 1 - a(v, s);
}

export function negative(a: Evaluate): Evaluate {
  return (v, s) => -a(v, s);
}

/** One false decides, else one unknown leaves it unknown. */
export function and(parts: readonly Evaluate[]): Evaluate {
  return (v, s) => {
    let result = 1;
    for (const part of parts) {
      const x = part(v, s);
      if (x === 0) return 0;
      if (Number.isNaN(x)) result = Number.NaN;
    }
    return result;
  };
}

/** One true decides, else one unknown leaves it unknown. */
export function or(parts: readonly Evaluate[]): Evaluate {
  return (v, s) => {
    let result = 0;
    for (const part of parts) {
      const x = part(v, s);
      if (x === 1) return 1;
      if (Number.isNaN(x)) result = Number.NaN;
    }
    return result;
  };
}

/** `test ? yes : no`; with an unknown test it is known where both branches agree. */
export function conditional(test: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (v, s) => {
    const t = test(v, s);
    if (t === 1) return yes(v, s);
    if (t === 0) return no(v, s);
    const a = yes(v, s);
    return Object.is(a, no(v, s)) ? a : Number.NaN;
  };
}

/** Whether the item is one of the elements; an unknown element leaves it unknown unless another one is equal. */
export function membership(item: Evaluate, elements: readonly Evaluate[]): Evaluate {
  return (v, s) => {
    const value = item(v, s);
    if (Number.isNaN(value)) return Number.NaN;
    let result = 0;
    for (const element of elements) {
      const e = element(v, s);
      if (e === value) return 1;
      if (Number.isNaN(e)) result = Number.NaN;
    }
    return result;
  };
}

/** Bit `n` of a word, from 0; of a negative number as two's complement has it, since some devices send signed words. */
export function bit(word: Evaluate, n: number): Evaluate {
  const weight = 2 ** n;
  return (v, s) => {
    const shifted = Math.floor(Math.floor(word(v, s)) / weight);
    return shifted - 2 * Math.floor(shifted / 2);
  };
}

export function isKnown(x: Evaluate): Evaluate {
  return (v, s) => (Number.isNaN(x(v, s)) ? 0 : 1);
}

export function comparison(holds: (x: number, y: number) => boolean): (a: Evaluate, b: Evaluate) => Evaluate {
  return (a, b) => (v, s) => {
    const x = a(v, s);
    const y = b(v, s);
    return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : holds(x, y) ? 1 : 0;
  };
}

export function arithmetic(apply: (x: number, y: number) => number): (a: Evaluate, b: Evaluate) => Evaluate {
  return (a, b) => (v, s) => apply(a(v, s), b(v, s));
}
