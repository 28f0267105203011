// Seeded random configuration that is valid, and requests that are likely to meet it.
import { SeededRandom } from '#base';

export interface Ask {
  readonly via: 'client' | 'gateway' | 'server';
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the server: whose certificate; undefined = plaintext. */
  readonly identity: string | undefined;
}

export interface Generated {
  readonly config: string;
  readonly asks: readonly Ask[];
}

const PATHS = [
  '/',
  '/a',
  '/a/',
  '/a/b',
  '/A',
  '/ab',
  '/a/b/c',
  '/x/../a',
  '/a?q=1',
  '/b?user=jane&q=2',
  '/b;c',
  '/a%2fb',
  '//a',
  '/b/',
  '/user/7/cart',
];
const PREFIXES = ['/', '/a', '/a/', '/b', '/user'];
const REGEXES = ['/a.*', '/user/[0-9]+/.*', '/(a|b)/?', '.*'];
const VALUES = ['jane', 'jason', 'x', ''];
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD'];
const HOSTS = ['shop.example.com', 'SHOP.example.com', 'a.example.com', 'other.example', 'shop.example.com:80'];
const IDENTITIES = ['spiffe://cluster.local/ns/default/sa/client', 'spiffe://cluster.local/ns/other/sa/caller'];

export class Generator {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** A configuration with `asks` requests to it. */
  next(asks: number): Generated {
    return {
      config: [this.#rule(), this.#mesh(), this.#gateway(), this.#edge(), this.#policies()].join('---\n'),
      asks: Array.from({ length: asks }, () => this.#ask()),
    };
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.float() * list.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#random.float() < share;
  }

  #some<T>(list: readonly T[], most: number): readonly T[] {
    const count = 1 + Math.floor(this.#random.float() * most);
    return [...new Set(Array.from({ length: count }, () => this.#pick(list)))];
  }

  #text(values: readonly string[]): string {
    const kind = this.#pick(['exact', 'prefix', 'regex']);
    const value = this.#pick(values.filter((one) => one !== ''));
    return `{ ${kind}: "${kind === 'regex' ? `${value}.*` : value}" }`;
  }

  #uri(): string {
    const kind = this.#pick(['exact', 'prefix', 'prefix', 'regex']);
    const value = this.#pick(kind === 'exact' ? ['/a', '/', '/a/b', '/b/'] : kind === 'prefix' ? PREFIXES : REGEXES);
    return `uri: { ${kind}: "${value}" }`;
  }

  #match(): string {
    const parts: string[] = [];
    if (this.#chance(0.7)) parts.push(this.#uri());
    if (parts.length > 0 && this.#chance(0.1) && !parts[0]?.includes('regex')) parts.push('ignoreUriCase: true');
    if (this.#chance(0.25)) parts.push(`method: { exact: ${this.#pick(METHODS)} }`);
    if (this.#chance(0.35)) parts.push(`headers: { x-user: ${this.#chance(0.2) ? '{}' : this.#text(VALUES)} }`);
    if (this.#chance(0.2)) parts.push(`withoutHeaders: { x-team: ${this.#text(VALUES)} }`);
    if (this.#chance(0.2)) parts.push(`queryParams: { user: ${this.#text(VALUES)} }`);
    return parts.length === 0 ? '{ uri: { prefix: / } }' : `{ ${parts.join(', ')} }`;
  }

  #action(prefixOnly: boolean): string {
    const target = `{ host: ${this.#pick(['web', 'web', 'api'])}, port: { number: 8000 } }`;
    const subset = `{ host: web, subset: ${this.#pick(['v1', 'v2', 'v3'])}, port: { number: 8000 } }`;
    const parts: string[] = [];
    const kind = this.#random.float();
    if (kind < 0.1)
      return `directResponse: { status: ${this.#pick([200, 403, 503])}, body: { string: "said ${this.#pick(VALUES)}" } }`;
    if (kind < 0.2) {
      const where = this.#some(['uri: /moved', 'authority: moved.example', 'scheme: https', 'port: 8443'], 3).join(
        ', ',
      );
      return `redirect: { ${where}, redirectCode: ${this.#pick([301, 302, 303, 307, 308])} }`;
    }
    parts.push(`route: [{ destination: ${this.#chance(0.7) ? subset : target} }]`);
    if (this.#chance(0.3))
      parts.push(
        `rewrite: { ${prefixOnly || this.#chance(0.5) ? `uri: ${this.#pick(['/', '/new', '/new/'])}` : 'authority: new.example'} }`,
      );
    if (this.#chance(0.3))
      parts.push(
        `headers: { request: { ${this.#pick(['set', 'add'])}: { x-made: "${this.#pick(['1', '%REQ(:METHOD)%', '%PROTOCOL%'])}" } }, response: { ${this.#pick(['set', 'add'])}: { x-out: "${this.#pick(['1', '%RESPONSE_CODE%'])}" }, remove: [x-gone] } }`,
      );
    if (this.#chance(0.15))
      parts.push(`fault: { abort: { httpStatus: ${this.#pick([418, 500, 503])}, percentage: { value: 100 } } }`);
    if (this.#chance(0.15))
      parts.push(
        `retries: { attempts: ${this.#pick([1, 2])}, retryOn: "${this.#pick(['5xx', 'gateway-error', '503,418'])}" }`,
      );
    if (this.#chance(0.15))
      parts.push('corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], allowMethods: [GET], maxAge: 60s }');
    return parts.join(', ');
  }

  #rules(): string {
    const count = 1 + Math.floor(this.#random.float() * 4);
    const rules = Array.from({ length: count }, () => {
      const match = Array.from({ length: this.#chance(0.2) ? 2 : 1 }, () => this.#match());
      return `  - { match: [${match.join(', ')}], ${this.#action(false)} }`;
    });
    if (this.#chance(0.8))
      rules.push(`  - { ${this.#action(true).replace(/rewrite: \{ uri: [^}]*\}/, 'rewrite: { uri: / }')} }`);
    return rules.join('\n');
  }

  #rule(): string {
    const policy = this.#pick([
      '',
      '',
      '  trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }\n',
      '  trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }\n',
    ]);
    return `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: web, namespace: default }\nspec:\n  host: web\n${policy}  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }, { name: v3, labels: { version: v3 } }]\n`;
  }

  #mesh(): string {
    return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: web, namespace: default }\nspec:\n  hosts: [web]\n  http:\n${this.#rules()}\n`;
  }

  #gateway(): string {
    const hosts = this.#pick(['"*"', '"shop.example.com"', '"*.example.com"', '"shop.example.com", "other.example"']);
    return `apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: edge, namespace: default }\nspec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [${hosts}] }] }\n`;
  }

  #edge(): string {
    const hosts = this.#pick(['"shop.example.com"', '"*.example.com"', '"shop.example.com", "other.example"']);
    return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: edge, namespace: default }\nspec:\n  hosts: [${hosts}]\n  gateways: [edge]\n  http:\n${this.#rules()}\n`;
  }

  #policies(): string {
    return Array.from({ length: Math.floor(this.#random.float() * 3) }, (_, i) => this.#policy(i)).join('---\n');
  }

  #policy(i: number): string {
    const action = this.#pick(['ALLOW', 'ALLOW', 'DENY']);
    const rules = Array.from({ length: 1 + Math.floor(this.#random.float() * 2) }, () => {
      const parts: string[] = [];
      if (this.#chance(0.4))
        parts.push(
          `from: [{ source: { ${this.#pick(['principals: ["*/sa/client"]', 'namespaces: [other]', 'notPrincipals: ["*/sa/client"]', 'ipBlocks: ["127.0.0.0/8"]'])} } }]`,
        );
      if (this.#chance(0.6))
        parts.push(
          `to: [{ operation: { ${this.#pick(['paths: [/a]', 'paths: ["/a*"]', 'paths: ["*/b"]', 'notPaths: [/a]', 'methods: [GET, POST]', 'notMethods: [DELETE]', 'paths: ["/user/{*}/cart"]', 'hosts: ["server:8000"]'])} } }]`,
        );
      if (this.#chance(0.3))
        parts.push(
          `when: [{ key: "request.headers[x-user]", ${this.#pick(['values: [jane]', 'values: ["ja*"]', 'notValues: [jason]'])} }]`,
        );
      return `{ ${parts.join(', ')} }`;
    });
    return `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p${i}, namespace: default }\nspec: { selector: { matchLabels: { app: server } }, action: ${action}, rules: [${rules.join(', ')}] }\n`;
  }

  #ask(): Ask {
    const via = this.#pick(['client', 'client', 'gateway', 'server'] as const);
    const headers: Record<string, string> = { 'x-reply': '{"x-gone":"1","x-out":"app"}' };
    if (this.#chance(0.5)) headers['x-user'] = this.#pick(VALUES);
    if (this.#chance(0.2)) headers['x-team'] = this.#pick(VALUES);
    if (this.#chance(0.15)) headers['origin'] = this.#pick(['https://a.example', 'https://b.example']);
    if (this.#chance(0.15)) headers['x-answer'] = this.#pick(['503', '503,200', '418', '404']);
    return {
      via,
      method: this.#chance(0.1) ? 'OPTIONS' : this.#pick(METHODS),
      path: this.#pick(PATHS),
      host: via === 'gateway' ? this.#pick(HOSTS) : via === 'server' ? 'server:8000' : 'web:8000',
      headers,
      identity: via === 'server' && this.#chance(0.8) ? this.#pick(IDENTITIES) : undefined,
    };
  }
}
