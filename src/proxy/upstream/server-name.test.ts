import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerVerdict } from '#base';
import { HeaderBlock } from '#wire/http';
import { NamedPools } from './named-pools.ts';
import { NAMES_PER_ENDPOINT_MAX } from './limits.ts';
import { askedName, namedPeer } from './server-name.ts';

const request = (authority: string, fields: Readonly<Record<string, string>> = {}) => {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) headers.add(name, value);
  return { authority, headers };
};
const BOTH = { autoSni: true, autoSanValidation: true, autoSniHeader: '' };

test('requests ask for nothing unless they are let', () => {
  const asked = askedName({ autoSni: false, autoSanValidation: false, autoSniHeader: 'x-name' }, request('a.com'));
  assert.equal(asked, undefined);
});

test('a request asks for its authority’s host', () => {
  assert.deepEqual(askedName(BOTH, request('a.com:8443')), { sni: 'a.com', san: 'a.com' });
  assert.deepEqual(askedName({ ...BOTH, autoSanValidation: false }, request('a.com')), {
    sni: 'a.com',
    san: undefined,
  });
  assert.deepEqual(askedName({ ...BOTH, autoSni: false }, request('a.com')), { sni: undefined, san: 'a.com' });
});

test('an address is nobody’s server name, and may be in a certificate', () => {
  assert.deepEqual(askedName(BOTH, request('10.0.0.1:443')), { sni: undefined, san: '10.0.0.1' });
  assert.deepEqual(askedName(BOTH, request('[fd00::1]:443')), { sni: undefined, san: 'fd00::1' });
  assert.equal(askedName({ ...BOTH, autoSanValidation: false }, request('10.0.0.1')), undefined);
});

test('a header names the server in the authority’s place, where it has words', () => {
  const settings = { ...BOTH, autoSniHeader: 'x-name' };
  assert.deepEqual(askedName(settings, request('a.com', { 'X-Name': 'b.com:1' })), { sni: 'b.com', san: 'b.com' });
  assert.deepEqual(askedName(settings, request('a.com', { 'x-name': '' })), { sni: 'a.com', san: 'a.com' });
  assert.deepEqual(askedName(settings, request('a.com')), { sni: 'a.com', san: 'a.com' });
});

test('only whose certificate bears the name is let in', () => {
  const shown = (names: {
    readonly dnsSans?: readonly string[];
    readonly ipSans?: readonly string[];
  }): PeerVerdict => ({
    ...{ kind: 'verified', uriSans: [], dnsSans: [], spiffeId: '', notAfterMs: 0, serial: '', subject: '' },
    ...names,
  });
  const judge = (names: Parameters<typeof shown>[0], name: string) =>
    namedPeer(() => ({ ok: true, verdict: shown(names) }), name)({ chain: [], resumed: false, sni: name }).ok;
  assert.equal(judge({ dnsSans: ['*.a.com'] }, 'x.a.com'), true);
  assert.equal(judge({ dnsSans: ['b.com'] }, 'a.com'), false);
  assert.equal(judge({ dnsSans: ['b.com'] }, ''), false);
  assert.equal(judge({ ipSans: ['fd00:0::1'] }, 'fd00::1'), true);
  assert.equal(judge({ ipSans: ['10.0.0.2'] }, '10.0.0.1'), false);
  const anonymous = namedPeer(() => ({ ok: true, verdict: { kind: 'anonymous' } }), 'a.com');
  assert.equal(anonymous({ chain: [], resumed: false, sni: 'a.com' }).ok, false);
});

test('names that clients choose are so many at most: the one that was asked for longest ago goes', () => {
  const pools = new NamedPools();
  const transport = {} as never;
  const first = pools.of({ sni: 'first', san: undefined }, transport);
  let drained = 0;
  first.default = { drain: () => drained++ } as never;
  const second = pools.of({ sni: 'second', san: undefined }, transport);
  second.default = { drain: () => (drained += 10) } as never;
  assert.equal(pools.of({ sni: 'first', san: undefined }, transport), first);
  for (let i = 0; i < NAMES_PER_ENDPOINT_MAX - 1; i++) pools.of({ sni: `n${i}`, san: undefined }, transport);
  assert.equal(drained, 10);
  assert.equal(pools.size, NAMES_PER_ENDPOINT_MAX);
});
