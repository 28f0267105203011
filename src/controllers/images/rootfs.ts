// What is in the images: Node's binary, the libraries that ldd names, nft for capture, certificates, one user; no shell.
import type { TarEntry } from './tar.ts';

export const TOPSAIL_UID = 1337;
export const TOPSAIL_FOLDER = '/opt/topsail';
export const NODE_PATH = '/usr/local/bin/node';
export const NFT_PATH = '/usr/sbin/nft';
/** The trust store where OpenSSL's and Node's own look-ups find it. */
const CERTIFICATES_PATH = '/etc/ssl/certs/ca-certificates.crt';

export interface BaseFiles {
  readonly node: Uint8Array;
  readonly nft: Uint8Array;
  readonly certificates: Uint8Array;
  /** By absolute path as the loader looks for it. */
  readonly libraries: ReadonlyMap<string, Uint8Array>;
}

/** The layer that changes only with Node and the distribution. */
export function baseLayer(files: BaseFiles): readonly TarEntry[] {
  const text = (path: string, content: string): TarEntry => ({
    path,
    kind: 'file',
    mode: 0o644,
    content: Buffer.from(content),
  });
  return [
    program(NODE_PATH, files.node),
    program(NFT_PATH, files.nft),
    { path: CERTIFICATES_PATH.slice(1), kind: 'file', mode: 0o644, content: files.certificates },
    ...[...files.libraries].map(([path, content]) => program(path, content)),
    text(
      'etc/passwd',
      `root:x:0:0:root:/:/nologin\ntopsail:x:${TOPSAIL_UID}:${TOPSAIL_UID}:topsail:/var/lib/topsail:/nologin\n`,
    ),
    text('etc/group', `root:x:0:\ntopsail:x:${TOPSAIL_UID}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'tmp', kind: 'folder', mode: 0o1777 },
    { path: 'var/lib/topsail', kind: 'folder', mode: 0o750, uid: TOPSAIL_UID, gid: TOPSAIL_UID },
  ];
}

/** Files below /opt/topsail, by relative path. */
export function appLayer(files: ReadonlyMap<string, Uint8Array>): readonly TarEntry[] {
  return [...files].map(([path, content]) => ({
    path: `${TOPSAIL_FOLDER.slice(1)}/${path}`,
    kind: 'file',
    mode: 0o644,
    content,
  }));
}

/** `ldd`'s lines: "libm.so.6 => /lib/x/libm.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)". A library that is missing is an error. */
export function parseLdd(text: string): { readonly paths: readonly string[]; readonly missing: readonly string[] } {
  const paths: string[] = [];
  const missing: string[] = [];
  for (const line of text.split('\n')) {
    const absent = /^\s*(\S+) => not found/.exec(line);
    if (absent !== null) missing.push(absent[1] as string);
    const found = /^\s*(?:\S+ => )?(\/\S+) \(0x/.exec(line);
    if (found !== null) paths.push(found[1] as string);
  }
  return { paths, missing };
}

function program(path: string, content: Uint8Array): TarEntry {
  return { path: path.slice(1), kind: 'file', mode: 0o755, content };
}
