import type { Profile } from '../model/site.ts';

/**
 * The built-in profile of a link: to the engine, a link is an asset with one point, so that "the controller does not
 * answer" is an alarm like any other, and the cause that holds back those of the assets behind it.
 */
export const linkProfile: Profile = {
  key: 'link',
  name: { zh: '通信链路', en: 'Link' },
  points: {
    answering: { kind: 'bool', name: { zh: '有应答', en: 'answering' }, staleAfterMs: Number.POSITIVE_INFINITY },
  },
  up: 'answering',
  alarms: [
    {
      key: 'controller-lost',
      priority: 2,
      when: '!answering',
      onDelayMs: 5000,
      offDelayMs: 5000,
      causesChildren: true,
      text: { zh: '控制器失联', en: 'Controller lost' },
      consequence: {
        zh: '其下设备状态未知，故障不会被发现',
        en: 'The state of the equipment behind it is unknown; faults there go unseen',
      },
      action: {
        zh: '检查控制器电源、网线和交换机端口；期间按巡检表人工查看',
        en: 'Check the controller’s power, cable and switch port; inspect the equipment by eye meanwhile',
      },
    },
  ],
};
