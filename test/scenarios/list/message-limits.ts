// Sizes of requests and responses: at the limit and beyond it, at a workload and at a gateway, over HTTP/1.1 and HTTP/2.
import type { Feature, Scenario } from './scenario.ts';
import { EDGE_GATEWAY, OK, plain, policy, SELECT } from './server-calls.ts';

const OPEN_PORTS = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');
const EDGE = `${EDGE_GATEWAY}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ route: [{ destination: { host: server, port: { number: 8000 } } }] }] }
---
`;

function limits(name: string, spec: string, namespace = 'default'): string {
  return `apiVersion: topsail.io/v1alpha1\nkind: MessageLimits\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n---\n`;
}

const post = (bytes: number, more: Parameters<typeof plain>[0] = {}) =>
  plain({ method: 'POST', body: 'x'.repeat(bytes), ...more });
const padded = (bytes: number) => ({ headers: { 'x-pad': 'p'.repeat(bytes) } });
const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-n-${i}`, '1']));
const many = (count: number) => ({ headers: fields(count) });
const answering = (headers: Readonly<Record<string, string>>) => ({ headers: { 'x-reply': JSON.stringify(headers) } });
const body = (bytes: number) => ({
  status: 413,
  arrivals: 0,
  body: `The request body is larger than ${bytes} bytes, the limit of port 8000 of server.default.svc.cluster.local.`,
});
const HEAD_TOO_LARGE = {
  status: 431,
  arrivals: 0,
  body: /^The request head is larger than .*, the limit of port 8000 of server\.default\.svc\.cluster\.local\.$/,
};
/** A chunked POST, said as it goes over the connection. */
const chunked = (bytes: number): string =>
  `POST / HTTP/1.1\r\nhost: server\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`;

function scenario(name: string, proves: readonly string[], config: string, ...steps: Scenario['steps']): Scenario {
  return { name: `sizes: ${name}`, proves: proves.map((one) => `MessageLimits.${one}`), config, steps };
}

const h2 = { h2: true } as const;
const announced = (bytes: number) => ({ ...h2, headers: { 'content-length': String(bytes) } });

export const feature: Feature = [
  scenario(
    'a body of as many bytes as are allowed passes, one more does not',
    ['request.body.maxBytes', 'selector'],
    OPEN_PORTS + limits('l', `{ ${SELECT}, request: { body: { maxBytes: 1000 } } }`),
    { call: post(1000), expect: OK },
    { call: post(1001), expect: body(1000) },
    { call: post(1000, announced(1000)), expect: OK },
    { call: post(1001, announced(1001)), expect: body(1000) },
    { call: plain(), expect: OK },
  ),
  scenario(
    'a body that is collected passes or is refused as a whole, announced or not',
    ['request.body.mode'],
    OPEN_PORTS + limits('l', `{ ${SELECT}, request: { body: { maxBytes: 1000, mode: BUFFERED } } }`),
    { call: post(1000), expect: OK },
    { call: post(1001), expect: body(1000) },
    { call: post(1001, h2), expect: body(1000) },
    {
      call: plain({ tcp: chunked(1000) }),
      expect: { body: /^HTTP\/1\.1 200 / },
    },
    {
      call: plain({ tcp: chunked(1001) }),
      expect: { body: /^HTTP\/1\.1 413 [^]*The request body is larger than 1000 bytes/ },
    },
  ),
  {
    ...scenario(
      'a body of unknown length is counted as it goes on',
      ['request.body.mode'],
      OPEN_PORTS + limits('l', `{ ${SELECT}, request: { body: { maxBytes: 1000, mode: STREAMED } } }`),
      { call: plain({ tcp: chunked(1000) }), expect: { body: /^HTTP\/1\.1 200 / } },
      { call: plain({ tcp: chunked(1001) }), expect: { body: /^HTTP\/1\.1 413 / } },
    ),
    differs: {
      plane: 'envoy',
      reason: 'Envoy counts only what it collects: the object says so (TS-REG-024), and BUFFERED is in force there',
    },
  },
  scenario(
    'a head within the limit passes, a larger one is refused',
    ['request.headers.maxKiB'],
    OPEN_PORTS + limits('l', `{ ${SELECT}, request: { headers: { maxKiB: 2 } } }`),
    { call: plain(padded(1500)), expect: OK },
    {
      call: plain(padded(2100)),
      expect: { ...HEAD_TOO_LARGE, log: { response_code_details: 'http1.headers_too_large' } },
    },
    { call: plain({ ...padded(1500), ...h2 }), expect: OK },
  ),
  scenario(
    'as many headers as are allowed pass, one more is refused',
    ['request.headers.maxCount'],
    OPEN_PORTS + limits('l', `{ ${SELECT}, request: { headers: { maxCount: 20 } } }`),
    { call: plain(many(10)), expect: OK },
    { call: plain(many(21)), expect: { ...HEAD_TOO_LARGE, log: { response_code_details: 'http1.too_many_headers' } } },
  ),
  scenario(
    'an answer with a larger head or more headers than are allowed becomes a 502',
    ['response.headers.maxKiB', 'response.headers.maxCount'],
    OPEN_PORTS + limits('l', `{ ${SELECT}, response: { headers: { maxKiB: 2, maxCount: 30 } } }`),
    { call: plain(answering({ 'x-pad': 'p'.repeat(1500) })), expect: OK },
    { call: plain(answering({ 'x-pad': 'p'.repeat(2100) })), expect: { status: 502, flag: 'UPE' } },
    { call: plain(answering(fields(15))), expect: OK },
    { call: plain(answering(fields(31))), expect: { status: 502, flag: 'UPE' } },
  ),
  scenario(
    'the workload’s limit goes over its namespace’s, and that over the mesh’s',
    ['request.body', 'request.headers'],
    OPEN_PORTS +
      limits('mesh', '{ request: { headers: { maxKiB: 2 }, body: { maxBytes: 10 } } }', 'istio-system') +
      limits('namespace', '{ request: { body: { maxBytes: 20 } } }') +
      limits('own', `{ ${SELECT}, request: { body: { maxBytes: 30 } } }`) +
      limits('other', '{ selector: { matchLabels: { app: other } }, request: { body: { maxBytes: 5 } } }'),
    { call: post(30), expect: OK },
    { call: post(31), expect: body(30) },
    { call: plain(padded(2100)), expect: HEAD_TOO_LARGE },
  ),
  scenario(
    'a gateway has limits too',
    ['request.body.maxBytes'],
    EDGE +
      limits(
        'edge',
        '{ selector: { matchLabels: { istio: ingressgateway } }, request: { headers: { maxKiB: 2 }, body: { maxBytes: 100 } } }',
        'istio-system',
      ),
    {
      call: { via: 'gateway', port: 80, host: 'any.example', method: 'POST', body: 'x'.repeat(100) },
      expect: { status: 200 },
    },
    {
      call: { via: 'gateway', port: 80, host: 'any.example', method: 'POST', body: 'x'.repeat(101) },
      expect: { status: 413, arrivals: 0, body: /larger than 100 bytes, the limit of the gateway at / },
    },
    {
      call: { via: 'gateway', port: 80, host: 'any.example', ...padded(2100) },
      expect: { status: 431, arrivals: 0, body: /larger than 2 KiB, the limit of the gateway at / },
    },
  ),
];
