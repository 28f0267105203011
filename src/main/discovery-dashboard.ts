// Puts together what the dashboard asks of the control plane: its files, sign-in, traffic, configuration texts, logs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import {
  ConfigHistory,
  configRoutes,
  type ConfigTexts,
  type EditChecks,
  type HopCausesJson,
  type LongTraffic,
  logRoutes,
  pageRoutes,
  type RecentRequests,
  signInRoutes,
  type TapHub,
  type TapRecordJson,
  tapRoutes,
  traceRoutes,
  type TraceSource,
  trafficRoutes,
  type WhatIf,
  whatIfRoutes,
} from '#api';
import type { Clock, Fs, HttpRoute } from '#base';
import { callHttp, SystemRandom } from '#io';
import type { RouteTraffic, TrafficGraph } from '#telemetry';
import { rootFolder } from './home.ts';

export interface DashboardParts {
  readonly clock: Clock;
  readonly fs: Fs;
  readonly token: string;
  readonly traffic: TrafficGraph;
  readonly routes: RouteTraffic;
  readonly taps: TapHub;
  readonly causesOf: (hop: TapRecordJson) => HopCausesJson;
  readonly recent: RecentRequests;
  readonly whatIf: WhatIf;
  readonly texts: ConfigTexts;
  readonly checks: EditChecks;
  readonly history: ConfigHistory;
  readonly logFolder: string;
  /** Where traces are read from. */
  readonly tracing: TraceSource | undefined;
  /** Where ranges beyond the last hour are read from. */
  readonly prometheus: LongTraffic | undefined;
}

/** They stand before the API's: `/` is the dashboard where it is built. */
export function dashboardRoutes({
  clock,
  fs,
  token,
  traffic,
  routes,
  taps,
  causesOf,
  recent,
  whatIf,
  texts,
  checks,
  history,
  logFolder,
  tracing,
  prometheus,
}: DashboardParts): readonly HttpRoute[] {
  return [
    ...pageRoutes(builtFiles(dashboardFolder())),
    ...signInRoutes({ clock, random: new SystemRandom(), token }),
    ...trafficRoutes(traffic, routes, clock, prometheus),
    ...tapRoutes(taps, causesOf),
    ...whatIfRoutes(recent, whatIf),
    ...configRoutes(texts, history, checks),
    ...logRoutes(fs, logFolder),
    ...traceRoutes(tracing, callHttp),
  ];
}

/** Beside the bundle that runs; where sources run, in the clone's dist/. */
function dashboardFolder(): string {
  const beside = join(dirname(process.argv[1] ?? '.'), 'dashboard');
  return existsSync(join(beside, 'index.html')) ? beside : join(rootFolder(), 'dist/dashboard');
}

function builtFiles(folder: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.map')) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path), readFileSync(path, 'utf8'));
  }
  return files;
}
