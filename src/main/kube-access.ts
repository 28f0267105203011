// Which API server this process talks to: --kubeconfig, $KUBECONFIG, the pod's service account, then ~/.kube/config.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { load } from 'js-yaml';
import { inClusterAccess, type KubeAccess, KubeClient, KubeError, readKubeconfig } from '#kube';
import { KubeHttp, type PodCommand, type PodCommandEnd, runInPod } from '#io';
import { VERSION } from './version.ts';

const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

export function findKubeAccess(
  given: { readonly kubeconfig?: string | undefined; readonly context?: string | undefined } = {},
): KubeAccess {
  const named = given.kubeconfig ?? process.env['KUBECONFIG'];
  if (named === undefined || named === '') {
    const inside = inClusterAccess(process.env, readOr(NAMESPACE_FILE, 'istio-system').trim());
    if (inside !== undefined) return inside;
  }
  const path = kubeconfigPath(named);
  let value: unknown;
  try {
    value = load(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KubeError('kubeconfig_unusable', `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const read = readKubeconfig(value, dirname(path), given.context);
  if (!read.ok) throw new KubeError('kubeconfig_unusable', `${path}: ${read.error.message}`);
  return read.value;
}

/** What kubectl means by itself; '' when there is no kubeconfig. */
export function presentContext(): string {
  try {
    const { 'current-context': context } = load(readFileSync(kubeconfigPath(process.env['KUBECONFIG']), 'utf8')) as {
      readonly 'current-context'?: string;
    };
    return context ?? '';
  } catch {
    return '';
  }
}

function kubeconfigPath(named: string | undefined): string {
  return resolve(
    named === undefined || named === '' ? join(homedir(), '.kube', 'config') : (named.split(':')[0] as string),
  );
}

export function makeKubeClient(
  access: KubeAccess,
  fieldManager: string,
): { readonly client: KubeClient; close(): void } {
  const transport = new KubeHttp({ access, userAgent: `topsail/${VERSION}` });
  return { client: new KubeClient({ transport, fieldManager }), close: () => transport.close() };
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/** What commands use: they name themselves as the owner of what they write. */
export async function openKube(flags: {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly fieldManager: string;
}): Promise<KubeClient> {
  try {
    return makeKubeClient(findKubeAccess(flags), flags.fieldManager).client;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    // Printed as one sentence, without a stack.
    throw Object.assign(new Error(`${error.message}. What to do: ${error.remedy}.`), { exitCode: 1 });
  }
}

export async function inPod(
  flags: { readonly kubeconfig?: string | undefined; readonly context?: string | undefined },
  asked: PodCommand,
): Promise<PodCommandEnd> {
  const http = new KubeHttp({ access: findKubeAccess(flags), userAgent: `topsail/${VERSION}` });
  try {
    return await runInPod(http, asked);
  } catch (error) {
    throw Object.assign(new Error(error instanceof Error ? error.message : String(error)), { exitCode: 1 });
  } finally {
    http.close();
  }
}
