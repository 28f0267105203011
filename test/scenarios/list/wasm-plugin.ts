// Plugins: where they stand, for which traffic, what they do to it, and what becomes of it when they break. The module is test/wasm/kitchen.wat.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { rmSync } from 'node:fs';
import { assemble } from '../../wasm/assemble.ts';
import { targets } from './policy-targets.ts';
import type { Feature, Scenario } from './scenario.ts';
import { EDGE_GATEWAY, FRIEND, as, OK, plain, policy, SELECT } from './server-calls.ts';

const folder = mkdtempSync(join(tmpdir(), 'topsail-plugins-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const MODULE = join(folder, 'kitchen.wasm');
writeFileSync(MODULE, await assemble('kitchen'), { mode: 0o644 });

const OPEN_PORTS = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');

/** Each has a machine of its own, at each try: one that broke must not be another's. */
function plugin(name: string, fields: string, namespace = 'default'): string {
  const env = `vmConfig: { env: [{ name: ONLY, value: "\${fresh:machine}" }] }`;
  return `apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: { name: ${name}, namespace: ${namespace} }
spec: { url: "file://${MODULE}", ${env}${fields === '' ? '' : `, ${fields}`} }
---
`;
}

const AT_SERVER = `${SELECT}, match: [{ mode: SERVER }]`;
const says = (word: string): string => `pluginConfig: { is: ${word} }`;
const doing = (letter: string) => ({ headers: { 'x-do': letter } });
const TEAPOT = { status: 418, body: 'teapot here', downstream: { 'x-from': 'wasm' }, arrivals: 0 } as const;
const BROKEN = { status: 503, arrivals: 0, log: { response_code_details: 'wasm_fail_stream' } } as const;
const ANSWERED = { ...OK, downstream: { 'x-wasm-response': 'yes' } } as const;
const PASSED = { ...OK, downstream: { 'x-wasm-response': null } } as const;
const NOBODY = policy('nobody', 'AuthorizationPolicy', `{ ${SELECT} }`);
const TOKENS = policy(
  'tokens',
  'RequestAuthentication',
  `{ ${SELECT}, jwtRules: [{ issuer: "https://issuer.example", jwks: '{"keys":[]}' }] }`,
);
const BAD_TOKEN = { authorization: 'Bearer bad' };

function scenario(name: string, proves: readonly string[], config: string, ...steps: Scenario['steps']): Scenario {
  return { name: `plugins: ${name}`, proves: proves.map((one) => `WasmPlugin.${one}`), config, steps };
}

export const feature: Feature = [
  scenario(
    'one reads its configuration and changes requests and answers',
    ['url', 'pluginConfig', 'vmConfig.env'],
    OPEN_PORTS + plugin('p', `${AT_SERVER}, ${says('here')}`),
    { call: plain(doing('a')), expect: { ...ANSWERED, upstream: { 'x-wasm': '{"is":"here"}' } } },
    { call: plain(), expect: { ...ANSWERED, upstream: { 'x-wasm': null } } },
  ),
  scenario('one answers by itself', ['type'], OPEN_PORTS + plugin('p', `${AT_SERVER}, type: HTTP`), {
    call: plain(doing('d')),
    expect: { ...TEAPOT, log: { response_code_details: 'denied' } },
  }),
  scenario('one changes bodies', ['url'], OPEN_PORTS + plugin('p', AT_SERVER), {
    call: plain({ ...doing('b'), method: 'POST', body: 'some words' }),
    expect: ANSWERED,
  }),
  scenario(
    'one of another workload is not there',
    ['selector'],
    OPEN_PORTS + plugin('p', 'selector: { matchLabels: { app: other } }'),
    { call: plain(doing('d')), expect: PASSED },
  ),
  scenario(
    'for callers only, it is at the caller',
    ['match[].mode'],
    OPEN_PORTS + plugin('p', 'match: [{ mode: CLIENT }]'),
    { call: plain(doing('d')), expect: PASSED },
    { call: { to: 'web:8000', ...doing('d') }, expect: TEAPOT },
  ),
  scenario(
    'for one port of those that are called',
    ['match[].ports'],
    plugin('p', 'match: [{ mode: CLIENT, ports: [{ number: 8001 }] }]'),
    { call: { to: 'web:8000', ...doing('d') }, expect: { status: 200, downstream: { 'x-wasm-response': null } } },
    { call: { to: 'web:8001', ...doing('d') }, expect: TEAPOT },
  ),
  scenario(
    'for one port of the workload',
    ['match[].ports'],
    OPEN_PORTS + plugin('p', `${SELECT}, match: [{ mode: SERVER, ports: [{ number: 9000 }] }]`),
    { call: plain(doing('d')), expect: PASSED },
  ),
  scenario(
    'the root namespace’s is everybody’s, gateways’ too',
    ['match'],
    `${OPEN_PORTS}${plugin('p', '', 'istio-system')}${EDGE_GATEWAY}`,
    { call: plain(doing('d')), expect: TEAPOT },
    { call: { to: 'web:8000', ...doing('d') }, expect: TEAPOT },
    { call: { via: 'gateway', port: 80, host: 'any.example', ...doing('d') }, expect: TEAPOT },
  ),
  scenario(
    'the higher priority goes first, the last one’s word stays',
    ['priority'],
    OPEN_PORTS +
      plugin('a', `${AT_SERVER}, priority: 1, ${says('low')}`) +
      plugin('b', `${AT_SERVER}, priority: 9, ${says('high')}`),
    { call: plain(doing('a')), expect: { ...OK, upstream: { 'x-wasm': '{"is":"low"}' } } },
  ),
  scenario(
    'phases come before priorities',
    ['phase'],
    OPEN_PORTS +
      plugin('a', `${AT_SERVER}, priority: 1, phase: AUTHN, ${says('early')}`) +
      plugin('b', `${AT_SERVER}, priority: 9, phase: STATS, ${says('late')}`),
    { call: plain(doing('a')), expect: { ...OK, upstream: { 'x-wasm': '{"is":"late"}' } } },
  ),
  scenario(
    'AUTHN is asked before tokens',
    ['phase'],
    OPEN_PORTS + TOKENS + plugin('p', `${AT_SERVER}, phase: AUTHN`),
    { call: plain({ headers: { ...BAD_TOKEN, 'x-do': 'd' } }), expect: TEAPOT },
    { call: plain({ headers: BAD_TOKEN }), expect: { status: 401, arrivals: 0 } },
  ),
  scenario(
    'AUTHZ is asked after tokens and before policies',
    ['phase'],
    OPEN_PORTS + TOKENS + NOBODY + plugin('p', `${AT_SERVER}, phase: AUTHZ`),
    { call: plain({ headers: { ...BAD_TOKEN, 'x-do': 'd' } }), expect: { status: 401, arrivals: 0 } },
    { call: plain(doing('d')), expect: TEAPOT },
    { call: plain(), expect: { status: 403, arrivals: 0 } },
    { call: as(FRIEND, doing('d')), expect: TEAPOT },
  ),
  scenario('without a phase it is asked after policies', ['phase'], OPEN_PORTS + NOBODY + plugin('p', AT_SERVER), {
    call: plain(doing('d')),
    expect: { status: 403, arrivals: 0 },
  }),
  scenario(
    'one that breaks refuses every request',
    ['failStrategy'],
    OPEN_PORTS + plugin('p', `${AT_SERVER}, failStrategy: FAIL_CLOSE`),
    { call: plain(), expect: ANSWERED },
    { call: plain(doing('t')), expect: BROKEN },
    { call: plain(), expect: BROKEN },
  ),
  scenario(
    'one that breaks is passed by, where it may be',
    ['failStrategy'],
    OPEN_PORTS + plugin('p', `${AT_SERVER}, failStrategy: FAIL_OPEN`),
    { call: plain(), expect: ANSWERED },
    { call: plain(doing('t')) },
    { call: plain(doing('d')), expect: PASSED },
  ),
  ...targets(
    'WasmPlugin',
    { call: { via: 'gateway', ...doing('d') }, expect: TEAPOT },
    { call: { via: 'gateway', ...doing('d') }, expect: { status: 200, backend: 'web-v1' } },
    (where) => plugin('p', where, 'istio-system'),
  ),
];
