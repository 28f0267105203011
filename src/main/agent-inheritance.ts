// What a workload's agent leaves to the process that takes its place: sockets by descriptor, the application by its
// process, ports and names as they were. It travels in one variable of the environment.
//
// Two take over from an agent that is replaced: a stand-in beside it, which has the traffic while the agent's own
// connections end; and then the agent's own process, which becomes the new program (execve) and so keeps its number, its
// child and its descriptors, and has the stand-in drain.
import process from 'node:process';
import type { BoundPort } from '#base';
import { duplicateForExec, type PlacedDescriptor } from '#io';
import type { CaptureTier } from './capture-tier.ts';
import type { NamespaceRemains } from './capture-namespace.ts';
import type { ProcessIdentity } from './process-identity.ts';

const VARIABLE = 'TOPSAIL_INHERITANCE';
const CHANNEL = 'NODE_CHANNEL_FD';

/** What was told to `run` and stays so whoever comes after. */
export interface KeptPlan {
  readonly capture: CaptureTier;
  readonly boundPorts: readonly BoundPort[];
  readonly httpProxyPort: number | undefined;
  readonly block: string | undefined;
  readonly adminPort: number;
  readonly statusPort: number;
}

/** Flags that the command line of the process does not say any more. */
export interface ChangedFlags {
  readonly concurrency?: string;
  readonly logLevel?: string;
  /** Seconds that what is open may take at whoever is replaced. */
  readonly drainTimeS?: string;
}

export interface Inheritance {
  readonly role: 'stand-in' | 'successor';
  /** How often this workload's proxy was replaced; Envoy's restart epoch. */
  readonly epoch: number;
  readonly plan: KeptPlan;
  readonly changed: ChangedFlags;
  readonly outside: readonly PlacedDescriptor[];
  readonly inside: readonly PlacedDescriptor[];
  readonly namespace: NamespaceRemains | undefined;
  /** The agent's own process, which the stand-in must not outlive. */
  readonly agent: ProcessIdentity;
  readonly app: (ProcessIdentity & { readonly program: string }) | undefined;
  /** To be told when the successor accepts. */
  readonly standIn: ProcessIdentity | undefined;
  /** Of this workload's agent, on the wall clock: one that dies again and again is not started again. */
  readonly crashedMs: readonly number[];
}

/** Read once: no child of ours is told of it. */
export function readInheritance(): Inheritance | undefined {
  const text = process.env[VARIABLE];
  delete process.env[VARIABLE];
  return text === undefined ? undefined : (JSON.parse(text) as Inheritance);
}

export function inheritanceVariable(left: Inheritance): Readonly<Record<string, string>> {
  return { [VARIABLE]: JSON.stringify(left) };
}

/** For a child: descriptors take the next places of its `stdio`, and are named by these. */
export function renumbered(
  left: Inheritance,
  first: number,
): { readonly left: Inheritance; readonly stdio: readonly number[] } {
  const stdio: number[] = [];
  const placed = (fd: number): number => {
    stdio.push(fd);
    return first + stdio.length - 1;
  };
  return { left: withDescriptors(left, placed), stdio };
}

/** Other descriptors of the same sockets, which stay open whatever this process closes, and when it becomes another program. */
export function keptOverExec(left: Inheritance): Inheritance {
  return withDescriptors(left, duplicateForExec);
}

/** Does not return: this process is the new program from here on. Throws when it can't be. */
export function becomeSuccessor(left: Inheritance): never {
  if (process.execve === undefined) throw new Error(`this Node (${process.version}) has no process.execve`);
  const env: Record<string, string> = { ...definedEnv(), ...inheritanceVariable(left) };
  const channel = (process.channel as unknown as { readonly fd?: number } | undefined)?.fd;
  if (channel !== undefined) env[CHANNEL] = String(duplicateForExec(channel));
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], env);
  throw new Error('execve came back');
}

function withDescriptors(left: Inheritance, map: (fd: number) => number): Inheritance {
  const { namespace } = left;
  const all = (places: readonly PlacedDescriptor[]): readonly PlacedDescriptor[] =>
    places.map(([place, fd]) => [place, map(fd)] as const);
  return {
    ...left,
    outside: all(left.outside),
    inside: all(left.inside),
    namespace:
      namespace === undefined
        ? undefined
        : { ...namespace, seed: map(namespace.seed), spare: map(namespace.spare), dns: map(namespace.dns) },
  };
}

function definedEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
