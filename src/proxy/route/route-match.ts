// Compiles a RouteMatch: path, then everything else that must hold beside it.

import type { RouteMatch } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { HeaderBlock } from '#wire/http';
import { runtimeFractionOf } from '../matcher/fraction.ts';
import { compileHeaderMatchers } from '../matcher/header-matcher.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import { compileMetadataMatcher } from '../matcher/metadata-matcher.ts';
import { compileQueryMatcher } from '../matcher/query-matcher.ts';
import { type CompiledPath, compilePath } from './path-match.ts';

/** `random` in [0, 1) is drawn once per look-up, so that fractions of one route table agree with each other. */
export type Condition = (input: MatchInput, random: number) => boolean;

export interface CompiledMatch {
  readonly path: CompiledPath;
  /** Undefined when the path alone decides. */
  readonly condition: Condition | undefined;
}

export function compileMatch(match: RouteMatch, field: string): CompiledMatch {
  const conditions: Condition[] = [];
  if (match.runtimeFraction !== undefined) {
    const fraction = runtimeFractionOf(match.runtimeFraction, 1);
    conditions.push((_, random) => random < fraction);
  }
  if (match.grpc !== undefined) conditions.push((input) => isGrpc(input.head.headers));
  const headers = compileHeaderMatchers(match.headers, `${field}.headers`);
  if (headers !== undefined) conditions.push((input) => headers(input.head));
  match.queryParameters.forEach((parameter, i) => {
    const query = compileQueryMatcher(parameter, `${field}.query_parameters[${i}]`);
    conditions.push((input) => query(input.head.path));
  });
  if (match.tlsContext !== undefined) {
    const { presented, validated } = match.tlsContext;
    if (presented !== undefined) conditions.push((input) => input.connection.mtls === presented);
    if (validated !== undefined) conditions.push((input) => input.connection.mtls === validated);
  }
  match.dynamicMetadata.forEach((matcher, i) => {
    const metadata = compileMetadataMatcher(matcher, `${field}.dynamic_metadata[${i}]`);
    conditions.push((input) => metadata(input.record.metadata));
  });
  return { path: compilePath(match, field), condition: joinConditions(conditions) };
}

function joinConditions(conditions: readonly Condition[]): Condition | undefined {
  if (conditions.length <= 1) return conditions[0];
  return (input, random) => {
    for (const condition of conditions) if (!condition(input, random)) return false;
    return true;
  };
}

/** "application/grpc", alone or with a "+suffix" (gRPC over HTTP/2: not "application/grpc-web"). */
export function isGrpc(headers: HeaderBlock): boolean {
  const type = headers.get('content-type');
  if (type === undefined || !type.startsWith('application/grpc')) return false;
  return type.length === 16 || type[16] === '+' || type[16] === ';';
}
