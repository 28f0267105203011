// The screens of traces in a real browser: the demo's own spans, kept by a collector of the test that speaks Zipkin's API.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../../mesh/until.ts';
import { seriousViolations } from './axe.ts';
import { type DemoFixture, startDemo } from './demo-fixture.ts';

const SEEN_WITHIN_MS = 120_000;
/** What the test looks at. */
const WHOLE = ['istio-ingressgateway.istio-system CLIENT', 'productpage.default SERVER'];
const spans = new Map<string, ZipkinSpan[]>();
const folder = mkdtempSync(join(tmpdir(), 'topsail-traces-'));

interface ZipkinSpan {
  readonly traceId: string;
  readonly kind: string;
  readonly localEndpoint: { readonly serviceName: string };
}
const nameOf = ({ kind, localEndpoint }: ZipkinSpan): string => `${localEndpoint.serviceName} ${kind}`;

let collector: Server;
let demo: DemoFixture;

before(async () => {
  collector = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://collector');
    if (request.method === 'GET') {
      const one = /^\/api\/v2\/trace\/(.+)$/.exec(url.pathname)?.[1];
      const answer = one === undefined ? [...spans.values()] : (spans.get(one) ?? []);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      for (const span of JSON.parse(Buffer.concat(pieces).toString()) as ZipkinSpan[])
        spans.set(span.traceId, [...(spans.get(span.traceId) ?? []), span]);
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  demo = await startDemo(['--tracing', `http://127.0.0.1:${port}`]);
  const file = join(folder, 'tracing.yaml');
  writeFileSync(file, settings(port));
  demo.command('apply', '--wait', '--timeout', '120s', '-f', file);
});
after(async () => {
  await demo?.stop();
  collector.closeAllConnections();
  collector.close();
  rmSync(folder, { recursive: true, force: true });
});

test('traces are listed with a heat map, and one opens as a waterfall from the gateway down', async () => {
  const { page, problems, finish } = await demo.open('/traces', { mayWrite: true });
  await page.getByRole('img', { name: /Heat map of \d+ traces/ }).waitFor({ timeout: SEEN_WITHIN_MS });
  assert.deepEqual(await seriousViolations(page), []);
  const rows = page.getByRole('list', { name: 'Spans' }).getByRole('button');
  const asked = page.getByRole('button', { name: /productpage\.default server/ }).first();
  // Each proxy sends its spans by itself: the newest trace may not be whole yet, and a page of it stays as it is.
  let whole = '';
  await until('a whole trace', () => {
    whole =
      [...spans].findLast(([, all]) => WHOLE.every((part) => all.some((span) => nameOf(span) === part)))?.[0] ?? '';
    return whole !== '';
  });
  await page.locator(`a[href$="/traces/${whole}"]`).first().click();
  await rows.first().waitFor();
  assert.match((await rows.first().textContent()) ?? '', /istio-ingressgateway\.istio-system client/);
  await asked.click();
  await page.getByText('istio.canonical_service').first().waitFor();
  await page.getByRole('link', { name: 'Explain this request' }).first().waitFor();
  assert.deepEqual(await seriousViolations(page), []);
  assert.deepEqual(problems, []);
  await finish('trace');
});

test('without the right to write no path is shown', async () => {
  const { page, finish } = await demo.open('/traces');
  await page.getByText('this needs the right to write').first().waitFor();
  await finish('traces-read-only');
});

function settings(port: number): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders:
    - { name: zipkin, zipkin: { service: zipkin.istio-system.svc.cluster.local, port: 9411 } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: zipkin, namespace: istio-system }
spec:
  hosts: [zipkin.istio-system.svc.cluster.local]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 9411, name: http, protocol: HTTP, targetPort: ${port} }]
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: mesh, namespace: istio-system }
spec:
  tracing: [{ providers: [{ name: zipkin }], randomSamplingPercentage: 100 }]
`;
}
