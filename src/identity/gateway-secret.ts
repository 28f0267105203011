// Resolves `kubernetes://NAME` and `kubernetes-gateway://NAMESPACE/NAME` to a Secret's certificate or roots, for a proxy that may read it.

import type { ObjectRef, Result } from '#base';
import { err, ok } from '#base';
import { IdentityError } from './errors.ts';
import { readCertificateSecret, readTrustSecret } from './read-certificate-secret.ts';
import type { CertificateSecret, TrustSecret } from './secret-source.ts';
import { parseWorkloadIdentity } from './spiffe-id.ts';

/** Kubernetes' Secret: `data` is base64, `stringData` is text and wins. */
export interface SecretObject {
  readonly data?: Readonly<Record<string, string>> | undefined;
  readonly stringData?: Readonly<Record<string, string>> | undefined;
}

export interface GatewaySecretRequest {
  readonly name: string;
  /** The verified identity of the proxy that asks; '' = not verified. */
  readonly principal: string;
  /** Namespace that the proxy claims; must be its identity's. */
  readonly proxyNamespace: string;
  readonly nowMs: number;
  readonly lookup: (namespace: string, name: string) => SecretObject | undefined;
  /** A ReferenceGrant lets a gateway read a Secret of another namespace. Absent = none does. */
  readonly granted?: (namespace: string, name: string, proxyNamespace: string) => boolean;
}

export interface GatewaySecret {
  readonly value: CertificateSecret | TrustSecret;
  readonly origin: ObjectRef;
  /** Shown beside the object: an expired certificate is served, since refusing it would hide what is wrong. */
  readonly warnings: readonly string[];
}

const CA_SUFFIX = '-cacert';
const SCHEME = /^(kubernetes|kubernetes-gateway):\/\/(?:([^/]+)\/)?([^/]+)$/;

export function isGatewaySecretName(name: string): boolean {
  return SCHEME.test(name);
}

export function resolveGatewaySecret(request: GatewaySecretRequest): Result<GatewaySecret, IdentityError> {
  const match = SCHEME.exec(request.name);
  const wanted = match?.[3];
  if (wanted === undefined)
    return err(new IdentityError('secret_not_found', `${request.name} is not kubernetes://NAME`));
  const namespace = match?.[2] ?? request.proxyNamespace;
  const identity = parseWorkloadIdentity(request.principal);
  const own = identity.ok && identity.value.namespace === request.proxyNamespace;
  if (!own)
    return err(
      new IdentityError(
        'secret_not_entitled',
        `${request.name}: the identity of the proxy is not verified for namespace ${request.proxyNamespace}`,
      ),
    );
  if (namespace !== request.proxyNamespace && request.granted?.(namespace, wanted, request.proxyNamespace) !== true) {
    return err(
      new IdentityError(
        'secret_not_entitled',
        `${namespace}/${wanted} for a proxy of namespace ${request.proxyNamespace}`,
      ),
    );
  }
  return wanted.endsWith(CA_SUFFIX)
    ? readRoots(request, namespace, wanted)
    : readCertificate(request, namespace, wanted);
}

function readCertificate(
  request: GatewaySecretRequest,
  namespace: string,
  name: string,
): Result<GatewaySecret, IdentityError> {
  const object = request.lookup(namespace, name);
  if (object === undefined) return err(new IdentityError('secret_not_found', `${namespace}/${name}`));
  const chain = field(object, 'tls.crt') ?? field(object, 'cert');
  const key = field(object, 'tls.key') ?? field(object, 'key');
  if (chain === undefined || key === undefined)
    return err(new IdentityError('secret_incomplete', `${namespace}/${name}`));
  const read = readCertificateSecret(chain, key);
  if (!read.ok) return err(new IdentityError(read.error.code, `Secret ${namespace}/${name}: ${read.error.message}`));
  const { notAfterMs } = read.value;
  const warnings =
    notAfterMs < request.nowMs
      ? [`Secret ${namespace}/${name}: its certificate expired at ${new Date(notAfterMs).toISOString()}; renew it`]
      : [];
  return ok({ value: read.value, origin: { kind: 'Secret', namespace, name }, warnings });
}

/** The bundle may be in a Secret of its own, `NAME-cacert`, or beside the certificate (Istio's order). */
function readRoots(
  request: GatewaySecretRequest,
  namespace: string,
  wanted: string,
): Result<GatewaySecret, IdentityError> {
  for (const name of [wanted, wanted.slice(0, -CA_SUFFIX.length)]) {
    const object = request.lookup(namespace, name);
    if (object === undefined) continue;
    const roots = field(object, 'ca.crt') ?? field(object, 'cacert');
    if (roots === undefined) continue;
    const read = readTrustSecret(roots, field(object, 'ca.crl') ?? field(object, 'crl') ?? '');
    if (!read.ok) return err(new IdentityError(read.error.code, `Secret ${namespace}/${name}: ${read.error.message}`));
    return ok({ value: read.value, origin: { kind: 'Secret', namespace, name }, warnings: [] });
  }
  return err(
    new IdentityError(
      'secret_not_found',
      `${namespace}/${wanted}, or ca.crt in ${namespace}/${wanted.slice(0, -CA_SUFFIX.length)}`,
    ),
  );
}

function field(object: SecretObject, key: string): string | undefined {
  const text = object.stringData?.[key];
  if (text !== undefined) return text;
  const base64 = object.data?.[key];
  return base64 === undefined || base64 === '' ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}
