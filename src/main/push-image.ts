// Pushes an image by the OCI distribution API: blobs that the registry lacks, then the manifest. Credentials as Docker keeps them.
import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type Blob, type OciImage, parseImageName } from '#controllers';
import { ImageError } from './image-files.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const TIMEOUT_MS = 300_000;
const ANSWER_BYTES = 1 << 20;

export interface PushOptions {
  readonly insecure: boolean;
  readonly say: (text: string) => void;
  /** A repository of the same registry that was pushed before: layers that both have are not sent twice. */
  readonly mountFrom?: string;
}

export async function pushImage(text: string, image: OciImage, options: PushOptions): Promise<void> {
  const name = parseImageName(text);
  if (name === undefined) throw new ImageError(`${text} is no image name: expected HOST/PATH/NAME:TAG, in lower case.`);
  const registry = new Registry(name.registry, options.insecure || /^(localhost|127\.)/.test(name.registry));
  let sent = 0;
  for (const blob of [...image.layers, image.config])
    if (await registry.putBlob(name.repository, blob, options.mountFrom)) sent += blob.size;
  await registry.putManifest(name.repository, name.tag, image.manifest);
  options.say(`${text} pushed, ${(sent / 1e6).toFixed(1)} MB sent, digest ${image.manifest.digest}`);
}

class Registry {
  readonly #host: string;
  readonly #base: string;
  #authorization: string | undefined;

  constructor(host: string, insecure: boolean) {
    this.#host = host;
    this.#base = `${insecure ? 'http' : 'https'}://${host}`;
  }

  /** False when the registry had it already. */
  async putBlob(repository: string, blob: Blob, mountFrom: string | undefined): Promise<boolean> {
    const head = await this.#call('HEAD', `/v2/${repository}/blobs/${blob.digest}`, repository);
    if (head.status === 200) return false;
    const mount = mountFrom === undefined ? '' : `?mount=${blob.digest}&from=${mountFrom}`;
    const begun = await this.#call('POST', `/v2/${repository}/blobs/uploads/${mount}`, repository);
    if (begun.status === 201) return false;
    if (begun.status !== 202) throw this.#refusal('an upload', begun);
    const location = new URL(String(begun.headers['location']), this.#base);
    // The token goes to nobody but the registry.
    if (location.host !== new URL(this.#base).host)
      throw new ImageError(
        `${this.#host} wants the upload at another host (${location.host}), which is not supported.`,
      );
    location.searchParams.set('digest', blob.digest);
    const put = await this.#call('PUT', location.pathname + location.search, repository, {
      type: 'application/octet-stream',
      chunks: blob.chunks,
      size: blob.size,
    });
    if (put.status !== 201) throw this.#refusal(`blob ${blob.digest}`, put);
    return true;
  }

  async putManifest(repository: string, tag: string, manifest: Blob): Promise<void> {
    const put = await this.#call('PUT', `/v2/${repository}/manifests/${tag}`, repository, {
      type: manifest.mediaType,
      chunks: manifest.chunks,
      size: manifest.size,
    });
    if (put.status !== 201) throw this.#refusal(`the manifest of ${repository}:${tag}`, put);
  }

  #refusal(what: string, answer: Answer): ImageError {
    const advice =
      answer.status === 401 || answer.status === 403
        ? ' Log in first: docker login, or put an entry into ~/.docker/config.json.'
        : '';
    return new ImageError(
      `${this.#host} refused ${what}: HTTP ${answer.status} ${answer.body.trim().slice(0, 300)}${advice}`,
    );
  }

  async #call(
    method: string,
    path: string,
    repository: string,
    body?: { type: string; chunks: readonly Uint8Array[]; size: number },
  ): Promise<Answer> {
    const first = await this.#send(`${this.#base}${path}`, method, body);
    if (first.status !== 401 || this.#authorization !== undefined) return first;
    this.#authorization = await this.#signIn(String(first.headers['www-authenticate'] ?? ''), repository);
    return this.#authorization === undefined ? first : await this.#send(`${this.#base}${path}`, method, body);
  }

  /** Basic, or a token from the realm that the challenge names. */
  async #signIn(challenge: string, repository: string): Promise<string | undefined> {
    const basic = dockerCredentials(this.#host);
    if (/^basic/i.test(challenge)) return basic === undefined ? undefined : `Basic ${basic}`;
    const realm = /realm="([^"]+)"/.exec(challenge)?.[1];
    if (realm === undefined) return undefined;
    const url = new URL(realm);
    const service = /service="([^"]+)"/.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${repository}:pull,push`);
    const answer = await this.#send(url.href, 'GET', undefined, basic === undefined ? undefined : `Basic ${basic}`);
    if (answer.status !== 200) return undefined;
    const { token, access_token: access } = JSON.parse(answer.body) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access ?? ''}`;
  }

  #send(
    url: string,
    method: string,
    body?: { type: string; chunks: readonly Uint8Array[]; size: number },
    authorization = this.#authorization,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string | number> = { 'user-agent': 'topsail' };
      if (authorization !== undefined) headers['authorization'] = authorization;
      if (body !== undefined) Object.assign(headers, { 'content-type': body.type, 'content-length': body.size });
      const ask = url.startsWith('https:') ? httpsRequest : httpRequest;
      const req = ask(url, { method, headers, timeout: TIMEOUT_MS }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => {
          if (text.length < ANSWER_BYTES) text += chunk;
        });
        res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
        res.on('error', reject);
      });
      req.on('timeout', () => req.destroy(new Error('no answer')));
      req.on('error', (error) => reject(new ImageError(`${url}: ${error.message}`)));
      for (const chunk of body?.chunks ?? []) req.write(chunk);
      req.end();
    });
  }
}

/** user:password in base64 as ~/.docker/config.json has it. */
function dockerCredentials(host: string): string | undefined {
  const path = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  if (!existsSync(path)) return undefined;
  const { auths = {} } = JSON.parse(readFileSync(path, 'utf8')) as { auths?: Record<string, { auth?: string }> };
  return auths[host]?.auth ?? auths[`https://${host}`]?.auth;
}
