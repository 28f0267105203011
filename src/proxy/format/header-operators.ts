// %REQ(X?Y)%, %RESP(X?Y)% and %TRAILER(X?Y)%: a header, else another; pseudo headers come from the live head or the record.

import { ConfigError } from '../errors.ts';
import { readFirst } from '../matcher/request-header.ts';
import type { FormatContext } from './format-context.ts';

type Side = 'request' | 'response' | 'trailer';
type Read = (context: FormatContext) => string | undefined;

export function compileHeaderOperator(side: Side, argument: string | undefined, field: string): Read {
  const [main, other, more] = (argument ?? '').split('?').map((name) => name.trim().toLowerCase());
  if (main === undefined || main === '' || more !== undefined)
    throw new ConfigError('proxy.format-illegal', field, 'a header operator takes NAME or NAME?OTHER');
  const first = compileHeader(side, main);
  if (other === undefined || other === '') return first;
  const second = compileHeader(side, other);
  return (context) => first(context) ?? second(context);
}

function compileHeader(side: Side, name: string): Read {
  if (side === 'trailer') return (context) => context.record.responseTrailers?.get(name);
  if (side === 'response') {
    if (name === ':status')
      return (context) => (context.record.responseCode === 0 ? undefined : String(context.record.responseCode));
    return (context) => (context.responseHeaders ?? context.record.responseHeaders)?.get(name);
  }
  const fromRecord = compileRecordHeader(name);
  return (context) => (context.requestHead === undefined ? fromRecord(context) : readFirst(context.requestHead, name));
}

const nonEmpty = (value: string): string | undefined => (value === '' ? undefined : value);

function compileRecordHeader(name: string): Read {
  switch (name) {
    case ':method':
      return (context) => nonEmpty(context.record.method);
    case ':path':
      return (context) => nonEmpty(context.record.path);
    case ':authority':
    case 'host':
      return (context) => nonEmpty(context.record.authority);
    case ':scheme':
      return (context) => nonEmpty(context.record.scheme);
    case 'x-request-id':
      return (context) => context.record.requestHeaders?.get(name) ?? nonEmpty(context.record.requestId);
    case 'x-envoy-original-path':
      return (context) => context.record.requestHeaders?.get(name) ?? nonEmpty(context.record.originalPath);
    default:
      return (context) => context.record.requestHeaders?.get(name);
  }
}
