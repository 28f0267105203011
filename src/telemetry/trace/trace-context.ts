// Reads and writes trace headers: W3C traceparent (w3.org/TR/trace-context), B3 in its single and its
// multiple form (github.com/openzipkin/b3-propagation). Pure; garbage is no context, never an error.

import type { HeaderBlock } from '#wire/http';

export interface TraceContext {
  /** 32 lower-case hex digits, not all 0; B3's 16 are padded on the left. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all 0. */
  readonly spanId: string;
  /** '' at the root, and where the header does not say. */
  readonly parentSpanId: string;
  /** Undefined: the decision is left to whoever comes next. */
  readonly sampled: boolean | undefined;
  /** B3's debug flag: sampled whatever the rate. */
  readonly debug: boolean;
  /** W3C tracestate, passed on as it came. */
  readonly traceState: string;
}

export type TraceFormat = 'w3c' | 'b3-single' | 'b3-multi';

const HEX16 = /^[0-9a-f]{16}$/;
const HEX32 = /^[0-9a-f]{32}$/;
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Characters of tracestate that are passed on; the specification asks for at least 512. */
const MAX_TRACESTATE = 1_024;

/** The first format of `formats` that the headers hold. */
export function readTraceContext(
  headers: HeaderBlock,
  formats: readonly TraceFormat[] = ['w3c', 'b3-single', 'b3-multi'],
): TraceContext | undefined {
  for (const format of formats) {
    const found =
      format === 'w3c' ? readW3c(headers) : format === 'b3-single' ? readB3Single(headers) : readB3Multi(headers);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** B3 and nothing else says "do not sample" without ids ("b3: 0"). Undefined when no header speaks of it. */
export function readSampledOnly(headers: HeaderBlock): boolean | undefined {
  const single = headers.get('b3');
  if (single === '0' || single === '1' || single === 'd') return single !== '0';
  if (headers.get('x-b3-flags') === '1') return true;
  return readSampled(headers.get('x-b3-sampled'));
}

export function writeTraceContext(headers: HeaderBlock, context: TraceContext, formats: readonly TraceFormat[]): void {
  for (const format of formats) {
    if (format === 'w3c') {
      headers.set('traceparent', `00-${context.traceId}-${context.spanId}-${context.sampled === true ? '01' : '00'}`);
      if (context.traceState !== '') headers.set('tracestate', context.traceState);
    } else if (format === 'b3-single') {
      const state = context.debug ? '-d' : context.sampled === undefined ? '' : context.sampled ? '-1' : '-0';
      const parent = context.parentSpanId === '' || state === '' ? '' : `-${context.parentSpanId}`;
      headers.set('b3', `${context.traceId}-${context.spanId}${state}${parent}`);
    } else {
      writeB3Multi(headers, context);
    }
  }
}

function readW3c(headers: HeaderBlock): TraceContext | undefined {
  const values = headers.getAll('traceparent');
  const match = values.length === 1 ? TRACEPARENT.exec(values[0] as string) : null;
  if (match === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  // Version ff is forbidden; version 00 ends after the flags; later ones may say more.
  if (version === 'ff' || (version === '00' && rest !== undefined) || isZero(traceId) || isZero(spanId))
    return undefined;
  const state = headers.getAll('tracestate').join(',');
  return {
    traceId,
    spanId,
    parentSpanId: '',
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
    debug: false,
    traceState: state.length <= MAX_TRACESTATE ? state : '',
  };
}

function readB3Single(headers: HeaderBlock): TraceContext | undefined {
  const [traceId = '', spanId = '', state, parent = '', ...more] = (headers.get('b3') ?? '').split('-');
  if (more.length > 0 || (parent !== '' && !HEX16.test(parent))) return undefined;
  if (state !== undefined && state !== '0' && state !== '1' && state !== 'd') return undefined;
  return b3(traceId, spanId, parent, state === undefined ? undefined : state !== '0', state === 'd');
}

function readB3Multi(headers: HeaderBlock): TraceContext | undefined {
  const parent = headers.get('x-b3-parentspanid') ?? '';
  if (parent !== '' && !HEX16.test(parent)) return undefined;
  const debug = headers.get('x-b3-flags') === '1';
  const sampled = debug ? true : readSampled(headers.get('x-b3-sampled'));
  return b3(headers.get('x-b3-traceid') ?? '', headers.get('x-b3-spanid') ?? '', parent, sampled, debug);
}

function b3(
  traceId: string,
  spanId: string,
  parentSpanId: string,
  sampled: boolean | undefined,
  debug: boolean,
): TraceContext | undefined {
  const long = HEX16.test(traceId) ? traceId.padStart(32, '0') : traceId;
  if (!HEX32.test(long) || isZero(long) || !HEX16.test(spanId) || isZero(spanId)) return undefined;
  return { traceId: long, spanId, parentSpanId, sampled, debug, traceState: '' };
}

function writeB3Multi(headers: HeaderBlock, context: TraceContext): void {
  headers.set('x-b3-traceid', context.traceId);
  headers.set('x-b3-spanid', context.spanId);
  if (context.parentSpanId !== '') headers.set('x-b3-parentspanid', context.parentSpanId);
  else headers.remove('x-b3-parentspanid');
  if (context.debug) headers.set('x-b3-flags', '1');
  else if (context.sampled !== undefined) headers.set('x-b3-sampled', context.sampled ? '1' : '0');
}

function readSampled(value: string | undefined): boolean | undefined {
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  return undefined;
}

function isZero(hex: string): boolean {
  return /^0+$/.test(hex);
}
