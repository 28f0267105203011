// Settings of one pod's proxy (annotation proxy.istio.io/config), which are MeshConfig's `defaultConfig` again: read by its schema.

import type { Complaint } from '../model/complaint.ts';
import { forceOf } from '../model/force.ts';
import { type ProxyConfigSpec, ProxyConfigSchema } from '../model/proxy-config.ts';
import { shapeOf } from '../model/shape.ts';
import { MAX_PROBLEMS } from '../limits.ts';
import { Problems, toComplaint } from '../problem.ts';
import { readBySchema } from './read-by-schema.ts';

export const POD_SETTINGS = 'proxy.istio.io/config';

/** What the control plane reads of them for this proxy, in the place of the mesh's. */
export const POD_SETTINGS_READ = ['gatewayTopology', 'proxyHeaders', 'tracing'] as const;

export interface ReadProxyConfig {
  /** Undefined where an error was found. */
  readonly spec: ProxyConfigSpec | undefined;
  /** Without a place in a file. */
  readonly complaints: readonly Complaint[];
}

export function readProxyConfig(value: unknown): ReadProxyConfig {
  const problems = new Problems(MAX_PROBLEMS);
  const force = forceOf('MeshConfig').properties.get('defaultConfig');
  const options = { unknown: 'TS-CFG-0114', ...(force === undefined ? {} : { force }) } as const;
  const read = readBySchema(shapeOf(ProxyConfigSchema), value, problems, options);
  return {
    spec: problems.failed ? undefined : (read as ProxyConfigSpec),
    complaints: problems.list.map((one) => toComplaint(one, { file: '', line: 0, column: 0, object: '' })),
  };
}
