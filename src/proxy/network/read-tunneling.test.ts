import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { TcpProxy_TunnelingConfigSchema } from '#proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { readTunneling } from './read-tunneling.ts';

const read = (fields: { hostname: string; usePost?: boolean; postPath?: string }): unknown =>
  readTunneling(create(TcpProxy_TunnelingConfigSchema, fields), 'tunneling_config');

describe('tunneling_config', () => {
  it('is CONNECT, or POST to a path', () => {
    assert.deepEqual(read({ hostname: 'a.example:443' }), { authority: 'a.example:443', postPath: undefined });
    assert.deepEqual(read({ hostname: '[::1]:443', usePost: true }), { authority: '[::1]:443', postPath: '/' });
    assert.deepEqual(read({ hostname: 'a:1', usePost: true, postPath: '/tcp' }), {
      authority: 'a:1',
      postPath: '/tcp',
    });
    assert.equal(readTunneling(undefined, ''), undefined);
  });
  it('is refused where a request could not say it', () => {
    assert.throws(() => read({ hostname: '' }), /tunneling_config\.hostname is required/);
    assert.throws(
      () => read({ hostname: '%REQUESTED_SERVER_NAME%:443' }),
      /hostname is not supported.*command operators/,
    );
    assert.throws(() => read({ hostname: 'a:1\r\nx: y' }), /hostname: holds what no request may/);
    assert.throws(
      () => read({ hostname: 'a:1', usePost: true, postPath: '/a b' }),
      /post_path: holds what no request may/,
    );
    assert.throws(() => read({ hostname: 'a:1', postPath: '/' }), /post_path: belongs to use_post/);
  });
});
