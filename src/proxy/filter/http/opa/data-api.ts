// Asks an OPA server by its own data API (POST /v1/data/PATH with {"input": …}).

import { HeaderBlock, type RequestHead } from '#wire/http';
import type { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { type CallAnswer, callCluster } from '../../call/cluster-call.ts';
import { CHECK_ANSWER_BYTES_MAX } from '../../limits.ts';
import type { Authorizer, Decision } from '../ext-authz/decision.ts';
import { decisionOf } from './opa-decision.ts';
import { opaInput } from './opa-input.ts';

export interface DataApiOptions {
  readonly clusters: ClusterManager;
  readonly cluster: string;
  readonly authority: string;
  /** "envoy/authz/allow". */
  readonly decision: string;
  readonly timeoutMs: number;
}

export function dataApi(options: DataApiOptions): Authorizer {
  const path = `/v1/data/${options.decision.replace(/^\/+/, '')}`;
  return {
    check: (input, done) => {
      const body = Buffer.from(JSON.stringify({ input: opaInput(input) }));
      const headers = new HeaderBlock();
      headers.add('content-type', 'application/json');
      headers.add('accept', 'application/json');
      headers.add('content-length', String(body.length));
      const head: RequestHead = {
        method: 'POST',
        path,
        authority: options.authority,
        scheme: 'http',
        version: '1.1',
        protocol: '',
        headers,
      };
      const { clusters, cluster, timeoutMs } = options;
      return callCluster(
        { clusters, cluster, head, body, timeoutMs, answerBytesMax: CHECK_ANSWER_BYTES_MAX },
        (result) => done(result.ok ? read(result.answer) : { kind: 'error', reason: result.reason }),
      );
    },
  };
}

function read(answer: CallAnswer): Decision {
  if (answer.status !== 200) return { kind: 'error', reason: `OPA answered ${answer.status}` };
  let value: unknown;
  try {
    value = JSON.parse(answer.body.toString('utf8'));
  } catch {
    return { kind: 'error', reason: 'OPA answered no JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { kind: 'error', reason: 'OPA answered no object' };
  return decisionOf((value as { readonly result?: unknown }).result);
}
