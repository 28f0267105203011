// Upgrades and tunnels as a way around policies: extended CONNECT in another method's place, and bytes that an
// application which does not upgrade would take for its next request (RFC 8441, RFC 9110 §7.8).
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { END_HEADERS, END_STREAM, frame, literal, RawH2, TYPE } from '../../floods/raw-h2.ts';
import { until } from '../../mesh/until.ts';
import { type App, startApp } from './proxy-fixture.ts';
import { type Inbound, runGateway } from './security-fixture.ts';

/** A gateway: clients speak HTTP/2 to it, the application HTTP/1.1. */
const config = (port: number): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }, { to: [{ operation: { methods: ["GET"], paths: ["/read"] } }] }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: app, namespace: shop }
spec: { hosts: [app.example], location: MESH_EXTERNAL, resolution: STATIC, ports: [{ number: ${port}, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway, namespace: shop }
spec: { selector: { istio: gateway }, servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: app, namespace: shop }
spec:
  hosts: ["*"]
  gateways: [gateway]
  http: [{ route: [{ destination: { host: app.example, port: { number: ${port} } } }] }]
`;

function extendedConnect(path: string): Buffer {
  return Buffer.concat(
    Object.entries({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': path,
      ':authority': 'app',
      'sec-websocket-version': '13',
    }).map(([name, value]) => literal(name, value)),
  );
}

const SMUGGLED = Buffer.from('GET /admin HTTP/1.1\r\nHost: app\r\n\r\n');

let app: App;
let proxy: Inbound;
/** What the application was asked for. */
let asked: string[] = [];
let finishSlow: (() => void) | undefined;

before(async () => {
  app = await startApp((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url !== '/slow') return void response.end('plain');
    response.write('begun');
    finishSlow = () => response.end('over');
  });
  proxy = await runGateway(config(app.port));
});
after(() => {
  proxy.close();
  app.close();
});

async function open(path: string): Promise<RawH2> {
  asked = [];
  const raw = await RawH2.connect(proxy.appPort);
  raw.keep = true;
  raw.send(frame(TYPE.HEADERS, END_HEADERS, 1, extendedConnect(path)));
  return raw;
}

const isHead = ({ type, id }: { readonly type: number; readonly id: number }): boolean =>
  type === TYPE.HEADERS && id === 1;
const over = ({ type, flags, id }: { readonly type: number; readonly flags: number; readonly id: number }): boolean =>
  id === 1 &&
  (type === TYPE.RST_STREAM || ((type === TYPE.DATA || type === TYPE.HEADERS) && (flags & END_STREAM) !== 0));

/** One more request through the same sidecar: whatever was smuggled would have come before it. */
async function settled(): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${proxy.appPort}/last`);
  assert.equal(await answer.text(), 'plain');
  assert.ok(asked.includes('GET /last'));
}

describe('an upgrade asked for over HTTP/2', () => {
  it('is judged by the method that the application gets', async () => {
    const raw = await open('/read');
    await raw.until(over, 60_000);
    raw.destroy();
    await settled();
    assert.deepEqual(asked, ['GET /last']);
  });

  it('passes no byte to an application that has not upgraded', async () => {
    const raw = await open('/free');
    raw.send(frame(TYPE.DATA, 0, 1, SMUGGLED));
    assert.ok(await raw.until(isHead, 60_000), 'the answer');
    raw.send(frame(TYPE.DATA, 0, 1, SMUGGLED));
    await raw.until(over, 60_000);
    raw.destroy();
    await settled();
    assert.deepEqual(asked, ['GET /free', 'GET /last']);
  });

  it('passes none while such an application still answers', async () => {
    const raw = await open('/slow');
    assert.ok(await raw.until(({ type }) => type === TYPE.DATA, 60_000), 'the first of its answer');
    raw.send(frame(TYPE.DATA, 0, 1, SMUGGLED));
    raw.send(frame(TYPE.DATA, END_STREAM, 1, SMUGGLED));
    await settled();
    finishSlow?.();
    await raw.until(over, 60_000);
    raw.destroy();
    await settled();
    assert.deepEqual(asked, ['GET /slow', 'GET /last', 'GET /last']);
  });

  it('passes what was sent early once the application has upgraded', async () => {
    app.server.on('upgrade', (request, socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.on('data', (data: Buffer) => socket.write(`${request.url}:${data.toString()}`.toUpperCase()));
    });
    const raw = await open('/chat');
    raw.send(frame(TYPE.DATA, 0, 1, Buffer.from('early')));
    const text = (): string =>
      raw.frames
        .filter(({ type, id }) => type === TYPE.DATA && id === 1)
        .map(({ payload }) => payload.toString())
        .join('');
    await until('the early bytes', () => text().includes('EARLY'));
    raw.send(frame(TYPE.DATA, 0, 1, Buffer.from('late')));
    await until('the late bytes', () => text().includes('LATE'));
    raw.destroy();
    app.server.removeAllListeners('upgrade');
  });
});

describe('an upgrade asked for over HTTP/1.1', () => {
  it('has its early bytes judged as the request they are, where the application does not upgrade', async () => {
    asked = [];
    const socket = connect(proxy.appPort, '127.0.0.1');
    socket.write(
      Buffer.concat([
        Buffer.from('GET /free HTTP/1.1\r\nHost: app\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
        SMUGGLED,
      ]),
    );
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    await until('both answers', () => text.includes('HTTP/1.1 200') && text.includes('HTTP/1.1 403'));
    socket.destroy();
    await settled();
    assert.deepEqual(asked, ['GET /free', 'GET /last']);
  });
});
