// Ways out of the mesh: REGISTRY_ONLY, a ServiceEntry through the egress gateway that begins TLS; and a gateway's certificate renewed under load.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import process from 'node:process';
import type { TLSSocket } from 'node:tls';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import type { Cluster } from './cluster.ts';
import { GatewayClient, makeCertificate, putTlsSecret } from './gateway-client.ts';
import { app, applyAll } from './mesh-apps.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, until } from './topsail.ts';

const HUB = 'topsail.local';
const IMAGE = `${HUB}/bookshop:${VERSION}`;
const HOST = 'partner.example';
const NETWORKING = 'networking.istio.io/v1';
const DNS = { 'proxy.istio.io/config': 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}' };

const test: KubeTest = {
  title: 'Ways out of the mesh, and renewed certificates',
  seconds: 60,
  run: async (cluster, step) => {
    await step('images, profile demo with REGISTRY_ONLY, a partner outside of the mesh', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      const registryOnly = ['--set', 'meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY'];
      mustTopsail(cluster, ['install', '--set', 'profile=demo', ...registryOnly, '-y', '--readiness-timeout', '600s']);
      const { cert, key } = makeCertificate(HOST);
      cluster.kubectl(['create', 'namespace', 'partner']);
      applyAll(
        cluster,
        'partner',
        app({ name: 'partner', image: IMAGE, script: PARTNER, env: { CERT: cert, KEY: key } }),
      );
      const ca = { 'ca.crt': Buffer.from(cert).toString('base64') };
      applyAll(cluster, 'istio-system', [
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'partner-ca' }, data: ca },
      ]);
      cluster.kubectl(['create', 'namespace', 'shop']);
      cluster.kubectl(['label', 'namespace', 'shop', 'istio-injection=enabled']);
      applyAll(cluster, 'shop', [
        ...app({ name: 'caller', image: IMAGE, script: 'setInterval(() => {}, 1000)', annotations: DNS }),
        ...app({ name: 'server', image: IMAGE }),
      ]);
      for (const namespace of ['partner', 'shop'])
        cluster.kubectl(['-n', namespace, 'wait', '--for=condition=Available', 'deploy', '--all', '--timeout=600s']);
    });
    const ip = cluster.kubectl([
      '-n',
      'partner',
      'get',
      'pod',
      '-l',
      'app=partner',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    ]);
    await step('REGISTRY_ONLY: what no object names is not reached', async () => {
      await until('the refusal', 20, () => ask(cluster, `http://${ip}:8080/`, 'unknown.example').startsWith('502'));
    });
    await step('a ServiceEntry opens the way', async () => {
      applyAll(cluster, 'shop', [serviceEntry(ip)]);
      await until('an answer', 20, () => ask(cluster, `http://${HOST}/`) === '200 plain');
    });
    await step('through the egress gateway, which begins TLS: its log says so', async () => {
      applyAll(cluster, 'shop', throughGateway());
      applyAll(cluster, 'istio-system', [originateTls()]);
      await until('an answer over TLS', 30, () => ask(cluster, `http://${HOST}/from-shop`) === '200 tls');
      // Logs are written a moment later.
      await until('the log of the gateway', 15, () => {
        const log = cluster.kubectl(['-n', 'istio-system', 'logs', 'deploy/istio-egressgateway', '--tail=50']);
        return /"GET \/from-shop .* 200 .*outbound\|443\|\|partner\.example/.test(log);
      });
    });
    await step('another authority is not believed', async () => {
      const { cert } = makeCertificate('nobody.example');
      const data = { 'ca.crt': Buffer.from(cert).toString('base64') };
      applyAll(cluster, 'istio-system', [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'partner-ca' }, data }]);
      await until('the refusal', 30, () => ask(cluster, `http://${HOST}/from-shop`).startsWith('503'));
    });
    await step('a renewed certificate is served within a second, and no connection is dropped', () => renewed(cluster));
  },
};

export default test;

const PARTNER = `
const answer = (text) => (q, r) => r.end(text);
require('node:http').createServer(answer('plain')).listen(8080, '0.0.0.0');
require('node:https').createServer({ cert: process.env.CERT, key: process.env.KEY }, answer('tls')).listen(8443, '0.0.0.0');`;

/** Status and text, from the caller's application. */
function ask(cluster: Cluster, url: string, host?: string): string {
  const script = `
    const { get } = require('node:http');
    get(${JSON.stringify(url)}, { ${host === undefined ? '' : `headers: { host: ${JSON.stringify(host)} },`} timeout: 5000 }, (r) => {
      let text = ''; r.on('data', (c) => { text += c; }); r.on('end', () => console.log(r.statusCode + ' ' + text.slice(0, 60)));
    }).on('error', (e) => console.log(e.code ?? e.message));`;
  return cluster
    .try(['-n', 'shop', 'exec', 'deploy/caller', '-c', 'app', '--', '/usr/local/bin/node', '-e', script])
    .text.trim();
}

function serviceEntry(ip: string): object {
  return {
    apiVersion: NETWORKING,
    kind: 'ServiceEntry',
    metadata: { name: 'partner' },
    spec: {
      hosts: [HOST],
      location: 'MESH_EXTERNAL',
      resolution: 'STATIC',
      ports: [
        { number: 80, name: 'http', protocol: 'HTTP' },
        { number: 443, name: 'tls', protocol: 'TLS' },
      ],
      endpoints: [{ address: ip, ports: { http: 8080, tls: 8443 } }],
    },
  };
}

function throughGateway(): readonly object[] {
  const gateway = 'istio-egressgateway.istio-system.svc.cluster.local';
  return [
    {
      apiVersion: NETWORKING,
      kind: 'Gateway',
      metadata: { name: 'egress' },
      spec: {
        selector: { istio: 'egressgateway' },
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [HOST] }],
      },
    },
    {
      apiVersion: NETWORKING,
      kind: 'VirtualService',
      metadata: { name: 'partner' },
      spec: {
        hosts: [HOST],
        gateways: ['mesh', 'egress'],
        http: [
          {
            match: [{ gateways: ['mesh'], port: 80 }],
            route: [{ destination: { host: gateway, port: { number: 80 } } }],
          },
          {
            match: [{ gateways: ['egress'], port: 80 }],
            route: [{ destination: { host: HOST, port: { number: 443 } } }],
          },
        ],
      },
    },
  ];
}

function originateTls(): object {
  return {
    apiVersion: NETWORKING,
    kind: 'DestinationRule',
    metadata: { name: 'partner' },
    spec: {
      host: HOST,
      trafficPolicy: {
        portLevelSettings: [
          {
            port: { number: 443 },
            tls: { mode: 'SIMPLE', credentialName: 'partner-ca', sni: HOST, subjectAltNames: [HOST] },
          },
        ],
      },
    },
  };
}

async function renewed(cluster: Cluster): Promise<void> {
  const host = 'shop.example';
  putTlsSecret(cluster, 'istio-system', 'shop-cert', 'first.shop.example');
  applyAll(cluster, 'shop', [
    {
      apiVersion: NETWORKING,
      kind: 'Gateway',
      metadata: { name: 'ingress' },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [
          {
            port: { number: 443, name: 'https', protocol: 'HTTPS' },
            tls: { mode: 'SIMPLE', credentialName: 'shop-cert' },
            hosts: [host],
          },
        ],
      },
    },
    {
      apiVersion: NETWORKING,
      kind: 'VirtualService',
      metadata: { name: 'ingress' },
      spec: {
        hosts: [host],
        gateways: ['ingress'],
        http: [{ route: [{ destination: { host: 'server', port: { number: 8080 } } }] }],
      },
    },
  ]);
  const gateway = new GatewayClient(cluster);
  await until('HTTPS', 30, async () => (await gateway.https(host, '/')).status === 200);
  // One connection that stays, and its requests.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const failures: string[] = [];
  const sockets = new Set<TLSSocket>();
  let going = true;
  const kept = (async () => {
    while (going) {
      const end = await new Promise<string>((resolve) => {
        const call = request(
          { host: gateway.address, port: 443, servername: host, headers: { host }, rejectUnauthorized: false, agent },
          (answer) => {
            sockets.add(answer.socket as TLSSocket);
            answer.resume();
            answer.on('end', () => resolve(String(answer.statusCode)));
          },
        );
        call.on('error', (error) => resolve(error.message));
        call.end();
      });
      if (end !== '200') failures.push(end);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  putTlsSecret(cluster, 'istio-system', 'shop-cert', 'second.shop.example');
  const begun = performance.now();
  let tookMs = 0;
  while (tookMs === 0) {
    if ((await gateway.https(host, '/')).subject === 'second.shop.example') tookMs = performance.now() - begun;
    if (performance.now() - begun > 10_000) throw new Error('the new certificate is not served');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  going = false;
  await kept;
  agent.destroy();
  assert.deepEqual(failures, []);
  assert.equal(sockets.size, 1, 'the connection that was there stayed');
  process.stdout.write(`    served after ${Math.round(tookMs)} ms\n`);
  assert.ok(tookMs < 2000, `it took ${Math.round(tookMs)} ms`);
}
