// What a DENY may name, and how mutated requests are thrown at a real server behind a sidecar that has such a policy.
import { SeededRandom } from '#base';
import { Mutator } from '../mutate-request.ts';
import { sendPipelined } from '../pipelined-client.ts';
import { runInbound } from '../security-fixture.ts';
import { type ServerName, startServer } from './start-server.ts';

const BATCH = 64;
const CONNECTIONS = 4;

export interface PolicyClass {
  readonly name: string;
  readonly rule: object;
  /** The word of `x-handler` that counts: path, host, role, method. */
  readonly place: 0 | 1 | 2 | 3;
  readonly denied: string;
  readonly paths: readonly string[];
}

const operation = (fields: object): object => ({ to: [{ operation: fields }] });
export const CLASSES: readonly PolicyClass[] = [
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

export interface Seen {
  sent: number;
  /** By the policy. */
  refused: number;
  /** A handler answered. */
  served: number;
  /** Requests that reached the handler that the policy denies: none may. */
  readonly reached: string[];
}

/** Throws `count` requests, made from the seed, at the server behind a policy of this class. */
export async function throwAt(name: ServerName, one: PolicyClass, count: number, seed: number): Promise<Seen> {
  const server = await startServer(name);
  const proxy = await runInbound(policy(one.rule), server.port);
  const mutator = new Mutator(new SeededRandom(seed));
  const seen: Seen = { sent: 0, refused: 0, served: 0, reached: [] };
  const work = async (): Promise<void> => {
    while (seen.sent < count) {
      const batch = Array.from({ length: Math.min(BATCH, count - seen.sent) }, () => mutator.request(one.paths));
      seen.sent += batch.length;
      await sendPipelined(proxy.appPort, batch, ({ request, status, head }) => {
        const handler = /^x-handler: (.*)$/im.exec(head)?.[1]?.split(',')[one.place];
        if (handler === one.denied) seen.reached.push(request);
        if (status === 403) seen.refused++;
        else if (handler !== undefined) seen.served++;
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  } finally {
    proxy.close();
    server.close();
  }
  return seen;
}
