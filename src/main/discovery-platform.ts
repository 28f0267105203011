// What differs between a control plane of one machine and one in a cluster: where configuration, identity and state come from.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Clock, Fs, Logger } from '#base';
import type { Complaint } from '#config';
import type { Snapshot } from '#push';
import type { PodChange } from '#registry';
import { authorityElsewhere } from './authority-elsewhere.ts';
import { type OpenedConfig, openConfig } from './discovery-config.ts';
import { type DiscoveryIdentity, startFolderIdentity } from './discovery-identity.ts';
import type { Home } from './home.ts';
import { leafLives } from './leaf-lives.ts';
import type { LocalityOf } from './placed-translation.ts';
import type { ProgramTracker } from './program-tracker.ts';
import { trustDomainOf } from './trust-domain.ts';

export interface PlatformParts {
  readonly clock: Clock;
  readonly fs: Fs;
  readonly log: Logger;
  readonly home: Home;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Platform {
  readonly identity: DiscoveryIdentity;
  /** Where 15012 listens. */
  readonly host: string;
  /** Resolves when the first configuration is complete; pods come before it. */
  openConfig(podsChanged: (changes: readonly PodChange[]) => void): Promise<OpenedConfig>;
  /** Where a pod runs; absent where nobody knows better than the agent. */
  readonly localityOf?: LocalityOf;
  /** Virtual addresses that hosts were given before, where that is written down. */
  givenAddresses?(): ReadonlyMap<string, string>;
  /** Everything else serves: now what calls us may be told so. */
  serving(parts: {
    readonly tracker: ProgramTracker;
    readonly config: OpenedConfig;
    readonly metrics: () => string;
    readonly snapshot: () => Snapshot | undefined;
    /** All that is found between objects. */
    readonly findings: () => readonly Complaint[];
    readonly heeded: (complaints: readonly Complaint[]) => readonly Complaint[];
  }): Promise<void>;
  /** Control planes of this mesh that serve now; undefined: not known yet. Absent where there is one. */
  replicas?(): number | undefined;
  /** How long it serves on after it was told to end: until nobody new is sent to it. */
  readonly leaveMs?: number;
  close(): Promise<void>;
}

export async function openPlatform(parts: PlatformParts): Promise<Platform> {
  const { options } = parts;
  const cluster =
    options['kubernetes'] === true ||
    String(options['registries'] ?? '')
      .toLowerCase()
      .startsWith('kube');
  if (cluster) return (await import('./discovery-kube.ts')).openKubePlatform(parts);
  const { clock, fs, log, home } = parts;
  const config = await openConfig({
    folder: String(options['config'] ?? home.config),
    stateFolder: home.state,
    fs,
    clock,
    log,
  });
  return {
    identity: await startFolderIdentity({
      clock,
      fs,
      log,
      stateFolder: home.state,
      cacertsFolder: process.env['ROOT_CA_DIR'] ?? join(home.folder, 'cacerts'),
      trustDomain: trustDomainOf(config.view()),
      lives: leafLives(),
      elsewhere: authorityElsewhere(process.env, options, existsSync),
    }),
    host: '127.0.0.1',
    openConfig: async () => config,
    serving: async () => {},
    close: async () => {},
  };
}
