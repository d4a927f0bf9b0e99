import type { AlarmReply } from '../../gateway/http/contract.ts';
import { routeAddress } from '../router.ts';

type Place = Pick<AlarmReply, 'asset' | 'system'>;

/** Whether an alarm is that of a rate, whose `children` are what missed its target. */
export function isOfRate({ asset }: Place): boolean {
  return asset.startsWith('rate:');
}

/** Where one looks at what an alarm is about: its asset, the system of a rate, the links for a link or the gateway. */
export function alarmAddress(alarm: Place): string {
  if (isOfRate(alarm) && alarm.system !== null) return routeAddress('system', alarm.system);
  return /^(link|gateway):/.test(alarm.asset) ? routeAddress('links') : routeAddress('asset', alarm.asset);
}
