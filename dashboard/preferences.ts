import { effect, type Signal, signal } from '@preact/signals';
import { type Language, preferredLanguage } from './text/language.ts';

/** Light and dark page. */
export type Theme = 'light' | 'dark';

/** What this browser remembers of its user. */
export interface Preferences {
  readonly language: Signal<Language>;
  readonly theme: Signal<Theme>;
  /** Name that goes with acknowledgements; empty if none was given. */
  readonly operator: Signal<string>;
}

/** Bound of the API on the name of an acknowledgement. */
export const MAX_OPERATOR_LENGTH = 64;

/** Reads the preferences, and writes them back whenever they change. */
export function loadPreferences(): Preferences {
  const language = signal<Language>(oneOf(['zh', 'en'], read('language')) ?? preferredLanguage(navigator.languages));
  const systemTheme: Theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const theme = signal<Theme>(oneOf(['light', 'dark'], read('theme')) ?? systemTheme);
  const operator = signal((read('operator') ?? '').slice(0, MAX_OPERATOR_LENGTH));
  remember('language', language);
  remember('theme', theme);
  remember('operator', operator);
  return { language, theme, operator };
}

function oneOf<Value extends string>(values: readonly Value[], text: string | null): Value | undefined {
  return values.find((value) => value === text);
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`lamplighter.${name}`);
  } catch {
    // A browser may forbid storage; the page then asks anew each time.
    return null;
  }
}

/** Only what the user changed is written, so that an untouched preference goes on following the browser. */
function remember(name: string, preference: Signal<string>): void {
  let first = true;
  effect(() => {
    const { value } = preference;
    if (first) {
      first = false;
      return;
    }
    try {
      localStorage.setItem(`lamplighter.${name}`, value);
    } catch {
      // As above.
    }
  });
}
