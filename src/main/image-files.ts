// Gathers what goes into Topsail's images from this machine: Node, nft and their libraries, certificates, the bundle.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import {
  appLayer,
  baseLayer,
  type ImageArchitecture,
  type ImageConfig,
  makeImage,
  NODE_PATH,
  type OciImage,
  parseLdd,
  type TarEntry,
  PROXY_DATA_FOLDER,
  TOPSAIL_FOLDER,
  TOPSAIL_UID,
} from '#controllers';
import { rootFolder } from './home.ts';
import { SMALL_HEAP, SMALL_MALLOC } from './node-settings.ts';
import { VERSION } from './version.ts';

/** Loaded by name at run time, so ldd does not see them: the resolver's. */
const RESOLVER_LIBRARIES = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'];
const CERTIFICATE_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];
const NFT_FILES = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft'];

const ENVOY_PATH = '/usr/local/bin/envoy';

export class ImageError extends Error {}

/** What an image is made of, before it is one. */
export interface ImageParts {
  readonly config: ImageConfig;
  readonly layers: readonly (readonly TarEntry[])[];
}

/**
 * Images of this machine's architecture, by short name: `topsail`, and `bookshop` with the example's services. Given
 * Envoy's program, `topsail-envoy` too, for pods that ask for it.
 */
export function buildImages(envoy?: string): ReadonlyMap<string, OciImage> {
  const architecture: ImageArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  return new Map(
    [...imageParts(envoy)].map(([name, { config, layers }]) => [name, makeImage(architecture, config, layers)]),
  );
}

/** docker/Dockerfile makes the same. */
export function imageParts(envoy?: string): ReadonlyMap<string, ImageParts> {
  const root = rootFolder();
  const base = baseFiles();
  const labels = {
    'org.opencontainers.image.title': 'topsail',
    'org.opencontainers.image.version': VERSION,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  };
  const common = { user: `${TOPSAIL_UID}:${TOPSAIL_UID}`, workingDir: '/var/lib/topsail', labels };
  const env = {
    PATH: '/usr/local/bin:/usr/sbin:/usr/bin',
    TOPSAIL_ROOT: TOPSAIL_FOLDER,
    NODE_ENV: 'production',
    ...SMALL_MALLOC,
  };
  const entrypoint = [NODE_PATH, ...SMALL_HEAP, `${TOPSAIL_FOLDER}/dist/topsail.js`];
  const app = appLayer(bundleFiles(root));
  // Not the proxy's user: its traffic would not be redirected.
  const bookshop = { ...common, user: '1000:1000', env: { PATH: env.PATH }, entrypoint: [NODE_PATH] };
  const images = new Map<string, ImageParts>([
    ['topsail', { config: { ...common, env, entrypoint }, layers: [base, app] }],
    ['bookshop', { config: bookshop, layers: [base, appLayer(bookshopFiles(root))] }],
  ]);
  if (envoy === undefined) return images;
  // Only its volume can be written to: that is where Envoy's bootstrap and the agent's socket go.
  const withEnvoy = { ...env, ENVOY_PATH, TMPDIR: PROXY_DATA_FOLDER };
  const config = { ...common, env: withEnvoy, entrypoint };
  return images.set('topsail-envoy', { config, layers: [base, envoyFiles(envoy), app] });
}

/** Its libraries are the C library's, which Node needs too: those that are there already do no harm. */
function envoyFiles(envoy: string) {
  const files = [...librariesOf(envoy), envoy].map((path) => ({
    path: (path === envoy ? ENVOY_PATH : path).slice(1),
    kind: 'file' as const,
    mode: 0o755,
    content: readFileSync(realpathSync(path)),
  }));
  return files;
}

function baseFiles() {
  const nft = NFT_FILES.find((path) => existsSync(path));
  if (nft === undefined)
    throw new ImageError(
      'There is no nft on this machine: the image needs it to redirect traffic. Install the package nftables and run the command again.',
    );
  const certificates = CERTIFICATE_FILES.find((path) => existsSync(path));
  if (certificates === undefined)
    throw new ImageError(
      `There are no CA certificates (${CERTIFICATE_FILES.join(', ')}). Install the package ca-certificates and run the command again.`,
    );
  const libraries = new Map<string, Uint8Array>();
  for (const path of [...librariesOf(process.execPath), ...librariesOf(nft)])
    libraries.set(path, readFileSync(realpathSync(path)));
  const libc = [...libraries.keys()].find((path) => path.endsWith('/libc.so.6'));
  for (const name of RESOLVER_LIBRARIES) {
    const path = libc === undefined ? '' : libc.replace('libc.so.6', name);
    if (existsSync(path)) libraries.set(path, readFileSync(realpathSync(path)));
  }
  return baseLayer({
    node: readFileSync(process.execPath),
    nft: readFileSync(nft),
    certificates: readFileSync(certificates),
    libraries,
  });
}

function librariesOf(program: string): readonly string[] {
  const { paths, missing } = parseLdd(execFileSync('ldd', [program], { encoding: 'utf8' }));
  if (missing.length > 0)
    throw new ImageError(`${program} needs ${missing.join(', ')}, which this machine does not have.`);
  return paths;
}

function bundleFiles(root: string): ReadonlyMap<string, Uint8Array> {
  if (!existsSync(join(root, 'dist/topsail.js')))
    throw new ImageError('There is no bundle (dist/). Run "npm run bundle" first.');
  const files = new Map<string, Uint8Array>();
  addTree(files, root, 'dist', (path) => !path.endsWith('.map'));
  addTree(files, root, 'deploy', () => true);
  const native = `node_modules/@koromix/koffi-linux-${process.arch}`;
  addTree(files, root, native, (path) => !path.includes('/musl'));
  addTree(files, root, 'node_modules/koffi', (path) => /\.(c?js|json)$/.test(path) && !/\/(doc|vendor)\//.test(path));
  files.set('package.json', Buffer.from(JSON.stringify({ name: 'topsail', version: VERSION, type: 'module' })));
  return files;
}

function bookshopFiles(root: string): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([['package.json', Buffer.from('{"type":"module"}')]]);
  addTree(files, root, 'examples/bookshop/src', (path) => path.endsWith('.ts'));
  return files;
}

function addTree(
  files: Map<string, Uint8Array>,
  root: string,
  folder: string,
  wanted: (path: string) => boolean,
): void {
  if (!existsSync(join(root, folder))) return;
  for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name);
    const path = full.slice(root.length + 1);
    if (entry.isFile() && wanted(path)) files.set(path, readFileSync(full));
  }
}
