import { dirname } from 'node:path';
import {
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  type UserIdentityInfo,
} from 'node-opcua';
import { type LinkPlan, SetupRefused } from '../../../model/adapter.ts';
import type { OwnCertificate } from '../../../model/certificates.ts';
import type { Text } from '../../../model/text.ts';
import type { OpcuaAddress, OpcuaSettings } from '../schema.ts';
import { REQUEST_TIMEOUT_MS, within } from '../session/request.ts';
import { readCertificate } from './certificate-facts.ts';
import { type ClientIdentity, createClientIdentity, identityOf } from './client-identity.ts';
import { judgeServer } from './judge-server.ts';
import { chooseEndpoint } from './offered.ts';
import { type OwnKeyPair, ownOrMade } from './own-certificate.ts';
import { ServerCertificates } from './server-certificates.ts';
import { userIdentity } from './user-identity.ts';

/** Real ms to ask a server, without security, which endpoints it has. */
const DISCOVERY_MS = 4_000;
const DEFAULT_PORT = '4840';

/** What a connection is made with. */
export interface Prepared {
  readonly identity: ClientIdentity;
  readonly user: UserIdentityInfo;
  readonly securityMode: MessageSecurityMode;
  readonly securityPolicy: SecurityPolicy;
  /** That of the server, which was trusted; absent where nothing is signed. */
  readonly serverCertificate?: Buffer;
}

type Plan = Pick<LinkPlan<OpcuaSettings, OpcuaAddress>, 'key' | 'settings' | 'clock' | 'wire' | 'folder'>;

/** Makes ready what the connections of one link need: who we are, who signs in, and whom we believe. */
export class Preparation {
  readonly #plan: Plan;
  #unsecured: Promise<ClientIdentity> | undefined;
  #own: OwnKeyPair | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** The gateway's own certificate, as the newest call of `prepare` found it; none where nothing is signed. */
  get own(): { readonly own?: OwnCertificate } {
    return this.#own === undefined ? {} : { own: this.#own.facts };
  }

  /**
   * Finds out what a connection to `endpoint` is to be made with. With security it asks the server for its endpoints and
   * its certificate first. Rejects with SetupRefused where the server is not believed or does not offer what is asked for.
   *
   * @param opened hears of each client that is made, so that whoever ends the call can end it too
   */
  async prepare(endpoint: string, opened: (client: OPCUAClient) => void): Promise<Prepared> {
    const { settings } = this.#plan;
    const { user, untilMs: userUntilMs } = await userIdentity(settings);
    if (settings.security === undefined) {
      if (userUntilMs !== null) this.#plan.wire.certified({ ownUntilMs: null, serverUntilMs: null, userUntilMs });
      this.#unsecured ??= createClientIdentity().catch((error: unknown) => {
        this.#unsecured = undefined;
        throw error;
      });
      const identity = await this.#unsecured;
      return { identity, user, securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None };
    }
    const folder = this.#folder();
    const own = await kept(() => ownOrMade(folder, Date.now()));
    this.#own = own;
    const address = addressOf(endpoint);
    const servers = new ServerCertificates(folder);
    const trusted = await kept(() => servers.trusted(this.#plan.key, address));
    this.#plan.wire.certified({
      ownUntilMs: own.facts.untilMs,
      serverUntilMs: trusted?.validToDate.getTime() ?? null,
      userUntilMs,
    });
    const identity = identityOf(own);
    const offered = await discover(endpoint, identity, opened);
    const choice = chooseEndpoint(offered, settings);
    if (!choice.ok) throw refused(choice.why, endpoint);
    const shown = readCertificate(choice.endpoint.serverCertificate ?? Buffer.alloc(0));
    if (shown === undefined) throw refused(noCertificate, endpoint);
    const why = judgeServer(shown, {
      link: this.#plan.key,
      address,
      trusted,
      dataDir: dirname(folder),
      nowMs: this.#plan.clock.now(),
    });
    if (why !== undefined) {
      await kept(() => servers.putAside(this.#plan.key, address, shown));
      throw new SetupRefused(why);
    }
    await kept(() => servers.settle(this.#plan.key, address));
    return {
      identity,
      user,
      securityMode: choice.endpoint.securityMode,
      securityPolicy: choice.endpoint.securityPolicyUri as SecurityPolicy,
      serverCertificate: shown.raw,
    };
  }

  #folder(): string {
    const { folder } = this.#plan;
    if (folder === undefined) throw new Error('a link with security has no folder to keep certificates in');
    return folder;
  }
}

/** Where a server is reached: host and port, by which its certificate is known. */
export function addressOf(endpoint: string): string {
  const authority = endpoint
    .replace(/^opc\.tcp:\/\//, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
  return /:\d+$/.test(authority) ? authority : `${authority}:${DEFAULT_PORT}`;
}

/** Asks a server which endpoints it has, on a connection of its own that is closed before another is made. */
async function discover(
  endpoint: string,
  identity: ClientIdentity,
  opened: (client: OPCUAClient) => void,
): Promise<EndpointDescription[]> {
  const client = OPCUAClient.create({
    ...identity,
    clientName: 'discovery',
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
    transportTimeout: REQUEST_TIMEOUT_MS,
    defaultTransactionTimeout: REQUEST_TIMEOUT_MS,
  });
  opened(client);
  const asking = async () => {
    await client.connect(endpoint);
    const endpoints = await client.getEndpoints({ endpointUrl: endpoint });
    // Small servers have one connection: it must be free again.
    await client.disconnect();
    return endpoints;
  };
  return await within(DISCOVERY_MS, asking(), 'ask for the endpoints');
}

/** Does something with the folder of certificates; that it cannot be done is the set-up's fault, and told as such. */
async function kept<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof SetupRefused) throw cause;
    const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
    throw new SetupRefused(
      { zh: `证书目录无法使用：${why}`, en: `the folder of certificates cannot be used: ${why}` },
      { cause },
    );
  }
}

function refused({ zh, en }: Text, endpoint: string): SetupRefused {
  return new SetupRefused({ zh: `${zh}：${endpoint}`, en: `${en}: ${endpoint}` });
}

const noCertificate: Text = {
  zh: '服务器没有给出可读的证书',
  en: 'the server shows no certificate that can be read',
};
