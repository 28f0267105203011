// grpc-timeout where a route's max_stream_duration lets it count: from the call's beginning, and as a deadline that was passed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { cluster, listener, managerFilter, type RunningProxy, runProxy } from './proxy-fixture.ts';

const OVER_H2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};
const DEADLINE_EXCEEDED = '4';

describe('grpc-timeout', () => {
  const sessions: ServerHttp2Session[] = [];
  const heard: unknown[] = [];
  // It never answers.
  const server = createServer();
  let proxy: RunningProxy;
  let session: ClientHttp2Session;

  before(async () => {
    server.on('session', (one) => void sessions.push(one.on('error', () => {})));
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      heard.push(headers['grpc-timeout']);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const route = (prefix: string, duration: object): object => ({
      match: { prefix },
      route: { cluster: 'app', max_stream_duration: duration },
    });
    const routes = [
      route('/any', { grpc_timeout_header_max: '0s' }),
      route('/most', { grpc_timeout_header_max: '0.05s' }),
      route('/early', { grpc_timeout_header_max: '0s', grpc_timeout_header_offset: '600s' }),
    ];
    proxy = await runProxy(
      [listener('l', [{ filters: [managerFilter(routes)] }])],
      [cluster('app', [(server.address() as AddressInfo).port], OVER_H2)],
    );
    session = connect(`http://127.0.0.1:${proxy.port('l')}`);
  });

  after(() => {
    session.destroy();
    proxy.close();
    for (const one of sessions) one.destroy();
    server.close();
  });

  /** The status of a call; `whole` = the client has said all. */
  const call = async (path: string, timeout: string, whole: boolean): Promise<unknown> => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': timeout,
    });
    stream.on('error', () => {});
    if (whole) stream.end();
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    return head['grpc-status'];
  };

  it('ends a call as DEADLINE_EXCEEDED, not as UNAVAILABLE, which clients try again', async () => {
    assert.equal(await call('/any', '50m', true), DEADLINE_EXCEEDED);
  });

  it('counts for a client that streams on, too', async () => {
    assert.equal(await call('/any', '50m', false), DEADLINE_EXCEEDED);
  });

  it('of nothing is late at once, and no lack of a limit', async () => {
    assert.equal(await call('/any', '0S', true), DEADLINE_EXCEEDED);
    assert.equal(await call('/most', '0m', true), DEADLINE_EXCEEDED);
  });

  it('is no more than the route allows, which the endpoint hears', async () => {
    assert.equal(await call('/most', '99999999H', true), DEADLINE_EXCEEDED);
    assert.equal(heard.at(-1), '50m');
  });

  it('may end earlier than the client asked', async () => {
    assert.equal(await call('/early', '600050m', true), DEADLINE_EXCEEDED);
    assert.equal(heard.at(-1), '50m');
  });
});
