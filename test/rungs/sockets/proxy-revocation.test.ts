// Requests that last are judged again when the policy changes: event streams and gRPC streams over HTTP/2, long polls over HTTP/1.1.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import http2 from 'node:http2';
import { test } from 'node:test';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { FakeClock, TYPE_URL } from '#base';
import { loadTypes } from '#proto';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { renderPrometheus, StatStore } from '#telemetry';
import { cluster, listener, managerFilter, routerFilter, runProxy, startApp } from './proxy-fixture.ts';
import { until } from '../../mesh/until.ts';

const registry = await loadTypes();
/** What design 4 promises, by the proxy's own clock. */
const CUT_WITHIN_MS = 5_000;

/** Refuses these paths. */
function policy(...paths: readonly string[]): object {
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      rules: {
        action: 'DENY',
        policies: {
          p: {
            permissions: paths.map((exact) => ({ url_path: { path: { exact } } })),
            principals: [{ any: true }],
          },
        },
      },
    },
  };
}

const guarded = (filters: readonly object[]): object =>
  listener('l', [
    {
      filters: [
        managerFilter(
          [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s', prefix_rewrite: '/seen/' } }],
          {
            codec_type: 'AUTO',
            http_filters: [...filters, routerFilter],
          },
        ),
      ],
    },
  ]);

interface Watched {
  bytes: number;
  ended: 'no' | 'whole' | 'cut';
}

for (const before of ['another policy', 'no policy'] as const) {
  test(`streams that ${before} let in are cut when an edit refuses them, and only those`, async (t) => {
    let finishShort = (): void => {};
    const app = await startApp((req, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (req.url?.includes('short') === true) {
        response.write('x');
        finishShort = () => void response.end('done');
        return;
      }
      const timer = setInterval(() => response.write('event\n'), 50);
      response.on('close', () => clearInterval(timer));
    });
    const stats = new StatStore();
    const clock = new FakeClock(Date.now());
    const proxy = await runProxy(
      [guarded(before === 'no policy' ? [] : [policy('/elsewhere')])],
      [cluster('app', [app.port])],
      undefined,
      { stats, clock },
    );
    const port = proxy.port('l');
    const session = http2.connect(`http://127.0.0.1:${port}`);
    t.after(() => {
      session.destroy();
      proxy.close();
      app.close();
    });
    session.on('error', () => {});
    const overH2 = (path: string): Watched => {
      const watched: Watched = { bytes: 0, ended: 'no' };
      const stream = session.request({ ':path': path });
      stream.on('data', (data: Buffer) => (watched.bytes += data.length));
      stream.on('end', () => (watched.ended = 'whole'));
      stream.on('error', () => (watched.ended = 'cut'));
      stream.on('close', () => (watched.ended = stream.rstCode === 0 ? watched.ended : 'cut'));
      return watched;
    };
    const overH1 = (path: string): Watched => {
      const watched: Watched = { bytes: 0, ended: 'no' };
      request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
        response.on('data', (data: Buffer) => (watched.bytes += data.length));
        response.on('end', () => (watched.ended = 'whole'));
        response.on('error', () => (watched.ended = 'cut'));
      })
        .on('error', () => (watched.ended = 'cut'))
        .end();
      return watched;
    };
    const refused = [overH2('/refused'), overH1('/refused')];
    const allowed = [overH2('/allowed'), overH1('/allowed')];
    await until('all of them run', () => [...refused, ...allowed].every((one) => one.bytes > 0));
    const short = overH2('/short');
    await until('the short one runs', () => short.bytes > 0);
    const bytes = toBinary(
      ListenerSchema,
      fromJson(ListenerSchema, JSON.parse(JSON.stringify(guarded([policy('/refused', '/short')]))), { registry }),
    );
    assert.deepEqual(
      proxy.handle.proxy.applyResources(TYPE_URL.listener, [{ name: 'l', bytes, version: '2' }], []),
      [],
    );
    await proxy.handle.proxy.config.settled();
    finishShort();
    await until('the end of what was nearly done', () => short.ended !== 'no');
    assert.equal(short.ended, 'whole', 'it was let finish');
    assert.deepEqual(
      refused.map((one) => one.ended),
      ['no', 'no'],
      'the others have the same time',
    );
    clock.advance(CUT_WITHIN_MS);
    await until('the refused are cut', () => refused.every((one) => one.ended === 'cut'));
    const counts = allowed.map((one) => one.bytes);
    await until("nobody else's", () => allowed.every((one, i) => one.bytes > (counts[i] as number)));
    assert.match([...renderPrometheus(stats)].join(''), /downstream_rq_peer_revoked\{[^}]*\} 2\b/);
  });
}
