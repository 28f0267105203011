import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerVerdict } from '#base';
import { namedPeer, serverNameOf } from './server-name.ts';

const host = (hostname: string) => ({ spec: { hostname } }) as never;
const service = (name: string) => ({ host: name, name: '', namespace: '' });

test('without auto_sni the configured name is sent, or none', () => {
  assert.equal(serverNameOf({ autoSni: false, service: service('a.com') }, '', host('b.com')), '');
  assert.equal(serverNameOf({ autoSni: true, service: service('a.com') }, 'c.com', host('b.com')), 'c.com');
});

test('auto_sni names the service, else the endpoint as it was looked up, never an address', () => {
  assert.equal(serverNameOf({ autoSni: true, service: service('a.com') }, '', host('b.com')), 'a.com');
  assert.equal(serverNameOf({ autoSni: true, service: service('*.com') }, '', host('b.com')), 'b.com');
  assert.equal(serverNameOf({ autoSni: true, service: undefined }, '', host('10.0.0.1')), '');
  assert.equal(serverNameOf({ autoSni: true, service: undefined }, '', host('fd00::1')), '');
});

test('auto_san_validation lets in only whose certificate bears the name', () => {
  const shown = (dnsSans: readonly string[]): PeerVerdict => ({
    ...{ kind: 'verified', uriSans: [], dnsSans, spiffeId: '', notAfterMs: 0, serial: '', subject: '' },
  });
  const judge = (dnsSans: readonly string[], name: string) =>
    namedPeer(() => ({ ok: true, verdict: shown(dnsSans) }), name)({ chain: [], resumed: false, sni: name }).ok;
  assert.equal(judge(['*.a.com'], 'x.a.com'), true);
  assert.equal(judge(['b.com'], 'a.com'), false);
  assert.equal(judge(['b.com'], ''), false);
  const anonymous = namedPeer(() => ({ ok: true, verdict: { kind: 'anonymous' } }), 'a.com');
  assert.equal(anonymous({ chain: [], resumed: false, sni: 'a.com' }).ok, false);
});
