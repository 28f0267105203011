// HTTP filter envoy.filters.http.fault: delays and aborts a share of the requests, by configuration or by x-envoy-fault-* headers.

import type { Random, Timer } from '#base';
import type { FaultAbort, HTTPFault } from '#proto/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import type { FaultDelay } from '#proto/envoy/extensions/filters/common/fault/v3/fault_pb.ts';
import type { RequestHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import { ConfigError } from '../../errors.ts';
import type {
  FilterCallbacks,
  FilterContext,
  FilterStatus,
  HttpFilter,
  HttpFilterExtension,
} from '../../http/filter.ts';
import { fractionOf, millisOf } from '../../matcher/fraction.ts';
import { compileHeaderMatchers, type HeadPredicate } from '../../matcher/header-matcher.ts';
import { httpStatusOfGrpc } from '../grpc-status.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';

interface Abort {
  readonly status: number;
  readonly grpcStatus: number | undefined;
}

interface Fault {
  readonly cluster: string;
  readonly headers: HeadPredicate | undefined;
  readonly nodes: readonly string[];
  readonly maxActive: number;
  readonly delayFraction: number;
  /** Undefined when this request asks for none. */
  readonly delayOf: (head: RequestHead) => number | undefined;
  readonly abortFraction: number;
  readonly abortOf: (head: RequestHead) => Abort | undefined;
  /** Shares may be lowered by these headers where faults are controlled by headers. */
  readonly delayByHeader: boolean;
  readonly abortByHeader: boolean;
}

function compileFault(config: HTTPFault, field: string, warn: (text: string) => void): Fault {
  if (config.responseRateLimit !== undefined)
    warn(`${field}.response_rate_limit has no effect: responses are not slowed down`);
  return {
    cluster: config.upstreamCluster,
    headers: compileHeaderMatchers(config.headers, `${field}.headers`),
    nodes: config.downstreamNodes,
    maxActive: config.maxActiveFaults ?? Number.POSITIVE_INFINITY,
    delayFraction: fractionOf(config.delay?.percentage, 0),
    delayOf: compileDelay(config.delay, `${field}.delay`),
    abortFraction: fractionOf(config.abort?.percentage, 0),
    abortOf: compileAbort(config.abort, `${field}.abort`),
    delayByHeader: config.delay?.faultDelaySecifier.case === 'headerDelay',
    abortByHeader: config.abort?.errorType.case === 'headerAbort',
  };
}

function compileDelay(delay: FaultDelay | undefined, field: string): Fault['delayOf'] {
  if (delay === undefined) return () => undefined;
  const kind = delay.faultDelaySecifier;
  if (kind.case === 'fixedDelay') {
    const ms = millisOf(kind.value);
    if (ms <= 0) throw new ConfigError('proxy.field-invalid', `${field}.fixed_delay`, 'must be above 0');
    return () => ms;
  }
  if (kind.case === undefined) throw new ConfigError('proxy.field-required', `${field}.fixed_delay`);
  return (head) => readWhole(head, 'x-envoy-fault-delay-request', 1, 3_600_000);
}

function compileAbort(abort: FaultAbort | undefined, field: string): Fault['abortOf'] {
  if (abort === undefined) return () => undefined;
  const kind = abort.errorType;
  switch (kind.case) {
    case 'httpStatus': {
      if (kind.value < 200 || kind.value >= 600)
        throw new ConfigError('proxy.field-invalid', `${field}.http_status`, 'must be between 200 and 599');
      const fixed: Abort = { status: kind.value, grpcStatus: undefined };
      return () => fixed;
    }
    case 'grpcStatus': {
      const fixed: Abort = { status: httpStatusOfGrpc(kind.value), grpcStatus: kind.value };
      return () => fixed;
    }
    case 'headerAbort':
      return (head) => {
        const grpc = readWhole(head, 'x-envoy-fault-abort-grpc-request', 0, 16);
        if (grpc !== undefined) return { status: httpStatusOfGrpc(grpc), grpcStatus: grpc };
        const status = readWhole(head, 'x-envoy-fault-abort-request', 200, 599);
        return status === undefined ? undefined : { status, grpcStatus: undefined };
      };
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.error_type`);
  }
}

function readWhole(head: RequestHead, name: string, min: number, max: number): number | undefined {
  const text = head.headers.get(name);
  if (text === undefined || !/^[0-9]{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** Faults that one filter of a chain has going at this moment. */
interface Active {
  count: number;
}

class FaultFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #fault: Fault;
  readonly #context: FilterContext;
  readonly #active: Active;
  #timer: Timer | undefined;
  #counted = false;

  constructor(callbacks: FilterCallbacks, fault: Fault, context: FilterContext, active: Active) {
    this.#callbacks = callbacks;
    this.#fault = fault;
    this.#context = context;
    this.#active = active;
  }

  requestHead(head: RequestHead): FilterStatus {
    const fault = this.#fault;
    if (!this.#applies(head) || this.#active.count >= fault.maxActive) return 'continue';
    const { random } = this.#context;
    const delayMs = draws(
      random,
      limited(fault.delayFraction, fault.delayByHeader, head, 'x-envoy-fault-delay-request-percentage'),
    )
      ? fault.delayOf(head)
      : undefined;
    const abort = draws(
      random,
      limited(fault.abortFraction, fault.abortByHeader, head, 'x-envoy-fault-abort-request-percentage'),
    )
      ? fault.abortOf(head)
      : undefined;
    if (delayMs === undefined) return abort === undefined ? 'continue' : this.#abort(abort);
    this.#active.count++;
    this.#counted = true;
    this.#callbacks.record.addFlag('DI');
    this.#timer = this.#context.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      if (abort === undefined) {
        this.#release();
        this.#callbacks.continueRequest();
      } else this.#abort(abort);
    });
    return 'stop';
  }

  destroy(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#release();
  }

  #applies(head: RequestHead): boolean {
    const { cluster, headers, nodes } = this.#fault;
    if (cluster !== '' && this.#callbacks.route?.cluster !== cluster) return false;
    if (headers !== undefined && !headers(head)) return false;
    return nodes.length === 0 || nodes.includes(head.headers.get('x-envoy-downstream-service-node') ?? '');
  }

  #abort(abort: Abort): FilterStatus {
    this.#callbacks.reply({
      status: abort.status,
      body: 'fault filter abort',
      details: 'fault_filter_abort',
      flag: 'FI',
      ...(abort.grpcStatus === undefined ? {} : { grpcStatus: abort.grpcStatus }),
    });
    return 'stop';
  }

  #release(): void {
    if (this.#counted) this.#active.count--;
    this.#counted = false;
  }
}

/** A header may lower the share, never raise it. */
function limited(fraction: number, byHeader: boolean, head: RequestHead, name: string): number {
  const percent = byHeader ? readWhole(head, name, 0, 100) : undefined;
  return percent === undefined ? fraction : Math.min(fraction, percent / 100);
}

function draws(random: Random, fraction: number): boolean {
  return fraction > 0 && (fraction >= 1 || random.float() < fraction);
}

export const faultExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.fault',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const own = compileFault(decodeMessage<HTTPFault>(TYPE, config, filterName), filterName, (text) =>
      context.log.warn(text),
    );
    const active: Active = { count: 0 };
    return {
      name: filterName,
      create: (callbacks) =>
        new FaultFilter(
          callbacks,
          (callbacks.route?.perFilterConfig(filterName) as Fault | undefined) ?? own,
          context,
          active,
        ),
    };
  },
  routeConfig: (config) =>
    compileFault(
      decodeMessage<HTTPFault>(TYPE, config, 'typed_per_filter_config'),
      'typed_per_filter_config',
      () => {},
    ),
};
