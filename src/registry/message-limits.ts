// The MessageLimits in force for one proxy: the workload's own over its namespace's over the mesh's, field by field.

import type { ConfigView } from '#config';
import type { MessageLimits } from './kinds.ts';
import { levelsOf, type ProxyIdentity } from './policies.ts';

export interface HeadLimits {
  readonly maxKiB: number | undefined;
  readonly maxCount: number | undefined;
}

export interface LimitsInForce {
  readonly request: HeadLimits;
  readonly response: HeadLimits;
  readonly body: { readonly maxBytes: number; readonly buffered: boolean } | undefined;
}

export function messageLimitsOf(
  view: ConfigView,
  proxy: ProxyIdentity,
  rootNamespace: string,
): readonly MessageLimits[] {
  return levelsOf<MessageLimits>(
    view.list('MessageLimits', rootNamespace),
    view.list('MessageLimits', proxy.namespace),
    {
      proxy,
      rootNamespace,
    },
  );
}

/** The narrowest comes last. */
export function mergeMessageLimits(objects: readonly MessageLimits[]): LimitsInForce {
  const specs = objects.map(({ spec }) => spec);
  const heads = (of: 'request' | 'response'): HeadLimits => ({
    maxKiB: specs.findLast((spec) => spec[of]?.headers?.maxKiB !== undefined)?.[of]?.headers?.maxKiB,
    maxCount: specs.findLast((spec) => spec[of]?.headers?.maxCount !== undefined)?.[of]?.headers?.maxCount,
  });
  const body = specs.findLast((spec) => spec.request?.body !== undefined)?.request?.body;
  return Object.freeze({
    request: heads('request'),
    response: heads('response'),
    body: body === undefined ? undefined : { maxBytes: body.maxBytes, buffered: body.mode === 'BUFFERED' },
  });
}
