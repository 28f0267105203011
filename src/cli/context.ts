// What a command is given: where to read, where to print, whom to call. No command touches the process itself.
import type { GeneratedJson } from '#api';
import type { Clock, Fs, HttpCaller, ProxyNode, ResourceSet } from '#base';
import type { KubeClient, KubeObject } from '#kube';

export interface EventCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the stream. */
  readonly until: Promise<void>;
}

/** Which cluster's mesh a command means; a field that is there was given. */
export interface ClusterFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly istioNamespace?: string | undefined;
  readonly revision?: string | undefined;
}

export interface PodCommand {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** What this program's own version would generate for proxies of a cluster. */
export interface GenerateAsk {
  readonly flags: ClusterFlags;
  readonly namespace: string;
  readonly revision: string;
  /** In place of the cluster's: what the installation would write. */
  readonly meshConfigMap: KubeObject | undefined;
  /** What the running control plane knows besides the cluster's objects. */
  readonly running: Pick<GeneratedJson, 'trustDomain' | 'retained' | 'keySets'>;
  readonly nodes: readonly ProxyNode[];
}

export interface Generated {
  /** In the order of the nodes. */
  readonly resources: readonly ResourceSet[];
  /** An encoded resource as protobuf's JSON. */
  readonly decode: (typeUrl: string, bytes: Uint8Array) => unknown;
}

export interface CliContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fs: Fs;
  readonly clock: Clock;
  readonly call: HttpCaller;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly readStdin: () => Promise<string>;
  /** False where output is piped or NO_COLOR is set. */
  readonly colour: boolean;
  /** Resolves when the user interrupts a command that follows something. */
  readonly interrupted: Promise<void>;
  readonly sleep: (ms: number) => Promise<void>;
  /** Opens an address in the user's browser. */
  readonly open: (url: string) => Promise<void>;
  /** Events of the mesh's API as they come; resolves when the stream ends, rejects with a CliError when it is refused. */
  readonly stream: (call: EventCall, take: (data: string) => void) => Promise<void>;
  /** The cluster of --kubeconfig and --context. Throws a sentence when there is none. */
  readonly kube: (flags: {
    readonly kubeconfig?: string | undefined;
    readonly context?: string | undefined;
    readonly fieldManager: string;
  }) => Promise<KubeClient>;
  /** Reads the whole cluster, as a control plane of this version would. */
  readonly generate: (ask: GenerateAsk) => Promise<Generated>;
  /** Whether the mesh of this home folder has a supervisor that runs, which starts a control plane that ended again. */
  readonly supervised: (home: string) => Promise<boolean>;
  /** Runs a program in a pod; rejects with a sentence when it cannot be run. */
  readonly inPod: (
    flags: ClusterFlags,
    asked: PodCommand,
  ) => Promise<{ readonly status: number; readonly out: string; readonly err: string }>;
  /** The mesh is a cluster's, not this machine's. */
  readonly cluster?: ClusterFlags;
  /** The folder with package.json, deploy/ and dist/. */
  readonly root: () => string;
  readonly version: string;
  readonly resolvePath: (...parts: readonly string[]) => string;
}

/** A failure that the user can act on: printed as one sentence, without a stack. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
