import { Cable } from '../cable.ts';
import type { WireFaults } from '../faults/wire-faults.ts';
import type { Log } from '../log.ts';
import type { Plant } from '../plant/plant.ts';
import { cameraPublisher, recorderPublisher, recorderTopic } from './cctv.ts';
import { intercomPublisher } from './intercom.ts';
import { streetLampPublisher } from './street-lamp.ts';
import { Trade, type TradeOptions } from './trade.ts';

/** Link key of the broker that all trades meet at. */
const FIELD_BUS = 'field-bus';

/** The estate's trades on MQTT. */
export interface Trades {
  /** Publishes what is due; cuts off and plugs in what the faults say. */
  show(): void;
  stop(): Promise<void>;
}

/** Starts one client per trade; they find the broker when it is there. */
export function startTrades(plant: Plant, faults: WireFaults, url: string, log: Log): Trades {
  const { recorder, cameras, feeders, intercoms } = plant;
  const options: readonly Pick<TradeOptions, 'key' | 'will' | 'publishers'>[] = [
    {
      key: 'cctv',
      will: { topic: recorderTopic(recorder), payload: '{"online":false}' },
      publishers: [recorderPublisher(recorder, faults), ...cameras.map((camera) => cameraPublisher(camera, faults))],
    },
    {
      key: 'streetlight',
      will: undefined,
      publishers: feeders.flatMap((feeder) => feeder.lamps).map((lamp) => streetLampPublisher(lamp, faults)),
    },
    {
      key: 'intercom',
      will: undefined,
      publishers: intercoms.map((intercom) => intercomPublisher(intercom, faults)),
    },
  ];
  const trades = options.map((each) => {
    const trade = new Trade({ ...each, url, faults, log });
    trade.plug();
    return { key: each.key, trade, cable: new Cable(each.key, trade, log) };
  });
  return {
    show: () => {
      for (const { key, trade, cable } of trades) {
        trade.show(plant.nowMs);
        cable.follow(faults.unplugged.has(key) || faults.unplugged.has(FIELD_BUS));
      }
    },
    stop: async () => {
      await Promise.all(
        trades.map(async ({ cable, trade }) => {
          await cable.settled();
          await trade.stop();
        }),
      );
    },
  };
}
