// Whom TLS asks for and believes by a request's own words (auto_sni, auto_san_validation, override_auto_sni_header, auto_host_sni,
// auto_sni_san_validation), through our proxy and a real Envoy, from one bootstrap.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { meshEntry } from '../../mesh/mesh.ts';
import { freePort } from '../../mesh/test-ports.ts';
import { cluster, httpListener, tcpListener } from '../../proxy-life/config.ts';
import { findEnvoy } from './find-envoy.ts';

const envoy = findEnvoy();
const T = 'type.googleapis.com';
const HTTP = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

interface Way {
  /** Of UpstreamHttpProtocolOptions. */
  readonly http?: object;
  /** Of UpstreamTlsContext. */
  readonly tls?: object;
  /** Names that the certificate has to bear, by configuration. */
  readonly sans?: readonly string[];
  readonly hostname?: string;
  readonly route?: object;
  readonly tcp?: boolean;
}

/** What is asked with which fields, and what is answered: the server name that came, 'none', or 'refused'. */
type Case = readonly [asked: Readonly<Record<string, string>>, answer: string];

const WAYS: Readonly<Record<string, readonly [Way, ...(readonly Case[])]>> = {
  'auto_sni is the authority’s host': [
    { http: { auto_sni: true } },
    [{ host: 'a.test' }, 'a.test'],
    [{ host: 'b.test:99' }, 'b.test'],
    [{ host: 'a.test' }, 'a.test'],
    [{ host: '127.0.0.1' }, 'none'],
    [{ host: '[::1]:80' }, 'none'],
  ],
  'auto_sni goes before a configured name': [
    { http: { auto_sni: true }, tls: { sni: 'own.test' } },
    [{ host: 'a.test' }, 'a.test'],
    [{ host: '127.0.0.1' }, 'own.test'],
  ],
  'without auto_sni the configured name is sent': [{ tls: { sni: 'own.test' } }, [{ host: 'a.test' }, 'own.test']],
  'auto_san_validation believes whom the authority names': [
    { http: { auto_sni: true, auto_san_validation: true } },
    [{ host: 'a.test' }, 'a.test'],
    [{ host: 'x.b.test' }, 'x.b.test'],
    [{ host: 'x.y.b.test' }, 'refused'],
    [{ host: 'evil.test' }, 'refused'],
    [{ host: 'a.test' }, 'a.test'],
    [{ host: '127.0.0.1' }, 'none'],
    [{ host: '127.0.0.2' }, 'refused'],
  ],
  'auto_san_validation without auto_sni': [
    { http: { auto_san_validation: true }, tls: { sni: 'own.test' } },
    [{ host: 'a.test' }, 'own.test'],
    [{ host: 'evil.test' }, 'refused'],
  ],
  'names of the configuration hold beside it': [
    { http: { auto_sni: true, auto_san_validation: true }, sans: ['other.test'] },
    [{ host: 'a.test' }, 'refused'],
  ],
  'override_auto_sni_header goes before the authority': [
    { http: { auto_sni: true, auto_san_validation: true, override_auto_sni_header: 'x-name' } },
    [{ host: 'evil.test', 'x-name': 'a.test' }, 'a.test'],
    [{ host: 'a.test', 'x-name': 'evil.test' }, 'refused'],
    [{ host: 'a.test' }, 'a.test'],
  ],
  'a rewritten authority counts': [
    { http: { auto_sni: true, auto_san_validation: true }, route: { host_rewrite_literal: 'a.test' } },
    [{ host: 'evil.test' }, 'a.test'],
  ],
  'auto_host_sni is the endpoint’s name': [
    { tls: { auto_host_sni: true, sni: 'own.test' }, hostname: 'a.test' },
    [{ host: 'evil.test' }, 'a.test'],
  ],
  'auto_host_sni of an endpoint without a name': [
    { tls: { auto_host_sni: true, sni: 'own.test' } },
    [{ host: 'evil.test' }, 'own.test'],
  ],
  'auto_sni goes before auto_host_sni': [
    { http: { auto_sni: true }, tls: { auto_host_sni: true }, hostname: 'b.test' },
    [{ host: 'a.test' }, 'a.test'],
    [{ host: '127.0.0.1' }, 'b.test'],
  ],
  'auto_sni_san_validation believes whom it asked for': [
    { http: { auto_sni: true }, tls: { auto_sni_san_validation: true } },
    [{ host: 'a.test' }, 'a.test'],
    [{ host: 'evil.test' }, 'refused'],
    [{ host: '127.0.0.2' }, 'none'],
  ],
  'auto_sni_san_validation takes the place of configured names': [
    { tls: { auto_sni_san_validation: true, sni: 'a.test' }, sans: ['other.test'] },
    [{ host: 'evil.test' }, 'a.test'],
  ],
  'auto_sni_san_validation that asks for nobody leaves configured names': [
    { http: { auto_sni: true }, tls: { auto_sni_san_validation: true }, sans: ['other.test'] },
    [{ host: '127.0.0.1' }, 'refused'],
  ],
  'TCP asks for nothing of its own': [{ http: { auto_sni: true }, tcp: true }, [{ host: 'a.test' }, 'none']],
};

function bootstrap(app: number, ports: readonly number[], admin: number, roots: string): object {
  const listeners: object[] = [];
  const clusters: object[] = [];
  for (const [i, [{ http, tls, sans, hostname, route, tcp }]] of Object.values(WAYS).entries()) {
    const port = ports[i] as number;
    listeners.push(
      tcp === true
        ? tcpListener(`l${i}`, port, `c${i}`)
        : httpListener(`l${i}`, port, [{ match: { prefix: '/' }, route: { cluster: `c${i}`, ...route } }]),
    );
    clusters.push(
      cluster(`c${i}`, [], {
        load_assignment: { cluster_name: `c${i}`, endpoints: [{ lb_endpoints: [endpointOf(app, hostname)] }] },
        ...(http === undefined ? {} : { typed_extension_protocol_options: { [HTTP]: optionsOf(http) } }),
        transport_socket: tlsOf(roots, sans ?? [], tls ?? {}),
      }),
    );
  }
  return {
    node: { id: 'names', cluster: 'names' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    static_resources: { listeners, clusters },
  };
}

function endpointOf(port: number, hostname = ''): object {
  return { endpoint: { hostname, address: { socket_address: { address: '127.0.0.1', port_value: port } } } };
}

function optionsOf(http: object): object {
  return {
    '@type': `${T}/${HTTP}`,
    upstream_http_protocol_options: http,
    explicit_http_config: { http_protocol_options: {} },
  };
}

function tlsOf(roots: string, sans: readonly string[], tls: object): object {
  const names = sans.map((exact) => ({ san_type: 'DNS', matcher: { exact } }));
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${T}/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
      common_tls_context: {
        validation_context: { trusted_ca: { filename: roots }, match_typed_subject_alt_names: names },
      },
      ...tls,
    },
  };
}

function certificateIn(folder: string): { readonly cert: Buffer; readonly key: Buffer; readonly roots: string } {
  const [roots, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const names = 'DNS:a.test,DNS:*.b.test,IP:127.0.0.1';
  const how = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=names'.split(' ');
  execFileSync('openssl', ['req', ...how, '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', roots], {
    stdio: 'ignore',
  });
  return { cert: readFileSync(roots), key: readFileSync(key), roots };
}

for (const plane of ['topsail', 'envoy'] as const) {
  const missing = plane === 'envoy' && envoy === undefined && process.env['CI'] === undefined;
  describe(`server names on ${plane}`, { skip: missing ? 'no Envoy' : false }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-names-'));
    const ports: number[] = [];
    let app: Server;
    let child: ChildProcess;

    before(async () => {
      const { roots, ...certificate } = certificateIn(folder);
      app = createServer(certificate, (asked, answer) => {
        const { servername } = asked.socket as TLSSocket & { readonly servername?: string | false };
        answer.end(servername === undefined || servername === false || servername === '' ? 'none' : servername);
      });
      app.listen(0, '127.0.0.1');
      await once(app, 'listening');
      for (const _ of Object.keys(WAYS)) ports.push(await freePort());
      const admin = await freePort();
      const file = join(folder, 'b.json');
      writeFileSync(file, JSON.stringify(bootstrap((app.address() as AddressInfo).port, ports, admin, roots)));
      const [program, ...args] =
        plane === 'envoy'
          ? [envoy ?? '', '--disable-hot-restart', '--concurrency', '1', '-l', 'error']
          : [process.execPath, meshEntry(), 'proxy', '--log-level', 'error'];
      child = spawn(program as string, [...args, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
      const isUp = async (): Promise<boolean> =>
        (await fetch(`http://127.0.0.1:${admin}/ready`).catch(() => undefined))?.status === 200;
      for (let i = 0; i < 1000 && !(await isUp()); i++) await sleep(60);
    });

    after(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      app.closeAllConnections();
      app.close();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const [i, [name, [, ...cases]]] of Object.entries(WAYS).entries())
      it(name, async () => {
        const seen: string[] = [];
        for (const [headers] of cases) seen.push(await ask(ports[i] as number, headers));
        assert.deepEqual(
          seen,
          cases.map(([, answer]) => answer),
        );
      });
  });
}

function ask(port: number, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/', headers, agent: false }, (answer) => {
      let body = '';
      answer.on('data', (data) => (body += data));
      answer.once('end', () =>
        resolve(answer.statusCode === 200 ? body : answer.statusCode === 503 ? 'refused' : body),
      );
    })
      .once('error', reject)
      .end();
  });
}
