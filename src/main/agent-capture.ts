// Transparent capture of one workload as the agent sees it: a namespace, the network through it, its DNS, its application.
import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { CaptureWatch, MeshNames } from '#agent';
import type { BoundPort, Clock, Logger, Net, Random } from '#base';
import { type ListenerBook, ProcessSockets } from '#io';
import { serveDns } from './capture-dns.ts';
import { inheritNamespace, type NamespaceRemains, openNamespace } from './capture-namespace.ts';
import { CaptureNet } from './capture-net.ts';
import { HoldingNet } from './holding-net.ts';
import { RuleGuard } from './rule-guard.ts';
import type { ThreadNet } from './thread-net.ts';

const LOOPBACK = '127.0.0.1';

/** No machine's (RFC 5737): the rules make our own DNS answer there. */
const ANYBODYS_DNS = { address: '192.0.2.53', port: 53 };

export interface AgentCapture {
  /** The workload's own; undefined where it is only reached through ports of the host. */
  readonly address: string | undefined;
  /** Recorded, so that the next start removes what a killed agent left. */
  readonly netns: string | undefined;
  /** For the proxy. */
  readonly net: Net;
  /** Where the application itself is. */
  readonly app: Pick<Net, 'connect'>;
  /** The names to feed. */
  names(namespace: string, domain: string): MeshNames;
  /** When they are there: who asks before would hear that there is no such name. */
  serveDns(options: { readonly clock: Clock; readonly random: Random; readonly names: MeshNames }): Promise<void>;
  /** Resolves when every question that was taken has its answer. */
  endDns(): Promise<void>;
  /** Rules that somebody deletes are put back from now on; `exposed` is told why they could not be, and when they are there again. */
  guardRules(clock: Clock, exposed: (reason: string | undefined) => void): void;
  start(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess;
  /** For threads that carry the traffic. */
  threads(): ThreadNet;
  /** Descriptors of the namespace: this process's own, or others that can be used beside them. */
  remains(which: 'own' | 'more'): NamespaceRemains;
  close(): void;
}

/** Listening sockets outside and inside the namespace. */
export interface CaptureBooks {
  readonly outside: ListenerBook;
  readonly inside: ListenerBook;
}

export async function startAgentCapture(options: {
  readonly tier: 'userns' | 'netns';
  readonly outside: Net;
  readonly boundPorts: readonly BoundPort[];
  readonly log: Logger;
  readonly books: CaptureBooks;
  /** Of the process before this one. */
  readonly inherited?: { readonly remains: NamespaceRemains; readonly owns: boolean } | undefined;
}): Promise<AgentCapture> {
  const { tier, books, inherited, outside, boundPorts } = options;
  const namespace =
    inherited === undefined
      ? await openNamespace(tier, books.inside)
      : inheritNamespace(inherited.remains, books.inside, inherited.owns);
  const { net } = namespace;
  const reachable = namespace.address !== undefined;
  const log = options.log.scope('capture');
  let dns: { close(): Promise<void> } | undefined;
  let watch: CaptureWatch | undefined;
  let guard: RuleGuard | undefined;
  return {
    address: namespace.address,
    netns: namespace.netns,
    net: new CaptureNet({ outside, inside: net, boundPorts, reachable }),
    app: net,
    names: (home, domain) => new MeshNames(home, domain),
    serveDns: async (parts) => {
      dns = await serveDns({
        ...parts,
        log: options.log,
        namespace: { dns: [await namespace.openDns()], hosts: [LOOPBACK], net },
      });
    },
    endDns: async () => {
      await dns?.close();
      dns = undefined;
    },
    guardRules: (clock, exposed) => {
      const { putBack } = namespace;
      if (putBack === undefined) return;
      guard = new RuleGuard({ clock, log, putBack, exposed });
      const changed = (captured: boolean): void => guard?.changed(captured);
      watch = new CaptureWatch({ clock, net, ...ANYBODYS_DNS, made: true, changed });
      watch.start();
    },
    start: (command, env) => namespace.start(command, { ...ownEnv(), ...env }),
    threads: () => {
      const sockets = {
        outside: new ProcessSockets({ book: books.outside }),
        inside: new ProcessSockets({ book: books.inside, bind: (asked) => net.bind(asked) }),
      };
      const held = new HoldingNet(outside, sockets.inside);
      return {
        holding: new CaptureNet({
          outside: new HoldingNet(outside, sockets.outside),
          inside: {
            listen: (asked) => held.listen(asked),
            connect: (asked, handler) => net.connect(asked, handler),
          },
          boundPorts,
          reachable,
        }),
        outside: sockets.outside,
        captured: { inside: sockets.inside, order: () => ({ boundPorts, reachable, namespace: net.breed() }) },
      };
    },
    remains: (which) => ({
      ...(which === 'own' ? net.descriptors : net.breed()),
      dns: namespace.dnsDescriptor,
      address: namespace.address,
      netns: namespace.netns,
    }),
    close: () => {
      watch?.close();
      guard?.close();
      void dns?.close();
      namespace.close();
    },
  };
}

function ownEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
