// `npm run bench -- NAME`: runs one benchmark of this folder; without a name it lists them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

const BENCHMARKS: Readonly<Record<string, { readonly file: string; readonly about: string }>> = {
  proxy: {
    file: 'proxy.ts',
    about: 'CPU per request, latency and memory beside Envoy and HAProxy (--rounds, --seconds, --rows, --only)',
  },
  propagation: { file: 'propagation.ts', about: 'from a file event to the last ACK of the last proxy' },
  pushes: {
    file: 'pushes.ts',
    about: 'latency beside Envoy while 10,000 endpoints arrive and change (--rounds, --seconds, --only)',
  },
  sidecar: {
    file: 'sidecar.ts',
    about: 'memory of `topsail run`, agent and proxy together, beside Envoy (--rounds, --seconds)',
  },
  'mesh-size': {
    file: 'mesh-size.ts',
    about: 'memory of a sidecar that sees 10, then 1,000 services of ten endpoints (--services, --rounds)',
  },
  'control-plane': {
    file: 'control-plane.ts',
    about: '500 sidecars connect, a VirtualService and an endpoint change (--source memory|kube, --vhds, --rounds)',
  },
  'control-plane-churn': {
    file: 'control-plane-churn.ts',
    about: '10,000 fake pods on 1,000 nodes in an API server, 30 replaced a second (--minutes 20, --rate, --clients)',
  },
  updates: { file: 'micro/updates.ts', about: 'how long the loop stands still while endpoints arrive' },
  telemetry: {
    file: 'micro/telemetry.ts',
    about: 'cost of counters, histograms, Istio metrics, summaries and log lines',
  },
  workers: {
    file: 'workers.ts',
    about: 'spread of 1 to 8 HTTP/2 connections over worker threads, and their memory (--rounds)',
  },
  request: { file: 'micro/request.ts', about: 'cost of a request inside the proxy, without sockets' },
  authorization: {
    file: 'micro/authorization.ts',
    about: 'cost of deciding one request while 1 to 1,000 policies stand on the workload',
  },
  jwt: { file: 'micro/jwt.ts', about: 'cost of a token, seen before and new' },
  load: { file: 'loadgen/main.ts', about: 'the load generator by itself (--url, --connections, --rate, --duration)' },
};

const name = process.argv[2] ?? '';
const benchmark = BENCHMARKS[name];
const path = benchmark === undefined ? '' : join(import.meta.dirname, benchmark.file);
if (benchmark === undefined || !existsSync(path)) {
  console.error(
    `usage: npm run bench -- NAME [options]\n${Object.entries(BENCHMARKS)
      .map(([n, b]) => `  ${n.padEnd(12)} ${b.about}`)
      .join('\n')}`,
  );
  process.exit(2);
}
process.argv.splice(2, 1);
await import(path);
