// Pulls a Wasm module out of an OCI registry (distribution spec 1.1): manifest, layer, module. Every digest is checked; the caller's
// `get` decides what may be dialled, for the token's realm too.

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { err, ok, type Result } from '#base';
import { bearerChallenge } from './bearer-challenge.ts';
import { OCI_LIMITS } from './limits.ts';
import { fileInTar } from './tar.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}
export type HttpGet = (
  url: string,
  options: { readonly headers: Readonly<Record<string, string>>; readonly bytesMax: number },
) => Promise<Result<HttpAnswer, { readonly message: string }>>;

export interface PullOptions {
  readonly get: HttpGet;
  readonly registry: string;
  readonly repository: string;
  /** A tag, or a digest "sha256:…" that the manifest must have. */
  readonly reference: string;
  /** The manifest's digest, whatever the reference is. */
  readonly digest?: string | undefined;
  /** "user:password". */
  readonly credentials?: string | undefined;
  /** By http, for registries that the operator named. */
  readonly plaintext: boolean;
  readonly moduleBytesMax: number;
}

const MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');
const PLAIN_LAYERS: ReadonlySet<string> = new Set([
  'application/vnd.module.wasm.content.layer.v1+wasm',
  'application/wasm',
]);
const TAR_LAYERS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
]);
const MODULE_FILE = 'plugin.wasm';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}
type Pulled<T> = Promise<Result<T, string>>;

/** The module's bytes. */
export async function pullModule(options: PullOptions): Pulled<Buffer> {
  const session = new RegistrySession(options);
  const wanted = options.digest ?? (options.reference.startsWith('sha256:') ? options.reference : undefined);
  let manifest = await session.manifest(options.reference, wanted);
  if (manifest.ok && manifest.value.manifests !== undefined) {
    const [first] = manifest.value.manifests;
    if (first === undefined) return err('the image index is empty');
    manifest = await session.manifest(first.digest, first.digest);
  }
  if (!manifest.ok) return manifest;
  const layers = manifest.value.layers ?? [];
  const plain = layers.find(({ mediaType }) => PLAIN_LAYERS.has(mediaType));
  if (plain !== undefined) return session.blob(plain.digest);
  // The module is in the last layer of an image that holds nothing else.
  const packed = layers.findLast(({ mediaType }) => TAR_LAYERS.has(mediaType));
  if (packed === undefined)
    return err(
      `no layer is a Wasm module: ${layers
        .map(({ mediaType }) => mediaType)
        .join(', ')
        .slice(0, 300)}`,
    );
  const blob = await session.blob(packed.digest);
  return blob.ok ? unpack(blob.value, options.moduleBytesMax) : blob;
}

function unpack(layer: Buffer, bytesMax: number): Result<Buffer, string> {
  let tar = layer;
  if (layer[0] === 0x1f && layer[1] === 0x8b) {
    try {
      tar = gunzipSync(layer, { maxOutputLength: bytesMax + OCI_LIMITS.tarOverheadBytes });
    } catch (error) {
      return err(`the layer cannot be unpacked: ${(error as Error).message}`);
    }
  }
  const file = fileInTar(tar, MODULE_FILE);
  return file === undefined ? err(`the layer holds no ${MODULE_FILE}`) : ok(file);
}

/** One pull: a token that was got once serves the rest of it. */
class RegistrySession {
  readonly #options: PullOptions;
  readonly #base: string;
  #authorization: string | undefined = undefined;

  constructor(options: PullOptions) {
    this.#options = options;
    this.#base = `${options.plaintext ? 'http' : 'https'}://${options.registry}/v2/${options.repository}`;
  }

  async manifest(
    reference: string,
    digest: string | undefined,
  ): Pulled<{ readonly layers?: readonly Descriptor[]; readonly manifests?: readonly Descriptor[] }> {
    const answer = await this.#get(`${this.#base}/manifests/${reference}`, MANIFESTS, OCI_LIMITS.manifestBytesMax);
    if (!answer.ok) return answer;
    const found = digestOf(answer.value);
    if (digest !== undefined && digest !== found) return err(`the image is ${found}, and ${digest} was asked for`);
    try {
      const read = JSON.parse(answer.value.toString('utf8')) as Readonly<Record<string, unknown>> | null;
      const layers = descriptors(read?.['layers']);
      const manifests = descriptors(read?.['manifests']);
      return ok({ ...(layers === undefined ? {} : { layers }), ...(manifests === undefined ? {} : { manifests }) });
    } catch {
      return err('the manifest is no JSON');
    }
  }

  async blob(digest: string): Pulled<Buffer> {
    const answer = await this.#get(`${this.#base}/blobs/${digest}`, '*/*', this.#options.moduleBytesMax);
    if (!answer.ok) return answer;
    const found = digestOf(answer.value);
    return found === digest ? answer : err(`a layer is ${found}, and the manifest names ${digest}`);
  }

  async #get(url: string, accept: string, bytesMax: number): Pulled<Buffer> {
    for (let asked = 0; ; asked++) {
      const answer = await this.#options.get(url, {
        headers: { accept, ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }) },
        bytesMax,
      });
      if (!answer.ok) return err(`${url}: ${answer.error.message}`);
      const { status, headers, body } = answer.value;
      if (status === 200) return ok(body);
      if (status !== 401 || asked > 0) return err(`${url}: status ${status}`);
      const problem = await this.#authorize(headers['www-authenticate'] ?? '');
      if (problem !== undefined) return err(`${url}: ${problem}`);
    }
  }

  /** Undefined when there is something to try again with. */
  async #authorize(challenge: string): Promise<string | undefined> {
    const { credentials, plaintext, repository } = this.#options;
    const basic = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (/^basic\b/i.test(challenge)) {
      this.#authorization = basic;
      return basic === undefined ? 'it asks for a password, and there is no imagePullSecret for it' : undefined;
    }
    const bearer = bearerChallenge(challenge);
    if (bearer === undefined || !URL.canParse(bearer.realm)) return 'status 401, and no way to a token is told';
    const realm = new URL(bearer.realm);
    if (realm.protocol !== 'https:' && !plaintext)
      return `tokens come from ${bearer.realm.slice(0, 200)}, which is not https`;
    if (bearer.service !== undefined) realm.searchParams.set('service', bearer.service);
    realm.searchParams.set('scope', bearer.scope ?? `repository:${repository}:pull`);
    const answer = await this.#options.get(realm.href, {
      headers: { accept: 'application/json', ...(basic === undefined ? {} : { authorization: basic }) },
      bytesMax: OCI_LIMITS.tokenBytesMax,
    });
    if (!answer.ok) return `no token: ${answer.error.message}`;
    if (answer.value.status !== 200) return `no token: status ${answer.value.status}`;
    const token = tokenOf(answer.value.body);
    if (token === undefined) return 'no token in the answer';
    this.#authorization = `Bearer ${token}`;
    return undefined;
  }
}

function tokenOf(body: Buffer): string | undefined {
  try {
    const read = JSON.parse(body.toString('utf8')) as { token?: unknown; access_token?: unknown } | null;
    const token = read?.token ?? read?.access_token;
    return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

const DIGEST = /^sha256:[a-f0-9]{64}$/;

function descriptors(value: unknown): readonly Descriptor[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, OCI_LIMITS.descriptorsMax).flatMap((one: unknown) => {
    const { mediaType, digest } = (one ?? {}) as { mediaType?: unknown; digest?: unknown };
    return typeof digest === 'string' && DIGEST.test(digest)
      ? [{ mediaType: typeof mediaType === 'string' ? mediaType : '', digest }]
      : [];
  });
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
