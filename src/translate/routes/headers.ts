// Header changes of routes and targets; setting the host is a host rewrite, not a header (inventory §1.1).

import {
  HeaderValueOption_HeaderAppendAction,
  type HeaderValueOptionSchema,
} from '#proto/envoy/config/core/v3/base_pb.ts';
import type { HttpRoute } from '#registry';
import type { Init } from '../encode.ts';

type Headers = NonNullable<HttpRoute['headers']>;
type Operations = NonNullable<Headers['request']>;

export interface HeaderChanges {
  readonly requestHeadersToAdd?: Init<typeof HeaderValueOptionSchema>[];
  readonly requestHeadersToRemove?: string[];
  readonly responseHeadersToAdd?: Init<typeof HeaderValueOptionSchema>[];
  readonly responseHeadersToRemove?: string[];
}

export function headerChanges(headers: Headers | undefined): HeaderChanges {
  const request = additions(headers?.request);
  const response = additions(headers?.response);
  const requestRemove = headers?.request?.remove ?? [];
  const responseRemove = headers?.response?.remove ?? [];
  return {
    ...(request.length === 0 ? {} : { requestHeadersToAdd: request }),
    ...(requestRemove.length === 0 ? {} : { requestHeadersToRemove: [...requestRemove] }),
    ...(response.length === 0 ? {} : { responseHeadersToAdd: response }),
    ...(responseRemove.length === 0 ? {} : { responseHeadersToRemove: [...responseRemove] }),
  };
}

/** The authority that the request is to carry, when the headers set one. */
export function authorityOf(headers: Headers | undefined): string | undefined {
  for (const list of [headers?.request?.set, headers?.request?.add]) {
    for (const [name, value] of Object.entries(list ?? {})) if (isAuthority(name)) return value;
  }
  return undefined;
}

function additions(operations: Operations | undefined): Init<typeof HeaderValueOptionSchema>[] {
  const make = (
    values: Readonly<Record<string, string>> | undefined,
    appendAction: HeaderValueOption_HeaderAppendAction,
  ) =>
    Object.entries(values ?? {})
      .filter(([name]) => !isAuthority(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ header: { key, value }, appendAction }));
  return [
    ...make(operations?.set, HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD),
    ...make(operations?.add, HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD),
  ];
}

function isAuthority(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}
