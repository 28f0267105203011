// The agent's status port, as Istio's 15020: readiness, and the metrics of proxy, agent and application in one.
import { mergeMetrics } from '#agent';
import { type HttpRoute, jsonAnswer } from '#base';
import { callHttp } from '#io';
import type { AgentProxy } from './agent-proxy.ts';
import type { AppProcess } from './app-process.ts';

export interface AgentStatusParts {
  readonly proxy: AgentProxy;
  readonly app: () => AppProcess | undefined;
  /** Of the application; undefined = it has none. */
  readonly metrics: { readonly port: number; readonly path: string } | undefined;
}

const SCRAPE_MS = 3000;

export function agentStatusRoutes({ proxy, app, metrics }: AgentStatusParts): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/healthz/ready',
      answer: () => {
        const good = proxy.isReady() && app()?.running !== false;
        return jsonAnswer({ ready: good }, good ? 200 : 503);
      },
    },
    {
      method: 'GET',
      path: '/stats/prometheus',
      answer: async () => {
        const answer =
          metrics === undefined
            ? undefined
            : await callHttp({
                target: { host: '127.0.0.1', port: metrics.port },
                method: 'GET',
                path: metrics.path,
                timeoutMs: SCRAPE_MS,
              });
        return {
          type: 'text/plain; version=0.0.4; charset=utf-8',
          body: mergeMetrics(proxy.prometheus(), answer?.status === 200 ? answer.body : ''),
        };
      },
    },
  ];
}
