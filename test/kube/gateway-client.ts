// Calls through the ingress gateway's Service, and from pods inside the mesh, as the tests' users do.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';

const TIMEOUT_MS = 8000;

export class GatewayClient {
  readonly #cluster: Cluster;
  #address: string | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get address(): string {
    this.#address ??= this.#cluster.kubectl([
      '-n',
      'istio-system',
      'get',
      'service',
      'istio-ingressgateway',
      '-o',
      'jsonpath={.spec.clusterIP}',
    ]);
    return this.#address;
  }

  async text(path: string, headers: Record<string, string> = {}): Promise<string> {
    try {
      return await (
        await fetch(`http://${this.address}${path}`, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
      ).text();
    } catch (error) {
      return String(error);
    }
  }

  page(): Promise<string> {
    return this.text('/productpage');
  }

  /** Which version of reviews answered, or the beginning of what came instead. */
  async reviews(headers: Record<string, string> = {}): Promise<string> {
    const text = await this.text('/api/v1/products/0/reviews', headers);
    return /"servedBy":"reviews (v\d)"/.exec(text)?.[1] ?? text.slice(0, 80);
  }

  async reviewVersions(times: number, headers: Record<string, string> = {}): Promise<string> {
    const seen = new Set<string>();
    for (let i = 0; i < times; i++) seen.add(await this.reviews(headers));
    return [...seen].sort().join();
  }

  /** Status over HTTPS with this server name; the certificate's subject with it. */
  https(serverName: string, path: string): Promise<{ readonly status: number; readonly subject: string }> {
    return new Promise((resolve) => {
      const req = request(
        {
          host: this.address,
          port: 443,
          path,
          servername: serverName,
          headers: { host: serverName },
          rejectUnauthorized: false,
          timeout: TIMEOUT_MS,
          agent: false,
        },
        (res) => {
          const subject = String((res.socket as import('node:tls').TLSSocket).getPeerCertificate().subject?.CN ?? '');
          res.resume();
          res.on('end', () => resolve({ status: res.statusCode ?? 0, subject }));
        },
      );
      req.on('timeout', () => req.destroy());
      req.on('error', (error) => resolve({ status: 0, subject: error.message }));
      req.end();
    });
  }
}

/** A throw-away certificate and key. */
export function makeCertificate(commonName: string): { readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-cert-'));
  try {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${commonName}`,
        '-addext',
        `subjectAltName=DNS:${commonName}`,
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a TLS Secret there, or renews it. */
export function putTlsSecret(cluster: Cluster, namespace: string, name: string, commonName: string): void {
  const { cert, key } = makeCertificate(commonName);
  const data = { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
  cluster.kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name, namespace },
      data,
    }),
  );
}

/** Status of a GET from a pod of the deployment, made by its application's own container. */
export function statusFrom(
  cluster: Cluster,
  namespace: string,
  deployment: string,
  url: string,
  method = 'GET',
): string {
  const script = `fetch(${JSON.stringify(url)},{method:${JSON.stringify(method)},signal:AbortSignal.timeout(5000)}).then((r)=>console.log(r.status),(e)=>console.log(String(e.cause?.code??e)))`;
  return cluster
    .try(['-n', namespace, 'exec', `deploy/${deployment}`, '-c', 'app', '--', '/usr/local/bin/node', '-e', script])
    .text.trim();
}
