import type { Server } from 'node:http';
import { createWebhook } from '../../../gateway/duty/channels/webhook/webhook.ts';
import { createPhoneServer } from '../../../simulators/phone/phone-server.ts';
import type { ChannelLab } from '../channel-lab.ts';

const SECRET = 'secret of the lab';
const SECRET_KEY = 'secret-key';
const modes = { well: 'ok', busy: 'error500', 'hidden-error': 'ok200-with-error', hang: 'hang' } as const;

/** The simulated duty phone as the receiver; it checks the signature. */
export async function startWebhookLab(): Promise<ChannelLab> {
  const server: Server = createPhoneServer(SECRET);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const channelWith = (secret: string) => {
    const channel = createWebhook({ url: `${url}/webhook?key=${SECRET_KEY}`, secret });
    if (!channel) throw new Error('the address of the lab cannot be used');
    return channel;
  };
  return {
    channel: () => channelWith(SECRET),
    lockedOut: () => channelWith(`another ${SECRET}`),
    async received() {
      const notices = (await (await fetch(`${url}/notices`)).json()) as { id: string }[];
      return notices.map(({ id }) => id);
    },
    async behave(how) {
      await fetch(`${url}/behaviour`, { method: 'POST', body: JSON.stringify({ mode: modes[how] }) });
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
