import {
  AttributeIds,
  type ClientSession,
  DataTypeExtractStrategy,
  ExtraDataTypeManager,
  NodeId,
  populateDataTypeManager,
} from 'node-opcua';
import { REQUEST_TIMEOUT_MS, within } from '../session/request.ts';
import type { NodePoint } from './decode.ts';

/** Real ms that a connection waits, before its first read, for the server to describe the structures that points are in. */
const DESCRIBED_WITHIN_MS = 5_000;
/** Real ms after which a type is asked for again that the server did not describe, and how many types are asked for. */
const ASK_AGAIN_MS = 60_000;
const MAX_TYPES = 1_000;
/** Nodes of one read. */
const NODES_PER_READ = 100;

/** Where the library looks for what it knows of the types of a session's server. */
interface SessionWithTypes {
  $$extraDataTypeManager?: ExtraDataTypeManager;
  $$namespaceArray?: string[] | undefined;
}

type Encoding = Parameters<ExtraDataTypeManager['getExtensionObjectConstructorFromBinaryEncodingAsync']>[0];

/**
 * What a server's structures are made of, learnt one by one. The library's own way is to read all types when the first
 * structure comes in, within the read or the notification that brings it, which fails as a whole where a server is slow
 * or does not answer. Here nobody waits: the body of a structure that is not known yet stays as it is, which makes a bad
 * sample, and its type is asked for meanwhile.
 */
class TypeCatalogue extends ExtraDataTypeManager {
  /** By encoding, the time from which on it may be asked for (again). */
  readonly #askFromMs = new Map<string, number>();
  #begun: Promise<void> | undefined;

  override async getExtensionObjectConstructorFromBinaryEncodingAsync(encoding: Encoding) {
    const factory = this.hasDataTypeFactory(encoding.namespace)
      ? this.getDataTypeFactory(encoding.namespace)
      : undefined;
    const known = factory?.getConstructor(encoding);
    if (known) return known;
    if (factory !== undefined) this.#ask(encoding);
    throw new Error(`type ${encoding.toString()} is not known yet`);
  }

  /** Of servers that describe each type at its own node nothing is read yet; of older ones, their dictionaries. Once. */
  async begin(session: ClientSession): Promise<void> {
    this.#begun ??= populateDataTypeManager(session, this, DataTypeExtractStrategy.Lazy);
    await this.#begun;
  }

  #ask(encoding: Encoding): void {
    const key = encoding.toString();
    const nowMs = performance.now();
    if (nowMs < (this.#askFromMs.get(key) ?? 0) || this.#askFromMs.size >= MAX_TYPES) return;
    this.#askFromMs.set(key, Number.POSITIVE_INFINITY);
    super.getExtensionObjectConstructorFromBinaryEncodingAsync(encoding).then(
      () => this.#askFromMs.delete(key),
      // Its samples are bad and say so; perhaps the server describes it later.
      () => this.#askFromMs.set(key, performance.now() + ASK_AGAIN_MS),
    );
  }
}

/** A node on this connection, and the points that are made of its value. */
interface Placed {
  readonly points: readonly Pick<NodePoint, 'address'>[];
  readonly nodeId: NodeId | undefined;
}

/**
 * Sees to it that structures of this session are decoded: sets up what is known of their types, and learns those that
 * points need a member of. Takes {@link DESCRIBED_WITHIN_MS} of real time at most, and nothing where no point is in a
 * structure; what is not known by then is learnt later. Never rejects: what stays unknown is a bad sample.
 */
export async function describeTypes(session: ClientSession, placed: readonly Placed[]): Promise<void> {
  catalogueOf(session);
  const nodes = placed.flatMap(({ points, nodeId }) =>
    nodeId !== undefined && points.some(({ address }) => address.member !== undefined) ? [nodeId] : [],
  );
  if (nodes.length === 0) return;
  await learnTypes(session, nodes);
}

/**
 * Learns the types of the structures that these nodes hold, on a session that may or may not have a catalogue. As
 * {@link describeTypes}: bounded, never rejects.
 */
export async function learnTypes(session: ClientSession, nodes: readonly NodeId[]): Promise<void> {
  const known = (session as SessionWithTypes).$$extraDataTypeManager;
  const learning = learn(session, known instanceof TypeCatalogue ? known : catalogueOf(session), nodes);
  await within(DESCRIBED_WITHIN_MS, learning, 'describe the types').catch(() => undefined);
  learning.catch(() => undefined);
}

/** Sees to it that no read waits for types; for sessions of which nobody said yet what is in them. */
export function deferTypes(session: ClientSession): void {
  if (!((session as SessionWithTypes).$$extraDataTypeManager instanceof TypeCatalogue)) catalogueOf(session);
}

function catalogueOf(session: ClientSession): TypeCatalogue {
  const catalogue = new TypeCatalogue();
  catalogue.setSession(session);
  const known = session as SessionWithTypes;
  known.$$extraDataTypeManager = catalogue;
  // Else the library answers from memory, and namespaces may have moved since.
  known.$$namespaceArray = undefined;
  return catalogue;
}

async function learn(session: ClientSession, catalogue: TypeCatalogue, nodes: readonly NodeId[]): Promise<void> {
  await catalogue.begin(session);
  const types = new Map<string, NodeId>();
  for (let at = 0; at < nodes.length; at += NODES_PER_READ) {
    const some = nodes.slice(at, at + NODES_PER_READ);
    const answers = await within(
      REQUEST_TIMEOUT_MS,
      session.read(some.map((nodeId) => ({ nodeId, attributeId: AttributeIds.DataType }))),
      'read the data types',
    );
    for (const { value } of answers) {
      const type: unknown = value?.value;
      if (type instanceof NodeId && type.namespace > 0) types.set(type.toString(), type);
    }
  }
  const wanted = [...types.values()].slice(0, MAX_TYPES);
  await Promise.allSettled(wanted.map((type) => catalogue.getExtensionObjectConstructorFromDataTypeAsync(type)));
}
