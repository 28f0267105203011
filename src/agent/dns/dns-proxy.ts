// The workload's resolver: the mesh's names from the name table, everything else from the host's resolvers (Istio's DNS proxy).
import type { Clock, Logger, Random } from '#base';
import { DNS_CODE, DnsError, type DnsMessage, parseDns, repliesTo, udpSize, writeDns } from '#wire/dns';
import { answerQuery, reply } from './answer-query.ts';
import { DNS_LIMITS } from './limits.ts';
import type { MeshNames } from './name-table.ts';
import type { ResolvConf } from './resolv-conf.ts';

export type DnsVia = 'udp' | 'tcp';

/** Asks one resolver; undefined when none of its answers in time satisfied `fits`. */
export interface DnsTransport {
  ask(
    server: string,
    query: Uint8Array,
    via: DnsVia,
    timeoutMs: number,
    fits: (answer: Uint8Array) => boolean,
  ): Promise<Uint8Array | undefined>;
}

export interface DnsProxyOptions {
  readonly names: MeshNames;
  readonly hostResolvers: () => ResolvConf;
  readonly transport: DnsTransport;
  readonly random: Random;
  readonly log: Logger;
  /** Times the host's resolvers. */
  readonly clock?: Pick<Clock, 'now'>;
}

export class DnsProxy {
  readonly #options: DnsProxyOptions;
  #forwarded = 0;

  constructor(options: DnsProxyOptions) {
    this.#options = options;
  }

  /** Undefined for bytes that deserve no answer. */
  async answer(bytes: Uint8Array, via: DnsVia): Promise<Uint8Array | undefined> {
    let query: DnsMessage;
    try {
      query = parseDns(bytes);
    } catch (error) {
      if (!(error instanceof DnsError)) throw error;
      this.#options.log.debug('a DNS query was malformed', { reason: error.message });
      return formatError(bytes);
    }
    // Answers to answers make loops.
    if (query.response) return undefined;
    if (query.opcode !== 0) return writeDns(reply(query, DNS_CODE.notImplemented));
    const { names, hostResolvers, random } = this.#options;
    names.metrics.requests++;
    const local = answerQuery(query, names, hostResolvers().search, random);
    if (local !== undefined) return fit(local, query, via);
    return (await this.#forward(query, bytes, via)) ?? writeDns(reply(query, DNS_CODE.serverFailure));
  }

  async #forward(query: DnsMessage, bytes: Uint8Array, via: DnsVia): Promise<Uint8Array | undefined> {
    if (this.#forwarded >= DNS_LIMITS.forwardedMax) return undefined;
    const { hostResolvers, transport, random } = this.#options;
    // Our own id: the application's may be guessable.
    const asked: DnsMessage = { ...query, id: random.uint32() & 0xffff };
    const sent = withId(bytes, asked.id);
    const fits = (answer: Uint8Array): boolean => {
      try {
        return repliesTo(asked, parseDns(answer));
      } catch {
        return false;
      }
    };
    const { names, clock } = this.#options;
    const started = clock?.now() ?? 0;
    names.metrics.upstreamRequests++;
    this.#forwarded += 1;
    try {
      for (const server of hostResolvers().servers.slice(0, DNS_LIMITS.serversMax)) {
        const answer = await transport.ask(server, sent, via, DNS_LIMITS.serverMs, fits);
        if (answer === undefined) continue;
        names.metrics.upstreamAnswered((clock?.now() ?? 0) - started);
        return withId(answer, query.id);
      }
      names.metrics.upstreamFailures++;
      return undefined;
    } finally {
      this.#forwarded -= 1;
    }
  }
}

/** Over UDP what is too long is cut, and the client comes again over TCP. */
function fit(message: DnsMessage, query: DnsMessage, via: DnsVia): Uint8Array {
  const bytes = writeDns(message);
  if (via === 'tcp' || bytes.length <= udpSize(query)) return bytes;
  return writeDns({ ...message, truncated: true, answers: [] });
}

function withId(bytes: Uint8Array, id: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[0] = id >> 8;
  copy[1] = id & 255;
  return copy;
}

/** A header that says FORMERR, when there is a query's id to answer to. */
function formatError(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < 12 || ((bytes[2] as number) & 0x80) !== 0) return undefined;
  const header = new Uint8Array(12);
  header.set(bytes.subarray(0, 2));
  header[2] = 0x80;
  header[3] = DNS_CODE.formatError;
  return header;
}
