import type { SystemReply } from '../../gateway/http/contract.ts';

/** Targets that figures of the system's assets must not be rounded across. */
export function targetsOf(system: SystemReply | undefined): readonly number[] {
  return (system?.rates ?? []).map((rate) => rate.target);
}
