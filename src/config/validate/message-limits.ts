// Rules of MessageLimits beyond the schema: targets, that something is limited, and what a collected body costs.

import type { MessageLimitsSpec } from '../model/message-limits.ts';
import type { Path } from '../problem.ts';
import { checkTargets, type Context } from './rules.ts';

/** As much of every request that is under way stands in the proxy's memory where bodies are collected. */
const COLLECTED_BYTES_CHEAP = 64 * 1024 * 1024;

export function validateMessageLimits(context: Context, spec: MessageLimitsSpec, path: Path): void {
  checkTargets(context, spec, path);
  const { request, response } = spec;
  const heads = [request?.headers, response?.headers];
  if (request?.body === undefined && heads.every((head) => head?.maxKiB === undefined && head?.maxCount === undefined))
    context.problems.say('TS-CFG-0412', path, { reason: 'The object limits nothing' });
  if (request?.body?.mode === 'BUFFERED' && request.body.maxBytes > COLLECTED_BYTES_CHEAP)
    context.problems.say('TS-CFG-0412', [...path, 'request', 'body', 'maxBytes'], {
      reason: `Up to ${request.body.maxBytes} bytes of each request stand in the proxy’s memory; STREAMED keeps none`,
    });
}
