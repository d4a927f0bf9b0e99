import { connectAsync } from 'mqtt';

/** Where Mosquitto counts messages that it did not deliver because a subscriber's queue was full. */
const DROPPED = '$SYS/broker/publish/messages/dropped';
/** Real ms that the broker may take to say it; one that has dropped nothing may say nothing. */
const WITHIN_MS = 1000;

/** Messages that a Mosquitto on loopback has dropped since its start, as of its last `sys_interval`. */
export async function droppedMessages(port: number): Promise<number> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
  try {
    const told = new Promise<number>((resolve) => {
      client.once('message', (_topic, payload) => resolve(Number(payload.toString())));
      setTimeout(() => resolve(0), WITHIN_MS).unref();
    });
    await client.subscribeAsync(DROPPED);
    return await told;
  } finally {
    await client.endAsync(true);
  }
}
