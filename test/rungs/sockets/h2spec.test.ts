// The proxy before h2spec, an independent judge of HTTP/2 servers (RFC 9113, RFC 7541), strict cases too.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { cluster, listener, managerFilter, runProxy, startApp } from './proxy-fixture.ts';
import { selfSigned } from './self-signed.ts';

/** A machine that stands still for a second has not broken a rule. */
const ANSWER_S = 20;
const ROUTES = [{ match: { prefix: '/' }, route: { cluster: 'app' } }];

function findH2spec(): string | undefined {
  const gopath = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const places = [
    process.env['H2SPEC_PATH'] ?? '',
    ...(process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'h2spec')),
    gopath === '' ? '' : join(gopath, 'bin/h2spec'),
    join(homedir(), 'go/bin/h2spec'),
  ];
  return places.find((place) => place !== '' && existsSync(place));
}

const h2spec = findH2spec();
const skip =
  h2spec === undefined && process.env['CI'] === undefined
    ? 'needs h2spec: go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible'
    : false;

for (const secure of [false, true])
  test(`h2spec finds nothing, ${secure ? 'over TLS' : 'in plaintext'}`, { skip }, async (t) => {
    assert.ok(h2spec !== undefined, 'h2spec was not found');
    const app = await startApp((request, response) => request.resume().on('end', () => response.end('hello')));
    t.after(() => app.close());
    const tls = selfSigned('localhost');
    const transport = {
      name: 'tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        common_tls_context: {
          alpn_protocols: ['h2', 'http/1.1'],
          tls_certificates: [
            {
              certificate_chain: { inline_string: tls.certChainPem },
              private_key: { inline_string: tls.privateKeyPem },
            },
          ],
        },
      },
    };
    // A port that guesses takes what is no preface for HTTP/1.1, and answers in that.
    const manager = managerFilter(ROUTES, secure ? {} : { codec_type: 'HTTP2' });
    const chain = { filters: [manager], ...(secure ? { transport_socket: transport } : {}) };
    const proxy = await runProxy([listener('l', [chain])], [cluster('app', [app.port])]);
    t.after(() => proxy.close());
    const args = ['--strict', '--timeout', String(ANSWER_S), '--port', String(proxy.port('l'))];
    const child = spawn(h2spec, secure ? [...args, '--tls', '--insecure'] : args, {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = await text(child.stdout);
    const [, tests, passed, , failed] =
      /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(said)?.map(Number) ?? [];
    assert.equal(failed, 0, said);
    assert.ok(passed !== undefined && passed >= 140 && tests !== undefined, said);
    t.diagnostic(`${passed} of ${tests}`);
  });
