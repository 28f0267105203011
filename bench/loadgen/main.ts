// Command line of the load generator; prints one JSON object.
//
//   node bench/loadgen/main.ts --url http://127.0.0.1:8080/productpage --connections 16 --rate 1000 --duration 10
//   without --rate each connection sends as fast as it is answered

import { readFileSync } from 'node:fs';
import { runLoad } from './run-load.ts';
import { programOptions } from '../../tools/program-options.ts';

const { values } = programOptions(import.meta.filename, {
  options: {
    url: { type: 'string' },
    connections: { type: 'string', default: '16' },
    rate: { type: 'string' },
    duration: { type: 'string', default: '10' },
    lead: { type: 'string' },
    method: { type: 'string', default: 'GET' },
    host: { type: 'string' },
    header: { type: 'string', multiple: true, default: [] },
    'no-keepalive': { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    ca: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    sni: { type: 'string' },
    alpn: { type: 'string' },
  },
});
if (values.url === undefined) {
  console.error(
    'usage: loadgen --url URL [--connections N] [--rate PER_SECOND] [--duration SECONDS] [--lead SECONDS] [--header "name: value"] [--no-keepalive] [--resume] [--gate] [--ca F --cert F --key F --sni NAME --alpn PROTOCOL]',
  );
  process.exit(2);
}
const url = new URL(values.url);
const file = (path: string | undefined): { pem?: Buffer } => (path === undefined ? {} : { pem: readFileSync(path) });
const { pem: ca } = file(values.ca);
const { pem: cert } = file(values.cert);
const { pem: key } = file(values.key);

const result = await runLoad({
  host: url.hostname,
  port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  path: url.pathname + url.search,
  method: values.method,
  authority: values.host ?? url.host,
  headers: Object.fromEntries(
    values.header.map((h) => [h.slice(0, h.indexOf(':')), h.slice(h.indexOf(':') + 1).trim()]),
  ),
  connections: Number(values.connections),
  durationMs: Number(values.duration) * 1000,
  keepAlive: !values['no-keepalive'],
  resume: values.resume,
  // For who measures another process: says when it begins to count.
  ...(values.lead === undefined ? {} : { leadMs: Number(values.lead) * 1000, begun: () => console.log('counts') }),
  // For the same: says that all connections are up, begins when it is told to, and closes them when it is told again.
  ...(values.gate
    ? {
        ready: (): Promise<void> => {
          console.log('ready');
          return new Promise((resolve) => process.stdin.once('data', () => resolve()));
        },
      }
    : {}),
  ...(values.rate === undefined ? {} : { rate: Number(values.rate) }),
  ...(url.protocol === 'https:'
    ? {
        tls: {
          ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
          ...(values.sni === undefined ? {} : { servername: values.sni }),
          ...(values.alpn === undefined ? {} : { ALPNProtocols: values.alpn.split(',') }),
          // SPIFFE certificates have no DNS name; the chain is what counts here.
          checkServerIdentity: () => undefined,
        },
      }
    : {}),
});
console.log(JSON.stringify(result));
if (values.gate) await new Promise((resolve) => process.stdin.once('data', resolve));
process.exit(0);
