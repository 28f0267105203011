// Fetches one Wasm module over HTTP or out of an OCI registry, by the client that asks no place inside, and checks its sum.
import { createHash } from 'node:crypto';
import { err, ok, type Result } from '#base';
import { moduleSource } from '#config';
import { mayFetchFrom } from '#identity';
import { safeRequest } from '#io';
import type { PluginModule } from '#push';
import { type HttpGet, pullCredentials, pullModule } from '#wire/oci';

/** Each proxy that runs a module is sent it, and keeps it. */
export const MODULE_BYTES_MAX = 16 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

/** `allow`: addresses that are not public and may be asked all the same; "private" for all private and loopback ones. */
export function moduleGet(allow: readonly string[]): HttpGet {
  const allowed = { privateRanges: allow.includes('private'), exactly: allow.filter((one) => one !== 'private') };
  return (url, { headers, bytesMax }) =>
    safeRequest(url, {
      mayDial: (address) => mayFetchFrom(address, allowed),
      timeoutMs: TIMEOUT_MS,
      bytesMax,
      headers,
    });
}

export interface FetchOptions {
  readonly get: HttpGet;
  readonly insecure: ReadonlySet<string>;
  readonly bytesMax: number;
  /** dockerconfigjson. */
  readonly secret: string | undefined;
}

/** Never throws. */
export async function fetchModule(
  spec: { readonly url: string; readonly sha256?: string },
  { get, insecure, bytesMax, secret }: FetchOptions,
): Promise<Result<PluginModule, string>> {
  const source = moduleSource(spec.url);
  if (!source.ok) return source;
  if (source.value.kind === 'file') return err('files are read by the proxies');
  const expected = spec.sha256 ?? '';
  if (source.value.kind === 'http') {
    const answer = await get(source.value.url, { headers: { accept: 'application/wasm, */*' }, bytesMax });
    if (!answer.ok) return err(answer.error.message);
    if (answer.value.status !== 200) return err(`status ${answer.value.status}`);
    return checkedModule(answer.value.body, expected);
  }
  const { registry, repository, tag, digest } = source.value.image;
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
  return module.ok ? checkedModule(module.value, '') : module;
}

export function checkedModule(body: Buffer, expected: string): Result<PluginModule, string> {
  const sha256 = createHash('sha256').update(body).digest('hex');
  if (expected !== '' && expected !== sha256) return err(`its sha256 is ${sha256}, and ${expected} was expected`);
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) return err('it is no WebAssembly module');
  return ok({ code: body, sha256 });
}
