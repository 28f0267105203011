// The agent's status port, as Istio's 15020: readiness, and the metrics of proxy, agent and application in one.
import { type HttpRoute, jsonAnswer } from '#base';
import type { AgentProxy } from './agent-proxy.ts';
import type { AppProcess } from './app-process.ts';

export interface AgentStatusParts {
  readonly proxy: AgentProxy;
  readonly app: () => AppProcess | undefined;
}

export function agentStatusRoutes({ proxy, app }: AgentStatusParts): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/healthz/ready',
      answer: () => {
        const good = proxy.isReady() && app()?.running !== false;
        return jsonAnswer({ ready: good }, good ? 200 : 503);
      },
    },
    { method: 'GET', path: '/stats/prometheus', answer: () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', body: proxy.prometheus() }) },
  ];
}
