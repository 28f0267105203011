// Decides whether the node of a stream's first request may have configuration; nothing is sent before.
import { type Logger, type ProxyNode, parseNodeId } from '#base';
import type { ServerCall } from '#wire/grpc';
import type { XdsNode } from '../codec/messages.ts';
import { XDS_ERRORS, xdsError } from '../errors.ts';
import { XDS_LIMITS } from '../limits.ts';
import type { Authorization, XdsBackend } from './backend.ts';

/** Calls `admitted` now or later, or ends the call. Throws a GrpcError when there is no node. */
export function requestAdmission(
  node: XdsNode | undefined,
  call: ServerCall,
  host: { readonly backend: XdsBackend; readonly log: Logger },
  admitted: (node: ProxyNode) => void,
): void {
  if (node === undefined || node.id === '') throw xdsError(XDS_ERRORS.noNode);
  if (node.id.length > XDS_LIMITS.nodeIdMax || JSON.stringify(node).length > XDS_LIMITS.nodeCharactersMax)
    throw xdsError(XDS_ERRORS.nodeTooLarge);
  const metadata = node.metadata as ProxyNode['metadata'];
  const claimed: ProxyNode = { ...node, metadata, parsed: parseNodeId(node.id), principal: '' };
  const decide = (authorization: Authorization): void => {
    if (!call.open) return;
    if (authorization.ok) {
      admitted({ ...claimed, principal: authorization.principal });
      return;
    }
    host.log.warn('an xDS node was refused', { node: node.id, peer: call.peer.address, reason: authorization.reason });
    call.end(xdsError(XDS_ERRORS.refused, authorization.reason).status);
  };
  const answer = host.backend.authorize(claimed, call.peer, call.metadata);
  if (answer instanceof Promise) {
    answer.then(decide, (error: unknown) => decide({ ok: false, reason: `the check failed: ${String(error)}` }));
  } else {
    decide(answer);
  }
}
