import type { Priority } from './alarm.ts';
import type { Outcome } from './history.ts';
import type { Text } from './text.ts';

/**
 * One message to one person about one activation. `id` is the same at every try, so that a receiver can drop doubles;
 * an alarm that calls afresh has another one.
 */
export interface Notice {
  readonly id: string;
  /** `raised`: someone must act, for the first time or again; `returned`: the condition is gone again. */
  readonly kind: 'raised' | 'returned';
  readonly activationId: string;
  readonly person: string;
  readonly priority: Priority;
  readonly site: Text;
  readonly asset: { readonly key: string; readonly name: Text };
  /** Other assets with the same alarm that this notice stands for; `also` names the first few. */
  readonly alsoCount: number;
  readonly also: readonly Text[];
  readonly text: Text;
  readonly consequence: Text;
  readonly action: Text;
  readonly sinceMs: number;
  /** How many assets this cause takes with it. */
  readonly childCount: number;
  /** Page that shows the alarm and takes the acknowledgement by a POST; signed and expiring. */
  readonly acknowledgeUrl: string;
  /** The equipment is being tested or worked on: to be shown, in words, before the text. */
  readonly test: boolean;
  /** True on a simulated site. */
  readonly simulated: boolean;
}

/** A way to a person. Never throws for a fault of the world; bounded in time by `signal`. */
export interface Channel {
  send(notice: Notice, signal: AbortSignal): Promise<Outcome>;
}
