// HTTP filter envoy.filters.http.dynamic_forward_proxy: holds a request until the name that it asks for was looked up. Private names and addresses are allowed, as in Envoy: what may be reached is the routes' business.

import type { FilterConfig } from '#proto/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { decodeMessage } from '../../apply/decode.ts';
import type { ForwardAnswer } from '../../cluster/index.ts';
import { ConfigError } from '../../errors.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
  LocalReply,
} from '../../http/filter.ts';
import type { RequestHead } from '#wire/http';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig';

const FAILED: LocalReply = {
  status: 503,
  body: 'DNS resolution failure',
  details: 'dns_resolution_failure',
  flag: 'DF',
};
const OVERFLOW: LocalReply = { status: 503, body: 'DNS cache overflow', details: 'dns_cache_overflow' };

class DynamicForwardProxyFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #clusters: FilterContext['clusters'];
  #cancel: (() => void) | undefined = undefined;

  constructor(callbacks: FilterCallbacks, clusters: FilterContext['clusters']) {
    this.#callbacks = callbacks;
    this.#clusters = clusters;
  }

  requestHead(head: RequestHead): FilterStatus {
    const callbacks = this.#callbacks;
    const cluster = callbacks.route === undefined ? undefined : this.#clusters.get(callbacks.route.cluster);
    const answer = cluster?.findHost(head.authority, (late) => {
      this.#cancel = undefined;
      if (late === 'found') callbacks.continueRequest();
      else this.#refuse(late);
    });
    if (answer === undefined || answer === 'found') return 'continue';
    if (typeof answer === 'string') this.#refuse(answer);
    else this.#cancel = answer;
    return 'stop';
  }

  destroy(): void {
    this.#cancel?.();
  }

  #refuse(answer: ForwardAnswer): void {
    this.#callbacks.reply(answer === 'overflow' ? OVERFLOW : FAILED);
  }
}

export const dynamicForwardProxyExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.dynamic_forward_proxy',
  typeUrl: TYPE,
  build: (config, { clusters }, filterName) => {
    const message = decodeMessage<FilterConfig>(TYPE, config, filterName);
    if (message.implementationSpecifier.case === 'subClusterConfig')
      throw new ConfigError('proxy.unsupported', `${filterName}.sub_cluster_config`, 'give dns_cache_config');
    return { name: filterName, create: (callbacks) => new DynamicForwardProxyFilter(callbacks, clusters) };
  },
};
