// Compiles hash policies and hashes requests with them: each adds to the hash, a terminal one ends the list once there is a hash.

import type { RouteAction_HashPolicy } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { hash32 } from '../cluster/lb/hash32.ts';
import { ConfigError } from '../errors.ts';
import { millisOf } from '../matcher/fraction.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import { readQueryParameter } from '../matcher/query-matcher.ts';
import { readEach } from '../matcher/request-header.ts';
import type { HashPolicy } from './compiled.ts';
import { compileSubstitute } from './path-rewrite.ts';

export function compileHashPolicy(policy: RouteAction_HashPolicy, field: string): HashPolicy {
  const { policySpecifier: specifier, terminal } = policy;
  const base = { terminal, cookieTtlMs: undefined, cookiePath: '', cookieAttributes: [], rewrite: undefined };
  switch (specifier.case) {
    case 'header': {
      const rewrite =
        specifier.value.regexRewrite === undefined
          ? undefined
          : compileSubstitute(specifier.value.regexRewrite, `${field}.header.regex_rewrite`);
      return { ...base, kind: 'header', name: specifier.value.headerName.toLowerCase(), rewrite };
    }
    case 'cookie': {
      const { name, ttl, path, attributes } = specifier.value;
      return {
        ...base,
        kind: 'cookie',
        name,
        cookieTtlMs: millisOf(ttl),
        cookiePath: path,
        cookieAttributes: attributes.map((a) => [a.name, a.value] as const),
      };
    }
    case 'connectionProperties':
      if (!specifier.value.sourceIp)
        throw new ConfigError(
          'proxy.field-invalid',
          `${field}.connection_properties`,
          'source_ip must be true: there is nothing else to hash',
        );
      return { ...base, kind: 'source-ip', name: '' };
    case 'queryParameter':
      return { ...base, kind: 'query', name: specifier.value.name };
    case 'filterState':
      return { ...base, kind: 'filter-state', name: specifier.value.key };
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.policy_specifier`);
  }
}

/** Undefined when no policy found anything. `setCookie` is called with a Set-Cookie value that the response must carry. */
export function hashRequest(
  policies: readonly HashPolicy[],
  input: MatchInput,
  setCookie: (value: string) => void,
): number | undefined {
  let hash: number | undefined;
  for (const policy of policies) {
    const part = hashPart(policy, input, setCookie);
    // Rotated, so that two equal parts do not cancel each other out.
    if (part !== undefined) hash = hash === undefined ? part : (((hash << 1) | (hash >>> 31)) ^ part) >>> 0;
    if (policy.terminal && hash !== undefined) break;
  }
  return hash;
}

function hashPart(policy: HashPolicy, input: MatchInput, setCookie: (value: string) => void): number | undefined {
  switch (policy.kind) {
    case 'header': {
      const values = readEach(input.head, policy.name);
      if (values.length === 0) return undefined;
      const texts = policy.rewrite === undefined ? [...values] : values.map(policy.rewrite);
      return hash32(texts.sort().join('\0'));
    }
    case 'cookie':
      return hashCookie(policy, input, setCookie);
    case 'source-ip':
      return hash32(input.connection.trustedRemoteAddress);
    case 'query': {
      const value = readQueryParameter(input.head.path, policy.name);
      return value === undefined ? undefined : hash32(value);
    }
    case 'filter-state': {
      const value = input.record.filterState?.get(policy.name);
      return value === undefined ? undefined : hash32(value);
    }
  }
}

function hashCookie(policy: HashPolicy, input: MatchInput, setCookie: (value: string) => void): number | undefined {
  const value = readCookie(input.head.headers.getAll('cookie'), policy.name);
  if (value !== undefined) return hash32(value);
  if (policy.cookieTtlMs === undefined) return undefined;
  const { remoteAddress, remotePort, localAddress, localPort } = input.connection;
  const made = hash32(`${remoteAddress}:${remotePort}>${localAddress}:${localPort}#${input.record.requestId}`)
    .toString(16)
    .padStart(8, '0');
  const parts = [`${policy.name}="${made}"`];
  if (policy.cookieTtlMs > 0) parts.push(`Max-Age=${Math.ceil(policy.cookieTtlMs / 1000)}`);
  if (policy.cookiePath !== '') parts.push(`Path=${policy.cookiePath}`);
  for (const [name, text] of policy.cookieAttributes) parts.push(text === '' ? name : `${name}=${text}`);
  setCookie([...parts, 'HttpOnly'].join('; '));
  return hash32(made);
}

/** The first cookie of that name, its quotes removed. */
export function readCookie(headers: readonly string[], name: string): string | undefined {
  for (const header of headers) {
    for (const pair of header.split(';')) {
      const equals = pair.indexOf('=');
      if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
      const value = pair.slice(equals + 1).trim();
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return undefined;
}
