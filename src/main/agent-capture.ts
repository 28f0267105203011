// Transparent capture of one workload as the agent sees it: a namespace, the network through it, its DNS, its application.
import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { MeshNames } from '#agent';
import type { BoundPort, Clock, Logger, Net, Random } from '#base';
import { serveDns } from './capture-dns.ts';
import { openNamespace } from './capture-namespace.ts';
import { CaptureNet } from './capture-net.ts';

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
  serveDns(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly namespace: string;
    readonly domain: string;
  }): Promise<MeshNames>;
  start(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess;
  close(): void;
}

export async function startAgentCapture(options: {
  readonly tier: 'userns' | 'netns';
  readonly outside: Net;
  readonly boundPorts: readonly BoundPort[];
  readonly log: Logger;
}): Promise<AgentCapture> {
  const namespace = await openNamespace(options.tier);
  let dns: { close(): void } | undefined;
  return {
    address: namespace.address,
    netns: namespace.veth?.name,
    net: new CaptureNet({
      outside: options.outside,
      inside: namespace.net,
      boundPorts: options.boundPorts,
      reachable: namespace.address !== undefined,
    }),
    app: namespace.net,
    serveDns: async ({ clock, random, namespace: home, domain }) => {
      const names = new MeshNames(home, domain);
      dns = await serveDns({ clock, random, log: options.log, names, namespace });
      return names;
    },
    start: (command, env) => namespace.start(command, { ...ownEnv(), ...env }),
    close: () => {
      dns?.close();
      namespace.close();
    },
  };
}

function ownEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
