// A captured network namespace with its helper: opened before the proxy starts, entered by the application, closed at the end.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import process from 'node:process';
import { addressCommands, CAPTURE_PORTS, INNER_ADDRESS, redirectRules } from '#agent';
import { type DescriptorHandle, type ListenerBook, type NamespaceDescriptors, NamespaceNet } from '#io';
import type { FromHelper, HelperSetup, HelperStart } from './capture-messages.ts';
import { addVethNamespace, INNER_LINK, removeVethNamespace, type VethNamespace } from './capture-veth.ts';

const OPEN_WITHIN_MS = 15_000;

export interface CaptureNamespace {
  /** What peers on this machine reach the workload by; undefined: only through ports of the host. */
  readonly address: string | undefined;
  /** What has to be removed should this process be killed. */
  readonly netns: string | undefined;
  readonly net: NamespaceNet;
  /** Bound to the port of DNS. */
  readonly dnsDescriptor: number;
  /** Reads there from now on: once. */
  openDns(): Promise<UdpSocket>;
  /** The helper becomes this; its process stays our child. */
  start(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess;
  /** Makes the rules anew, after somebody deleted them: throws with nft's words. Undefined where only root outside could delete them. */
  readonly putBack: (() => void) | undefined;
  close(): void;
}

/** What is left of one whose helper has become the application: what the next process of this workload needs. */
export interface NamespaceRemains extends NamespaceDescriptors {
  readonly dns: number;
  readonly address: string | undefined;
  readonly netns: string | undefined;
}

/** Rejects with a reason when the machine does not allow it after all. */
export async function openNamespace(tier: 'userns' | 'netns', book: ListenerBook): Promise<CaptureNamespace> {
  const veth = tier === 'netns' ? addVethNamespace() : undefined;
  try {
    return await open(veth, book);
  } catch (error) {
    veth?.remove();
    throw error;
  }
}

async function open(veth: VethNamespace | undefined, book: ListenerBook): Promise<CaptureNamespace> {
  const into =
    veth === undefined ? ['unshare', '--user', '--map-root-user', '--net', '--'] : ['ip', 'netns', 'exec', veth.name];
  const [program, ...args] = [...into, process.execPath, '--max-semi-space-size=1', helperPath()];
  const child = spawn(program, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  const settings = { address: veth?.address ?? INNER_ADDRESS, link: veth?.innerLink };
  const setup: HelperSetup = {
    addresses: addressCommands(settings) + (veth?.innerCommands ?? ''),
    rules: redirectRules(settings),
    dnsPort: CAPTURE_PORTS.dns,
    own: veth === undefined,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
  child.once('spawn', () => child.send(setup, () => {}));
  const parts = await socketsFrom(child);
  const net = new NamespaceNet(parts, { book });
  let started = false;
  return {
    address: veth?.address,
    netns: veth?.name,
    net,
    dnsDescriptor: descriptorOf(parts.dns),
    openDns: async () => parts.dns,
    start: (command, env) => {
      started = true;
      child.send({ command, env } satisfies HelperStart, () => {});
      return child;
    },
    putBack: putBackIn(veth?.name, veth?.address),
    close: () => {
      if (!started) child.kill('SIGKILL');
      net.close();
      veth?.remove();
    },
  };
}

/** `owns`: the namespace ends with us. */
export function inheritNamespace(remains: NamespaceRemains, book: ListenerBook, owns: boolean): CaptureNamespace {
  const { seed, seedPort, spare, address, netns } = remains;
  const net = new NamespaceNet({ seed: descriptor(seed), seedPort, spare: descriptor(spare) }, { book });
  return {
    address,
    netns,
    net,
    dnsDescriptor: remains.dns,
    openDns: async () => {
      const dns = createSocket('udp4');
      await new Promise<void>((resolve, reject) => {
        dns.once('error', reject);
        dns.bind({ fd: remains.dns }, resolve);
      });
      return dns;
    },
    start: () => {
      throw new Error('the application of this namespace runs already');
    },
    putBack: putBackIn(netns, address),
    close: () => {
      net.close();
      if (owns && netns !== undefined) removeVethNamespace(netns);
    },
  };
}

function putBackIn(netns: string | undefined, address: string | undefined): (() => void) | undefined {
  if (netns === undefined || address === undefined) return undefined;
  const input = redirectRules({ address, link: INNER_LINK });
  return () =>
    void execFileSync('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], { input, stdio: ['pipe', 'ignore', 'pipe'] });
}

/** Node's own handle is private, and lies behind a symbol. */
function descriptorOf(socket: UdpSocket): number {
  const states = Object.getOwnPropertySymbols(socket).map(
    (key) => (socket as unknown as Record<symbol, { readonly handle?: { readonly fd?: number } | null }>)[key],
  );
  const fd = states.find((one) => typeof one?.handle?.fd === 'number')?.handle?.fd;
  if (fd === undefined || fd < 0)
    throw new Error(
      `DNS of the captured namespace: this Node (${process.version}) does not tell a socket's descriptor`,
    );
  return fd;
}

function descriptor(fd: number): DescriptorHandle {
  return { fd, close: () => closeSync(fd) };
}

interface Parts {
  readonly seed: DescriptorHandle;
  readonly seedPort: number;
  readonly spare: DescriptorHandle;
  readonly dns: UdpSocket;
}

function socketsFrom(child: ChildProcess): Promise<Parts> {
  return new Promise((resolve, reject) => {
    let spare: DescriptorHandle | undefined;
    let seed: { readonly handle: DescriptorHandle; readonly port: number } | undefined;
    const finish = (outcome: Parts | string): void => {
      clearTimeout(deadline);
      child.removeAllListeners();
      if (typeof outcome !== 'string') return resolve(outcome);
      child.kill('SIGKILL');
      reject(new Error(outcome));
    };
    const deadline = setTimeout(() => finish('the namespace was not ready in time'), OPEN_WITHIN_MS);
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(`the namespace could not be made (${signal ?? `status ${code}`})`));
    child.on('message', (message, handle) => {
      const said = message as FromHelper;
      if ('failed' in said) finish(said.failed);
      else if (said.socket === 'spare') spare = handle as unknown as DescriptorHandle;
      else if (said.socket === 'seed') seed = { handle: handle as unknown as DescriptorHandle, port: said.port };
      else if (spare !== undefined && seed !== undefined)
        finish({ spare, seed: seed.handle, seedPort: seed.port, dns: handle as unknown as UdpSocket });
      else finish('the namespace sent its sockets in the wrong order');
    });
  });
}

/** Beside the entry: sources in a clone, a bundle of its own in dist. */
function helperPath(): string {
  const entry = process.argv[1] as string;
  return join(dirname(entry), `capture-helper${extname(entry)}`);
}
