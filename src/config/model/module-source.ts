// Reads the URL of a Wasm module: a file of the proxy's machine, an HTTP address, or an OCI image (Istio's schemes; none is OCI).

import { err, ok, type Result } from '#base';

export type ModuleSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'oci'; readonly image: OciImage };

export interface OciImage {
  /** host or host:port. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  /** "sha256:…", when the image is named by it. */
  readonly digest: string | undefined;
}

const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const REGISTRY =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[a-f0-9]{64}$/;
const DOCKER = 'registry-1.docker.io';

export function moduleSource(url: string): Result<ModuleSource, string> {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'file': {
      const path = url.slice('file://'.length);
      return path.startsWith('/') ? ok({ kind: 'file', path }) : err('file:// is followed by an absolute path');
    }
    case 'http':
    case 'https': {
      if (!URL.canParse(url)) return err('it is no address');
      const { username, password } = new URL(url);
      return username === '' && password === ''
        ? ok({ kind: 'http', url })
        : err('an address must not hold credentials');
    }
    case 'oci':
      return image(url.slice('oci://'.length));
    case undefined:
      return image(url);
    default:
      return err(`${scheme} is none of oci, http, https and file`);
  }
}

function image(text: string): Result<ModuleSource, string> {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) return err('the digest after @ is not sha256: and 64 hex digits');
  const name = at < 0 ? text : text.slice(0, at);
  const colon = name.lastIndexOf(':');
  const tagged = colon > name.lastIndexOf('/');
  const tag = tagged ? name.slice(colon + 1) : 'latest';
  const path = tagged ? name.slice(0, colon) : name;
  if (!TAG.test(tag)) return err('the tag after : is no tag');
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  // As every client of registries decides: a first part that looks like a host is one.
  const named = first.includes('.') || first.includes(':') || first === 'localhost';
  const host = named ? first : DOCKER;
  const rest = named ? path.slice(slash + 1) : path;
  const repository =
    named && host !== 'docker.io' && host !== 'index.docker.io' ? rest : rest.includes('/') ? rest : `library/${rest}`;
  const registry = host === 'docker.io' || host === 'index.docker.io' ? DOCKER : host;
  if (!REGISTRY.test(registry) || !REPOSITORY.test(repository)) return err('it names no image');
  return ok({ kind: 'oci', image: { registry, repository, tag, digest } });
}
