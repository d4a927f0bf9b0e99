import type { Profile } from '../../model/site.ts';

/**
 * The built-in profile of a link: to the engine, a link is an asset with one point, so that "the controller does not
 * answer" is an alarm like any other, and the cause that holds back those of the assets behind it.
 */
export const linkProfile: Profile = {
  key: 'built-in:link',
  name: { zh: '通信链路', en: 'Link' },
  points: {
    answering: { kind: 'bool', name: { zh: '有应答', en: 'answering' }, staleAfterMs: Number.POSITIVE_INFINITY },
    clockOff: {
      kind: 'bool',
      name: { zh: '设备时钟异常', en: 'device clock off' },
      staleAfterMs: Number.POSITIVE_INFINITY,
    },
  },
  up: 'answering',
  alarms: [
    {
      key: 'controller-lost',
      priority: 2,
      // One that comes and goes answers nobody either, and holds back all that is behind it.
      when: "!answering || (known(count(!answering, '10min')) && count(!answering, '10min') >= 5)",
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
    {
      key: 'clock-off',
      priority: 4,
      when: 'clockOff',
      // One old message that was sent again is no clock that is off: it goes on.
      onDelayMs: 180_000,
      offDelayMs: 0,
      text: { zh: '设备时钟不准', en: 'Device clock is off' },
      consequence: {
        zh: '其时间不可信，按网关接收时间计，事件先后可能有误',
        en: 'Its stamps are not believed; times are those of receipt, and the order of events may be wrong',
      },
      action: {
        zh: '校准该链路上设备的时钟或校时服务器',
        en: 'Set the clocks of the devices on this link, or mend their time server',
      },
    },
  ],
};
