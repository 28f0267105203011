// Makes an OCI image (image-spec 1.1) out of layers of files: blobs by digest, and the one tar that containerd, kind, k3d and minikube load.
import { createHash } from 'node:crypto';
import { type TarEntry, tarChunks } from './tar.ts';

export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type ImageArchitecture = 'amd64' | 'arm64';

export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly chunks: readonly Uint8Array[];
}

export interface OciImage {
  readonly architecture: ImageArchitecture;
  readonly layers: readonly Blob[];
  readonly config: Blob;
  readonly manifest: Blob;
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
const EPOCH = '1970-01-01T00:00:00Z';

export function makeImage(
  architecture: ImageArchitecture,
  config: ImageConfig,
  layers: readonly (readonly TarEntry[])[],
): OciImage {
  const layerBlobs = layers.map((entries) => blob(LAYER, tarChunks(withParents(entries))));
  const { entrypoint, user, env, workingDir, labels } = config;
  const configBlob = json(CONFIG, {
    architecture,
    os: 'linux',
    created: EPOCH,
    config: {
      Entrypoint: entrypoint,
      User: user,
      Env: Object.entries(env).map(([k, v]) => `${k}=${v}`),
      WorkingDir: workingDir,
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: layerBlobs.map(({ digest }) => digest) },
  });
  const manifest = json(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(configBlob),
    layers: layerBlobs.map(descriptor),
  });
  return { architecture, layers: layerBlobs, config: configBlob, manifest };
}

/** The images of one name for all architectures. */
export function imageIndex(images: readonly OciImage[]): Blob {
  const manifests = images.map(({ manifest, architecture }) => ({
    ...descriptor(manifest),
    platform: { architecture, os: 'linux' },
  }));
  return json(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests });
}

/** An OCI layout as one tar. `name` is what nodes will know the image by; several architectures share an index. */
export function imageArchive(name: string, images: readonly OciImage[]): Uint8Array[] {
  const [only] = images;
  if (only === undefined) throw new RangeError('an image archive needs an image');
  const nested = images.length > 1 ? imageIndex(images) : undefined;
  const top = {
    ...descriptor(nested ?? only.manifest),
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
  };
  const index = json(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests: [top] });
  const blobs = new Map<string, Blob>();
  for (const image of images)
    for (const one of [...image.layers, image.config, image.manifest]) blobs.set(one.digest, one);
  if (nested !== undefined) blobs.set(nested.digest, nested);
  const file = (path: string, content: Uint8Array): TarEntry => ({ path, kind: 'file', mode: 0o644, content });
  const chunks = tarChunks([
    file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
    file('index.json', Buffer.concat(index.chunks)),
    folder('blobs'),
    folder('blobs/sha256'),
  ]);
  chunks.pop();
  for (const one of blobs.values()) {
    // The header alone, then the blob's own chunks: a layer of 130 MB is not copied.
    const [head] = tarChunks([file(blobPath(one), new Uint8Array(0))]) as [Uint8Array];
    chunks.push(sized(head, one.size), ...one.chunks);
    if (one.size % 512 !== 0) chunks.push(new Uint8Array(512 - (one.size % 512)));
  }
  chunks.push(new Uint8Array(1024));
  return chunks;
}

export function descriptor({ mediaType, digest, size }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size };
}

function blobPath({ digest }: Blob): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

/** The same header with another size. */
function sized(head: Uint8Array, size: number): Uint8Array {
  const block = new Uint8Array(head);
  block.set(Buffer.from(size.toString(8).padStart(11, '0')), 124);
  block.set(Buffer.from('        '), 148);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

function json(mediaType: string, value: unknown): Blob {
  return blob(mediaType, [Buffer.from(JSON.stringify(value))]);
}

function blob(mediaType: string, chunks: readonly Uint8Array[]): Blob {
  const hash = createHash('sha256');
  let size = 0;
  for (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { mediaType, digest: `sha256:${hash.digest('hex')}`, size, chunks };
}

function folder(path: string): TarEntry {
  return { path, kind: 'folder', mode: 0o755 };
}

/** Sorted, with every folder before what is in it. */
function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const all = new Map<string, TarEntry>();
  for (const entry of entries) {
    for (let slash = entry.path.indexOf('/'); slash !== -1; slash = entry.path.indexOf('/', slash + 1)) {
      const parent = entry.path.slice(0, slash);
      if (!all.has(parent)) all.set(parent, folder(parent));
    }
    all.set(entry.path, entry);
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
