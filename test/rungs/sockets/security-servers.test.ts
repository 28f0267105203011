// What a DENY names is not reached in real servers behind our proxy, however the request spells it. Each server says which
// of its handlers ran. TOPSAIL_TEST_PATHS: mutated requests for each policy class, shared by the servers (default 2000;
// the long form is 1000000).
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, test } from 'node:test';
import { SeededRandom } from '#base';
import { Mutator } from './mutate-request.ts';
import { sendPipelined } from './pipelined-client.ts';
import { runInbound } from './security-fixture.ts';
import { missing, SERVERS, startServer } from './servers/start-server.ts';

const COUNT = Number(process.env['TOPSAIL_TEST_PATHS'] ?? 2000);
const SEED = Number(process.env['TOPSAIL_TEST_SEED'] ?? 11);
const BATCH = 64;
const CONNECTIONS = 4;

interface PolicyClass {
  readonly name: string;
  readonly rule: object;
  /** The word of `x-handler` that counts: path, host, role, method. */
  readonly place: 0 | 1 | 2 | 3;
  readonly denied: string;
  readonly paths: readonly string[];
}

const operation = (fields: object): object => ({ to: [{ operation: fields }] });
const CLASSES: readonly PolicyClass[] = [
  {
    name: 'an exact path',
    rule: operation({ paths: ['/exact'] }),
    place: 0,
    denied: 'exact',
    paths: ['/exact', '/exact', '/free'],
  },
  {
    name: 'a prefix',
    rule: operation({ paths: ['/admin*'] }),
    place: 0,
    denied: 'admin',
    paths: ['/admin/users', '/admin', '/admin/users/7', '/free'],
  },
  {
    name: 'a suffix',
    rule: operation({ paths: ['*/secret'] }),
    place: 0,
    denied: 'secret',
    paths: ['/a/secret', '/secret', '/a/b/secret'],
  },
  {
    name: 'a template',
    rule: operation({ paths: ['/t/{*}/private'] }),
    place: 0,
    denied: 'private',
    paths: ['/t/one/private', '/t/two/private', '/t/private', '/t/one/free'],
  },
  {
    name: 'a host',
    rule: operation({ hosts: ['shop.example', 'shop.example:*'] }),
    place: 1,
    denied: 'shop',
    paths: ['/free', '/free/more'],
  },
  {
    name: 'a header',
    rule: { when: [{ key: 'request.headers[x-role]', values: ['admin'] }] },
    place: 2,
    denied: 'role',
    paths: ['/free'],
  },
  {
    name: 'a method',
    rule: operation({ methods: ['DELETE'] }),
    place: 3,
    denied: 'DELETE',
    paths: ['/free', '/free/more'],
  },
];

const policy = (rule: object): string => `
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: { name: mesh, namespace: istio-system }
pathNormalization: { normalization: DECODE_AND_MERGE_SLASHES }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny, namespace: shop }
spec: ${JSON.stringify({ action: 'DENY', rules: [rule] })}
`;

for (const name of SERVERS) {
  const lack = missing(name);
  if (lack !== undefined && process.env['CI'] !== undefined) throw new Error(`CI is set, but ${lack}`);
  describe(`in front of ${name}`, { skip: lack ?? false }, () => {
    for (const { name: what, rule, place, denied, paths } of CLASSES) {
      test(`${what} that a DENY names is not reached`, async (t) => {
        const server = await startServer(name);
        const proxy = await runInbound(policy(rule), server.port);
        t.after(() => {
          proxy.close();
          server.close();
        });
        const mutator = new Mutator(new SeededRandom(SEED));
        const total = Math.ceil(COUNT / SERVERS.length);
        const reached: string[] = [];
        const seen = { refused: 0, passed: 0, sent: 0 };
        const work = async (): Promise<void> => {
          while (seen.sent < total) {
            const batch = Array.from({ length: Math.min(BATCH, total - seen.sent) }, () => mutator.request(paths));
            seen.sent += batch.length;
            await sendPipelined(proxy.appPort, batch, ({ request, status, head }) => {
              const handler = /^x-handler: (.*)$/im.exec(head)?.[1]?.split(',')[place];
              if (handler === denied) reached.push(request);
              if (status === 403) seen.refused++;
              else if (handler !== undefined) seen.passed++;
            });
          }
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, work));
        t.diagnostic(`${seen.sent} requests: ${seen.refused} refused by the policy, ${seen.passed} served`);
        assert.deepEqual(reached.slice(0, 5), [], `${reached.length} of ${seen.sent} reached it`);
        assert.ok(seen.refused > total / 20 && seen.passed > 0, JSON.stringify(seen));
      });
    }
  });
}
