// Which API server, and as whom: from a kubeconfig's current context, or from a pod's service account.

import { err, ok, type Result } from '#base';
import { KubeError } from './errors.ts';
import { KUBECONFIG_ENTRIES } from './limits.ts';

/** A file's path, or its content. */
export type FileOrText = { readonly file: string } | { readonly text: string };

export interface KubeAccess {
  readonly server: string;
  readonly caPem?: FileOrText;
  readonly insecure: boolean;
  /** Name to verify and to send as SNI, where it is not the server's own. */
  readonly serverName: string;
  /** Read again now and then: the kubelet renews projected tokens. */
  readonly token?: FileOrText;
  readonly clientCertificatePem?: FileOrText;
  readonly clientKeyPem?: FileOrText;
  readonly exec?: ExecPlugin;
  readonly namespace: string;
}

/** client.authentication.k8s.io: a program that prints a credential. */
export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Undefined outside a pod. */
export function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  namespace: string,
): KubeAccess | undefined {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === undefined || host === '') return undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caPem: { file: `${ACCOUNT}/ca.crt` },
    token: { file: `${ACCOUNT}/token` },
    insecure: false,
    serverName: '',
    namespace,
  };
}

export function readKubeconfig(value: unknown, folder: string, contextName?: string): Result<KubeAccess, KubeError> {
  const config = record(value);
  const wanted = contextName ?? text(config, 'current-context');
  if (wanted === '') return bad('there is no current-context');
  const context = entry(config, 'contexts', wanted, 'context');
  if (context === undefined) return bad(`context ${wanted} is not there`);
  const cluster = entry(config, 'clusters', text(context, 'cluster'), 'cluster');
  if (cluster === undefined) return bad(`cluster ${text(context, 'cluster')} is not there`);
  const user = entry(config, 'users', text(context, 'user'), 'user') ?? {};
  const server = text(cluster, 'server');
  if (!/^https?:\/\//.test(server)) return bad(`server ${JSON.stringify(server)} is no URL`);
  const file = (path: string): string => (path.startsWith('/') ? path : `${folder}/${path}`);
  const pem = (from: Readonly<Record<string, unknown>>, name: string): FileOrText | undefined => {
    const data = text(from, `${name}-data`);
    if (data !== '') return { text: Buffer.from(data, 'base64').toString('utf8') };
    return text(from, name) === '' ? undefined : { file: file(text(from, name)) };
  };
  const caPem = pem(cluster, 'certificate-authority');
  const clientCertificatePem = pem(user, 'client-certificate');
  const clientKeyPem = pem(user, 'client-key');
  const token: FileOrText | undefined =
    text(user, 'token') !== ''
      ? { text: text(user, 'token') }
      : text(user, 'tokenFile') !== ''
        ? { file: file(text(user, 'tokenFile')) }
        : undefined;
  const exec = readExec(user['exec']);
  return ok({
    server: server.replace(/\/$/, ''),
    insecure: cluster['insecure-skip-tls-verify'] === true,
    serverName: text(cluster, 'tls-server-name'),
    namespace: text(context, 'namespace') || 'default',
    ...(caPem === undefined ? {} : { caPem }),
    ...(token === undefined ? {} : { token }),
    ...(clientCertificatePem === undefined ? {} : { clientCertificatePem }),
    ...(clientKeyPem === undefined ? {} : { clientKeyPem }),
    ...(exec === undefined ? {} : { exec }),
  });
}

function readExec(value: unknown): ExecPlugin | undefined {
  const exec = record(value);
  const command = text(exec, 'command');
  if (command === '') return undefined;
  const args = Array.isArray(exec['args']) ? exec['args'].filter((arg): arg is string => typeof arg === 'string') : [];
  const listed = Array.isArray(exec['env']) ? exec['env'].slice(0, KUBECONFIG_ENTRIES).map(record) : [];
  const env = Object.fromEntries(listed.map((one) => [text(one, 'name'), text(one, 'value')]));
  return { command, args, env, apiVersion: text(exec, 'apiVersion') };
}

function entry(
  config: Readonly<Record<string, unknown>>,
  list: string,
  name: string,
  field: string,
): Readonly<Record<string, unknown>> | undefined {
  const all = config[list];
  if (!Array.isArray(all)) return undefined;
  const found = all
    .slice(0, KUBECONFIG_ENTRIES)
    .map(record)
    .find((one) => one['name'] === name);
  return found === undefined ? undefined : record(found[field]);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function text(from: Readonly<Record<string, unknown>>, name: string): string {
  const value = from[name];
  return typeof value === 'string' ? value : '';
}

function bad(detail: string): Result<never, KubeError> {
  return err(new KubeError('kubeconfig_unusable', detail));
}
