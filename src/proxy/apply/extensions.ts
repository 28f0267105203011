// Which extensions this proxy has, by type URL; what is not here is refused in Envoy's words.

import type { AccessLog } from '#proto/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { HttpFilterExtension } from '../http/filter.ts';
import type { StreamSink } from '../http/manager-config.ts';
import type { NetworkFilterExtension } from '../network/filter.ts';
import type { ProxyServices } from '../services.ts';
import { typeNameOf } from './decode.ts';

export class ExtensionRegistry {
  readonly #http = new Map<string, HttpFilterExtension>();
  readonly #network = new Map<string, NetworkFilterExtension>();
  readonly #sinks = new Map<string, StreamSinkExtension>();
  /** Told of every finished stream and connection, before the access logs and whether or not there are any: metrics. */
  readonly commonSinks: StreamSink[] = [];

  registerHttpFilter(extension: HttpFilterExtension): void {
    this.#http.set(typeNameOf(extension.typeUrl), extension);
  }

  registerNetworkFilter(extension: NetworkFilterExtension): void {
    this.#network.set(typeNameOf(extension.typeUrl), extension);
  }

  registerStreamSink(extension: StreamSinkExtension): void {
    this.#sinks.set(typeNameOf(extension.typeUrl), extension);
  }

  httpFilter(typeUrl: string): HttpFilterExtension | undefined {
    return this.#http.get(typeNameOf(typeUrl));
  }

  networkFilter(typeUrl: string): NetworkFilterExtension | undefined {
    return this.#network.get(typeNameOf(typeUrl));
  }

  streamSink(typeUrl: string): StreamSinkExtension | undefined {
    return this.#sinks.get(typeNameOf(typeUrl));
  }

  /** HTTP filter by the type of its per-route configuration's filter name; see RouteOptions. */
  get httpFilters(): Iterable<HttpFilterExtension> {
    return this.#http.values();
  }
}

/** Access loggers, metrics, tracers: what reads finished streams. One per extension type URL. */
export interface StreamSinkExtension {
  readonly typeUrl: string;
  readonly name: string;
  /** `log` is the whole AccessLog message, whose filter the sink applies. */
  build(config: Uint8Array, services: ProxyServices, log: AccessLog): StreamSink;
}

/** Envoy's NACK for a filter that it does not have. */
export function unknownExtension(name: string, typeUrl: string): string {
  return `Didn't find a registered implementation for '${name}' with type URL: '${typeNameOf(typeUrl)}'`;
}
