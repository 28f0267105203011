// The secrets of one proxy as istioctl's table shows them: those that the control plane sent, and the workload's own
// certificate and roots, which only the proxy itself knows and tells on its admin port.
import { X509Certificate } from 'node:crypto';
import type { ProxyJson } from '#api';
import { PROXY_CONTAINER } from '#controllers';
import { requestIn } from './cluster-mesh.ts';
import type { CliContext } from './context.ts';

export interface SecretRow {
  readonly name: string;
  readonly type: 'Cert Chain' | 'CA';
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

interface Secret {
  readonly name?: string;
  readonly tlsCertificate?: { readonly certificateChain?: DataSource };
  readonly validationContext?: { readonly trustedCa?: DataSource };
}
interface DataSource {
  readonly inlineBytes?: string;
  readonly inlineString?: string;
}
interface CertificatePage {
  readonly path: string;
  readonly serial_number: string;
  readonly valid_from: string;
  readonly expiration_time: string;
}

const ADMIN_TIMEOUT_MS = 3000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

export const SECRET_HEADS = [
  'RESOURCE NAME',
  'TYPE',
  'STATUS',
  'VALID CERT',
  'SERIAL NUMBER',
  'NOT AFTER',
  'NOT BEFORE',
] as const;

export function secretCells(row: SecretRow, nowMs: number): string[] {
  const time = (ms: number): string => (ms === 0 ? '-' : `${new Date(ms).toISOString().slice(0, 19)}Z`);
  const valid = row.notBeforeMs <= nowMs && nowMs < row.notAfterMs;
  return [row.name, row.type, 'ACTIVE', String(valid), row.serial || '-', time(row.notAfterMs), time(row.notBeforeMs)];
}

/** Of the resource as the control plane, or Envoy's admin page, shows it. */
export function secretRow(secret: Secret): SecretRow {
  const chain = secret.tlsCertificate?.certificateChain;
  const pem = textOf(chain ?? secret.validationContext?.trustedCa);
  const type = secret.tlsCertificate === undefined ? 'CA' : 'Cert Chain';
  const first = CERTIFICATE.exec(pem)?.[0];
  const read = first === undefined ? undefined : new X509Certificate(first);
  return {
    name: secret.name ?? '',
    type,
    serial: read?.serialNumber.toLowerCase() ?? '',
    notBeforeMs: read === undefined ? 0 : Date.parse(read.validFrom),
    notAfterMs: read === undefined ? 0 : Date.parse(read.validTo),
  };
}

/** What the agent gave its proxy; nothing where neither this machine nor the cluster reaches the proxy's admin port. */
export async function agentSecrets(context: CliContext, proxy: ProxyJson | undefined): Promise<readonly SecretRow[]> {
  if (proxy === undefined || proxy.adminPort === 0) return [];
  const ask = async <T>(path: string): Promise<T | undefined> => {
    const text = await (context.cluster === undefined ? asked : askedInPod)(context, proxy, path);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  };
  const dump = await ask<{ configs?: readonly { secret?: Secret }[] }>('/config_dump?resource=dynamic_active_secrets');
  const named = (dump?.configs ?? []).flatMap(({ secret }) => (secret === undefined ? [] : [secretRow(secret)]));
  if (named.length > 0) return named;
  const page = await ask<{
    certificates?: readonly { ca_cert: readonly CertificatePage[]; cert_chain: readonly CertificatePage[] }[];
  }>('/certs');
  return (page?.certificates ?? []).flatMap(({ ca_cert, cert_chain }) => [
    // The leaf stands for its chain.
    ...cert_chain.slice(0, 1).map((one) => pageRow(one, 'Cert Chain')),
    ...ca_cert.map((one) => pageRow(one, 'CA')),
  ]);
}

async function asked(context: CliContext, { adminPort }: ProxyJson, path: string): Promise<string | undefined> {
  const target = { host: '127.0.0.1', port: adminPort };
  const answer = await context.call({ target, method: 'GET', path, timeoutMs: ADMIN_TIMEOUT_MS });
  return answer?.status === 200 ? answer.body : undefined;
}

/** Its admin port is on the pod's loopback. */
async function askedInPod(
  context: CliContext,
  { name, namespace, adminPort }: ProxyJson,
  path: string,
): Promise<string | undefined> {
  const where = { namespace, pod: name, container: PROXY_CONTAINER };
  try {
    return await requestIn(context, context.cluster ?? {}, where, ['GET', path, '--port', String(adminPort)]);
  } catch {
    // The pod has gone, or its image is another one's.
    return undefined;
  }
}

function pageRow(one: CertificatePage, type: SecretRow['type']): SecretRow {
  return {
    name: one.path,
    type,
    serial: one.serial_number,
    notBeforeMs: Date.parse(one.valid_from),
    notAfterMs: Date.parse(one.expiration_time),
  };
}

function textOf(source: DataSource | undefined): string {
  return source?.inlineString ?? Buffer.from(source?.inlineBytes ?? '', 'base64').toString();
}
