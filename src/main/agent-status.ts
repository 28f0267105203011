// The agent's status port, as Istio's 15020: readiness, and the metrics of proxy, agent and application in one.
import { askApp, mergeMetrics, OPEN_METRICS_TYPE, PROMETHEUS_TYPE, toOpenMetrics, wantsOpenMetrics } from '#agent';
import { type Clock, type HttpRoute, jsonAnswer, type Net } from '#base';
import type { AgentProxy } from './agent-proxy.ts';
import type { ChangedFlags } from './agent-inheritance.ts';
import type { App } from './app-process.ts';

export interface AgentStatusParts {
  readonly proxy: AgentProxy;
  readonly app: () => App | undefined;
  /** Of the application; undefined = it has none. */
  readonly metrics: AppMetrics | undefined;
  /** Where the application listens: inside its namespace, when it is captured. */
  readonly net: Pick<Net, 'connect'>;
  readonly clock: Clock;
  /** How often the proxy was replaced. */
  readonly epoch: number;
  /** A sentence where it can't be. */
  readonly replaceProxy: (changed: ChangedFlags) => string | undefined;
}

export interface AppMetrics {
  readonly port: number;
  readonly path: string;
}

export function agentStatusRoutes({
  proxy,
  app,
  metrics,
  net,
  clock,
  ...parts
}: AgentStatusParts): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/healthz/ready',
      answer: () => {
        const good = proxy.isReady() && app()?.running !== false;
        return jsonAnswer({ ready: good, epoch: parts.epoch }, good ? 200 : 503);
      },
    },
    {
      method: 'POST',
      path: '/proxy/replace',
      answer: ({ query }) => {
        const given = ['concurrency', 'logLevel', 'drainTimeS'].flatMap((name) => {
          const value = query.get(name);
          return value === null ? [] : [[name, value] as const];
        });
        const problem = parts.replaceProxy(Object.fromEntries(given));
        return problem === undefined ? jsonAnswer({ epoch: parts.epoch }, 202) : jsonAnswer({ problem }, 409);
      },
    },
    {
      method: 'GET',
      path: '/stats/prometheus',
      answer: async ({ headers }) => {
        const own = metrics === undefined ? undefined : await askApp(net, clock, metrics.port, metrics.path);
        return metricsAnswer(proxy, own ?? '', headers['accept']);
      },
    },
  ];
}

/** Proxy, agent and application on one page; with exemplars for who takes OpenMetrics. */
async function metricsAnswer(
  proxy: AgentProxy,
  application: string,
  accept: string | undefined,
): Promise<{ readonly type: string; readonly body: string }> {
  if (!wantsOpenMetrics(accept))
    return { type: PROMETHEUS_TYPE, body: mergeMetrics(await proxy.prometheus(), application) };
  return { type: OPEN_METRICS_TYPE, body: toOpenMetrics(mergeMetrics(await proxy.prometheus(true), application)) };
}
