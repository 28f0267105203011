// The replicas of a control plane in a cluster: each tells where it is, and how far its proxies are with an object, to the one that writes statuses.
import process from 'node:process';
import type { Clock, HttpRoute, Logger, Random } from '#base';
import type { ConfigView } from '#config';
import {
  type CountAsked,
  countRoute,
  type ProgrammedCount,
  ReplicaCounts,
  ReplicaLeases,
  TOKEN_FOLDER,
} from '#controllers';
import type { TokenVerifier } from '#identity';
import { KubeHttp } from '#io';
import type { KubeClient } from '#kube';
import type { PodFacts } from './discovery-kube.ts';
import { VERSION } from './version.ts';

/** Replicas that were asked lately; beyond, connections are made anew. */
const CONNECTIONS_MAX = 32;
const ANSWER_BYTES = 1 << 20;

export interface ReplicasOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly facts: PodFacts;
  /** `host:port` of our HTTPS, for the others. */
  readonly address: string;
  readonly tokens: TokenVerifier;
  readonly rootsPem: () => string;
  readonly view: () => ConfigView;
  readonly programmed: (id: CountAsked) => ProgrammedCount | undefined;
}

export class Replicas {
  readonly route: HttpRoute;
  readonly #options: ReplicasOptions;
  readonly #leases: ReplicaLeases;
  readonly #counts: ReplicaCounts;
  /** Address -> connections, while the roots are the same. */
  readonly #connections = new Map<string, KubeHttp>();
  #rootsPem = '';
  #count: number | undefined;

  constructor(options: ReplicasOptions) {
    const { client, clock, random, facts } = options;
    const log = options.log.scope('replicas');
    this.#options = options;
    this.#leases = new ReplicaLeases({
      client,
      clock,
      random,
      log,
      namespace: facts.namespace,
      service: facts.service,
      self: { name: facts.pod, address: options.address },
    });
    this.#counts = new ReplicaCounts({
      log,
      peers: () => this.#leases.peers(),
      transport: ({ address }) => this.#connectionTo(address),
    });
    this.route = countRoute({
      tokens: options.tokens,
      namespace: facts.namespace,
      serviceAccount: process.env['SERVICE_ACCOUNT'] ?? facts.service,
      now: () => clock.now(),
      count: (asked) => this.#own(asked),
    });
  }

  /** Before anybody is counted. */
  async start(): Promise<void> {
    await this.#leases.start();
    await this.#look();
  }

  /** With this one, as last seen; undefined before anybody was looked for. */
  get count(): number | undefined {
    if (this.#count !== undefined) void this.#look();
    return this.#count;
  }

  /** Over all replicas. */
  async programmed(asked: CountAsked): Promise<ProgrammedCount | undefined> {
    const own = this.#own(asked);
    return own === undefined ? undefined : this.#counts.add(own, asked);
  }

  async close(): Promise<void> {
    this.#forget();
    await this.#leases.close();
  }

  async #look(): Promise<void> {
    this.#count = 1 + (await this.#leases.peers()).length;
  }

  #own(asked: CountAsked): ProgrammedCount | undefined {
    const { view, programmed } = this.#options;
    const read = view().statusInputs.get(`${asked.kind}/${asked.namespace}/${asked.name}`);
    return (read?.generation ?? -1) < asked.generation ? undefined : programmed(asked);
  }

  #connectionTo(address: string): KubeHttp {
    const rootsPem = this.#options.rootsPem();
    if (rootsPem !== this.#rootsPem || this.#connections.size > CONNECTIONS_MAX) this.#forget();
    this.#rootsPem = rootsPem;
    let connection = this.#connections.get(address);
    if (connection === undefined) {
      const { namespace, service } = this.#options.facts;
      const file = process.env['TOPSAIL_TOKEN_FILE'] ?? `${TOKEN_FOLDER}/istio-token`;
      connection = new KubeHttp({
        access: {
          server: `https://${address}`,
          caPem: { text: rootsPem },
          insecure: false,
          serverName: `${service}.${namespace}.svc`,
          token: { file },
        },
        userAgent: `topsail/${VERSION}`,
        answerBytes: ANSWER_BYTES,
      });
      this.#connections.set(address, connection);
    }
    return connection;
  }

  #forget(): void {
    for (const one of this.#connections.values()) one.close();
    this.#connections.clear();
  }
}
