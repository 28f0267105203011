// Spellings of a request that a filter and a server behind it may read differently: paths, hosts, methods, repeated headers.
import type { SeededRandom } from '#base';

type Mutation = (path: string) => string;

export class Mutator {
  readonly #random: SeededRandom;
  readonly #mutations: readonly Mutation[];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#mutations = this.#all();
  }

  /** One request in full, on a connection that stays. */
  request(paths: readonly string[]): string {
    let target = this.#pick(paths);
    for (let n = this.#random.uint32() % 3; n > 0; n--) target = this.#pick(this.#mutations)(target);
    const method = this.#pick(['GET', 'GET', 'GET', 'POST', 'get', 'Delete', 'DELETE', 'dELETE', 'PUT']);
    const host = this.#pick(HOSTS);
    const clean = target.replace(/[ \r\n]/g, '');
    return `${method} ${clean} HTTP/1.1\r\nHost: ${host}\r\n${this.#pick(HEADERS)}Content-Length: 0\r\n\r\n`;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.uint32() % list.length] as T;
  }

  #at(path: string, change: (char: string) => string): string {
    const i = this.#random.uint32() % path.length;
    return path.slice(0, i) + change(path[i] as string) + path.slice(i + 1);
  }

  #all(): readonly Mutation[] {
    const last = /\/(?=[^/]*$)/;
    return [
      (path) => path.replace('/', '//'),
      (path) => path.replaceAll('/', '//'),
      (path) => path.replace(last, '/./'),
      (path) => path.replace(last, '/x/../'),
      (path) => `/x/..${path}`,
      (path) => `/..${path}`,
      (path) => `/./${path.slice(1)}`,
      (path) => `/%2e%2e${path}`,
      (path) => `/x/%2E%2e${path}`,
      (path) => `/x%2f..${path}`,
      (path) => path.replace(last, '%2F'),
      (path) => path.replace(last, '%2f'),
      (path) => path.replace(last, '%5c'),
      (path) => path.replace(last, '%5C'),
      (path) => path.replace(last, '\\'),
      (path) => path.replace(last, '%252F'),
      (path) => `${path}/`,
      (path) => `${path}/.`,
      (path) => `${path}/x/..`,
      (path) => `${path};a=b`,
      (path) => path.replace(last, ';x/'),
      (path) => `${path}?a=/../b`,
      (path) => `${path}?`,
      (path) => `${path}#fragment`,
      (path) => `${path}%23`,
      (path) => `${path}%00`,
      (path) => `${path}%20`,
      (path) => `${path}.`,
      (path) => `${path}%3f`,
      (path) => this.#at(path, (char) => hex(char, true)),
      (path) => this.#at(path, (char) => hex(char, false)),
      (path) => this.#at(path, (char) => `%25${hex(char, true).slice(1)}`),
      (path) => this.#at(path, (char) => char.toUpperCase()),
      (path) => this.#at(path, (char) => `%c0%${(char.charCodeAt(0) | 0x80).toString(16)}`),
      (path) => `http://shop.example${path}`,
      (path) => `HTTP://SHOP.EXAMPLE:80${path}`,
      (path) => `http://user@shop.example${path}`,
      (path) => `http://other.example${path}`,
      (path) => path,
    ];
  }
}

function hex(char: string, upper: boolean): string {
  const text = char.charCodeAt(0).toString(16).padStart(2, '0');
  return `%${upper ? text.toUpperCase() : text}`;
}

const HOSTS = [
  'shop.example',
  'shop.example',
  'SHOP.example',
  'shop.example:80',
  'Shop.Example:8080',
  'shop.example.',
  'shop.example.:80',
  'shop.example:',
  'shop.example.:',
  'shop.example..',
  'other.example',
  'other.example:80',
] as const;

const HEADERS = [
  '',
  '',
  '',
  'X-Role: admin\r\n',
  'x-role:admin\r\n',
  'X-ROLE:   admin  \r\n',
  'X-Role: user\r\nX-Role: admin\r\n',
  'X-Role: admin\r\nX-Role: user\r\n',
  'X-Role: \r\nX-Role: admin\r\n',
  'X-Role: Admin\r\n',
  'X-Role: user\r\n',
  'X_Role: admin\r\n',
  'X-Original-URL: /admin\r\n',
  'X-Rewrite-URL: /exact\r\n',
  'X-HTTP-Method-Override: DELETE\r\n',
  'X-Forwarded-Host: shop.example\r\n',
  'Host: shop.example\r\n',
  'Host: other.example\r\n',
] as const;
