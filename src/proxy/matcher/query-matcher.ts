// Compiles envoy.config.route.v3.QueryParameterMatcher over the raw, undecoded query: the first value of a key counts.

import type { QueryParameterMatcher } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../errors.ts';
import { compileStringMatcher } from './string-matcher.ts';

export type PathPredicate = (path: string) => boolean;

export function compileQueryMatcher(matcher: QueryParameterMatcher, field: string): PathPredicate {
  if (matcher.name === '') throw new ConfigError('proxy.field-required', `${field}.name`);
  const name = matcher.name;
  const specifier = matcher.queryParameterMatchSpecifier;
  if (specifier.case === 'stringMatch') {
    const value = compileStringMatcher(specifier.value, `${field}.string_match`);
    return (path) => {
      const text = readQueryParameter(path, name);
      return text !== undefined && value(text);
    };
  }
  const present = specifier.case === 'presentMatch' ? specifier.value : true;
  return (path) => (readQueryParameter(path, name) !== undefined) === present;
}

/** Undefined when the key is absent; '' when it has no value. */
export function readQueryParameter(path: string, name: string): string | undefined {
  let at = path.indexOf('?') + 1;
  if (at === 0) return undefined;
  const fragment = path.indexOf('#', at);
  const end = fragment < 0 ? path.length : fragment;
  while (at < end) {
    let stop = path.indexOf('&', at);
    if (stop < 0 || stop > end) stop = end;
    const keyEnd = at + name.length;
    if (path.startsWith(name, at) && keyEnd <= stop) {
      if (keyEnd === stop) return '';
      if (path.charCodeAt(keyEnd) === 0x3d) return path.slice(keyEnd + 1, stop);
    }
    at = stop + 1;
  }
  return undefined;
}
