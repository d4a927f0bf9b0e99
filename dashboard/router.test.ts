import { describe, expect, it } from 'vitest';
import { parseRoute, routeAddress } from './router.ts';

describe('parseRoute', () => {
  it.each([
    ['', 'wall'],
    ['#', 'wall'],
    ['#/', 'wall'],
    ['#/alarms', 'alarms'],
    ['#/alarm-health', 'alarm-health'],
    ['#/links', 'links'],
    ['#/alarms/x', 'unknown'],
    ['#/system', 'unknown'],
    ['#/system/a/b', 'unknown'],
    ['#/nowhere', 'unknown'],
    ['#/asset/%E0%A4%A', 'unknown'],
  ])('%s leads to %s', (hash, page) => {
    expect(parseRoute(hash).page).toBe(page);
  });

  it('reads key and filters as they were written', () => {
    const address = routeAddress('asset', 'b1-f01/灯 1?', { point: 'mains voltage', range: '' });
    const route = parseRoute(address);
    expect(route).toMatchObject({ page: 'asset', key: 'b1-f01/灯 1?' });
    expect(Object.fromEntries(route.query)).toEqual({ point: 'mains voltage' });
  });

  it('writes the landing page without a key', () => {
    expect(routeAddress('wall')).toBe('#/');
  });
});
