// Modules of WasmPlugins in a control plane: fetched over HTTP or out of an OCI registry by the client that never asks a place inside,
// checked against their sums, kept on disk for the next start.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, err, type Logger, ok, type Result } from '#base';
import { moduleSource } from '#config';
import { mayFetchFrom } from '#identity';
import { safeRequest } from '#io';
import { type PluginModule, PluginModules, type Pusher, pullsAlways } from '#push';
import type { WasmPlugin } from '#registry';
import { type HttpGet, pullCredentials, pullModule } from '#wire/oci';

export const PLUGINS_FOLDER = 'wasm';
const MODULE_BYTES_MAX = 16 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** Files kept on disk, newest used first. */
const KEPT_FILES = 64;
const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

export interface DiscoveryPluginsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly pusher: Pick<Pusher, 'pluginsChanged'>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly folder: string;
}

export function discoveryPlugins({ clock, log, pusher, options, folder }: DiscoveryPluginsOptions): PluginModules {
  const allow = (options['wasmAllow'] ?? []) as readonly string[];
  const allowed = { privateRanges: allow.includes('private'), exactly: allow.filter((one) => one !== 'private') };
  const insecure = new Set((options['wasmInsecureRegistry'] ?? []) as readonly string[]);
  const bytesMax = Number(options['wasmModuleBytes'] ?? MODULE_BYTES_MAX);
  const get: HttpGet = (url, { headers, bytesMax: most }) =>
    safeRequest(url, {
      mayDial: (address) => mayFetchFrom(address, allowed),
      timeoutMs: TIMEOUT_MS,
      bytesMax: most,
      headers,
    });
  const kept = new KeptModules(folder, bytesMax);
  return new PluginModules({
    clock,
    log: log.scope('wasm'),
    fetch: async (plugin, secret) => {
      const key = createHash('sha256')
        .update(JSON.stringify([plugin.spec.url, plugin.spec.sha256 ?? '']))
        .digest('hex');
      // One that needs a password is asked for again: who has lost it has lost the module.
      const reusable = !pullsAlways(plugin.spec) && (plugin.spec.imagePullSecret ?? '') === '';
      const known = reusable ? kept.get(key) : undefined;
      if (known !== undefined) return ok(known);
      try {
        const fetched = await fetchModule(plugin, secret, { get, insecure, bytesMax });
        if (fetched.ok && reusable) kept.put(key, fetched.value);
        return fetched;
      } catch (error) {
        return err(error instanceof Error ? error.message : String(error));
      }
    },
    changed: (plugins, keys) => pusher.pluginsChanged(plugins, keys),
  });
}

interface FetchOptions {
  readonly get: HttpGet;
  readonly insecure: ReadonlySet<string>;
  readonly bytesMax: number;
}

async function fetchModule(
  { spec }: WasmPlugin,
  secret: string | undefined,
  { get, insecure, bytesMax }: FetchOptions,
): Promise<Result<PluginModule, string>> {
  const source = moduleSource(spec.url);
  if (!source.ok) return source;
  if (source.value.kind === 'file') return err('files are read by the proxies');
  const expected = spec.sha256 ?? '';
  if (source.value.kind === 'http') {
    const answer = await get(source.value.url, { headers: { accept: 'application/wasm, */*' }, bytesMax });
    if (!answer.ok) return err(answer.error.message);
    if (answer.value.status !== 200) return err(`status ${answer.value.status}`);
    return checked(answer.value.body, expected);
  }
  const { registry, repository, tag, digest } = source.value.image;
  if ((spec.imagePullSecret ?? '') !== '' && secret === undefined)
    return err(`the Secret ${spec.imagePullSecret} with .dockerconfigjson is not in the plugin's namespace`);
  if (digest !== undefined && expected !== '' && digest !== `sha256:${expected}`)
    return err(`the url says ${digest}, and sha256 says ${expected}`);
  const module = await pullModule({
    get,
    registry,
    repository,
    reference: digest ?? tag,
    digest: expected === '' ? digest : `sha256:${expected}`,
    credentials: secret === undefined ? undefined : pullCredentials(secret, registry),
    plaintext: insecure.has(registry),
    moduleBytesMax: bytesMax,
  });
  return module.ok ? checked(module.value, '') : module;
}

function checked(body: Buffer, expected: string): Result<PluginModule, string> {
  const sha256 = createHash('sha256').update(body).digest('hex');
  if (expected !== '' && expected !== sha256) return err(`its sha256 is ${sha256}, and ${expected} was expected`);
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) return err('it is no WebAssembly module');
  return ok({ code: body, sha256 });
}

/** A file's name holds what was asked for and the sum of what came. */
class KeptModules {
  readonly #folder: string;
  readonly #bytesMax: number;

  constructor(folder: string, bytesMax: number) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  get(key: string): PluginModule | undefined {
    const name = this.#names().find((one) => one.startsWith(`${key}-`));
    if (name === undefined) return undefined;
    const path = join(this.#folder, name);
    const code = statSync(path).size <= this.#bytesMax ? readFileSync(path) : Buffer.alloc(0);
    const read = checked(code, name.slice(key.length + 1, -EXTENSION.length));
    if (read.ok) return read.value;
    rmSync(path, { force: true });
    return undefined;
  }

  put(key: string, { code, sha256 }: PluginModule): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${key}-${sha256}${EXTENSION}`);
    writeFileSync(`${path}.new`, code, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    const files = this.#names().map((name) => ({ name, ms: statSync(join(this.#folder, name)).mtimeMs }));
    for (const { name } of files.sort((a, b) => b.ms - a.ms).slice(KEPT_FILES))
      rmSync(join(this.#folder, name), { force: true });
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.endsWith(EXTENSION));
    } catch {
      return [];
    }
  }
}

const EXTENSION = '.wasm';
