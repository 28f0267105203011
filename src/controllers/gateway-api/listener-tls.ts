// How a listener ends TLS: with which Secret, and why it cannot (Gateway API, ListenerTLSConfig).
import type { KubeObject } from '#kube';
import type { HttpEntry } from './http-rules.ts';
import { GENERATED } from './generated-names.ts';
import { mayRefer } from './reference-grants.ts';
import type { GatewayApiInput, KubernetesGateway, Listener } from './resources.ts';

export interface TlsOutcome {
  readonly tls: HttpEntry | undefined;
  readonly secret?: KubeObject;
  readonly problem?: { readonly reason: string; readonly message: string };
}

export function tlsOf(listener: Listener, gateway: KubernetesGateway, input: GatewayApiInput): TlsOutcome {
  if (listener.protocol !== 'HTTPS' && listener.protocol !== 'TLS') return { tls: undefined };
  if (listener.tls?.mode === 'Passthrough') return { tls: { mode: 'PASSTHROUGH' } };
  const [ref] = listener.tls?.certificateRefs ?? [];
  const namespace = gateway.metadata.namespace ?? '';
  const failed = (reason: string, message: string): TlsOutcome => ({ tls: undefined, problem: { reason, message } });
  if (ref === undefined) return failed('InvalidCertificateRef', 'there is no certificateRef');
  if ((ref.group ?? '') !== '' || (ref.kind ?? 'Secret') !== 'Secret')
    return failed('InvalidCertificateRef', `a certificate of kind ${ref.kind} is not taken: use a Secret`);
  const at = ref.namespace ?? namespace;
  if (
    !mayRefer(
      input.grants,
      { kind: 'Gateway', namespace },
      { group: '', kind: 'Secret', namespace: at, name: ref.name },
    )
  )
    return failed(
      'RefNotPermitted',
      `no ReferenceGrant of namespace ${at} lets a Gateway of ${namespace} refer to Secret ${ref.name}`,
    );
  if (!input.hasCertificate(at, ref.name))
    return failed('InvalidCertificateRef', `Secret ${at}/${ref.name} holds no certificate`);
  if (at === namespace) return { tls: { mode: 'SIMPLE', credentialName: ref.name } };
  // Proxies read Secrets of their own namespace only: what was granted stands there under a name of its own, in memory.
  const copy = { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${at}.${ref.name}.${GENERATED}`, namespace } };
  const secret = { ...copy, type: 'kubernetes.io/tls', data: input.secretData(at, ref.name) };
  return { tls: { mode: 'SIMPLE', credentialName: copy.metadata.name }, secret };
}
