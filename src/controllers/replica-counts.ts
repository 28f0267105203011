// `Programmed n/m` over all replicas: each knows its own proxies only, so the one that writes asks the others, object by object.

import { type HttpRoute, jsonAnswer, type Logger } from '#base';
import type { TokenVerifier } from '#identity';
import type { KubeTransport } from '#kube';
import type { Replica } from './replica-leases.ts';
import type { ProgrammedCount } from './status-writer.ts';

const PATH = '/programmed';
const ASK_MS = 3000;
/** Of each replica: a status names fewer. */
const NAMED_MAX = 10;
/** A token is reviewed once in so long. */
const REVIEW_MS = 60_000;

export interface CountAsked {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** `metadata.generation` of the form in force that is asked about. */
  readonly generation: number;
}

export interface CountRouteOptions {
  readonly tokens: TokenVerifier;
  /** Whose replicas may ask: this control plane's own service account. */
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly now: () => number;
  /** Undefined while this replica has not read that generation, or it is in no snapshot. */
  readonly count: (asked: CountAsked) => ProgrammedCount | undefined;
}

/** Answers `null` where this replica cannot say yet. */
export function countRoute({ tokens, namespace, serviceAccount, now, count }: CountRouteOptions): HttpRoute {
  let known: { readonly token: string; readonly atMs: number } | undefined;
  const allowed = async (token: string): Promise<boolean> => {
    if (token === '') return false;
    if (known?.token === token && now() - known.atMs < REVIEW_MS) return true;
    const reviewed = await tokens.verify(token);
    if (!reviewed.ok || reviewed.value.namespace !== namespace || reviewed.value.serviceAccount !== serviceAccount)
      return false;
    known = { token, atMs: now() };
    return true;
  };
  return {
    method: 'POST',
    path: PATH,
    answer: async ({ headers, body }) => {
      if (!(await allowed(/^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1] ?? '')))
        return jsonAnswer({ error: `only ${namespace}/${serviceAccount} may ask, by its token` }, 401);
      const asked = readAsked(body);
      if (asked === undefined) return jsonAnswer({ error: 'expected kind, namespace, name and generation' }, 400);
      const counted = count(asked);
      return jsonAnswer(
        counted === undefined
          ? null
          : {
              acknowledged: counted.acknowledged,
              concerned: counted.concerned,
              rejected: counted.rejected.slice(0, NAMED_MAX),
              lagging: counted.lagging.slice(0, NAMED_MAX),
            },
      );
    },
  };
}

function readAsked(body: string): CountAsked | undefined {
  try {
    const { kind, namespace, name, generation } = JSON.parse(body) as Partial<CountAsked>;
    if ([kind, namespace, name].some((one) => typeof one !== 'string') || typeof generation !== 'number')
      return undefined;
    return { kind, namespace, name, generation } as CountAsked;
  } catch {
    return undefined;
  }
}

export interface ReplicaCountsOptions {
  readonly log: Logger;
  readonly peers: () => Promise<readonly Replica[]>;
  /** With a token of ours, to somebody whose certificate leads to the mesh's roots. */
  readonly transport: (replica: Replica) => Pick<KubeTransport, 'call'>;
}

export class ReplicaCounts {
  readonly #options: ReplicaCountsOptions;
  /** Told once until they answer. */
  readonly #silent = new Set<string>();

  constructor(options: ReplicaCountsOptions) {
    this.#options = options;
  }

  async add(own: ProgrammedCount, asked: CountAsked): Promise<ProgrammedCount> {
    const peers = await this.#options.peers();
    const counts = await Promise.all(peers.map(async (peer) => [peer.name, await this.#ask(peer, asked)] as const));
    const told = counts.flatMap(([, count]) => count ?? []);
    return {
      acknowledged: own.acknowledged + sum(told.map(({ acknowledged }) => acknowledged)),
      concerned: own.concerned + sum(told.map(({ concerned }) => concerned)),
      rejected: [...own.rejected, ...told.flatMap(({ rejected }) => rejected)],
      lagging: [...own.lagging, ...told.flatMap(({ lagging }) => lagging)],
      silent: counts.filter(([, count]) => count === undefined).map(([name]) => name),
    };
  }

  async #ask(peer: Replica, asked: CountAsked): Promise<ProgrammedCount | undefined> {
    const answer = await this.#options.transport(peer).call({
      method: 'POST',
      path: PATH,
      contentType: 'application/json',
      body: JSON.stringify(asked),
      timeoutMs: ASK_MS,
    });
    if (answer?.status === 200) {
      this.#silent.delete(peer.name);
      return (JSON.parse(answer.body) as ProgrammedCount | null) ?? undefined;
    }
    if (!this.#silent.has(peer.name)) {
      this.#silent.add(peer.name);
      const reason = answer === undefined ? 'no answer' : `${answer.status}: ${answer.body.slice(0, 200)}`;
      this.#options.log.warn('a replica does not tell which proxies have what', { replica: peer.name, reason });
    }
    return undefined;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
