// What the demo prints once everything answers: what is where, and three commands to try.
import type { DemoPorts } from './demo-ports.ts';

export interface ScreenFacts {
  readonly ports: DemoPorts;
  readonly home: string;
  readonly capture: string;
  readonly envoy: boolean;
  readonly load: boolean;
  readonly seconds: number;
}

const CAPTURE: Readonly<Record<string, string>> = {
  none: 'none: apps talk to their sidecar through http_proxy; their own port stays open to local processes',
  userns: 'userns: an own network namespace per workload, without root',
  netns: 'netns: an own network namespace per workload',
};

export function readyScreen({ ports, home, capture, envoy, load, seconds }: ScreenFacts): string {
  const at = (scheme: string, port: number, path = ''): string => `${scheme}://127.0.0.1:${port}${path}`;
  const rows = [
    ['Bookshop', at('http', ports.http, '/productpage')],
    ['', `${at('https', ports.https, '/productpage')}  (self-made certificate: curl -k)`],
    ['Live graph', at('http', ports.page, '/graph')],
    ['Control plane', `xDS 127.0.0.1:${ports.xds} (mTLS), metrics ${at('http', ports.monitoring, '/metrics')}`],
    ['Configuration', `${home}/config  (edit it: changes are live)`],
    ['Logs', `${home}/logs, or ./topsail logs reviews-v1 -f`],
    ['Capture', CAPTURE[capture] ?? capture],
    ...(envoy ? [['Data plane', 'Envoy, one beside each agent']] : []),
    ['Load', load ? '5 pages a second (stop it with --no-load)' : 'none'],
  ];
  return `
Topsail is ready (${seconds.toFixed(1)} s): 6 workloads with a sidecar each, 1 gateway, mutual TLS between all.

${rows.map(([name, value]) => `  ${(name as string).padEnd(15)}${value}`).join('\n')}

Try next:
  ./topsail apply --wait -f examples/seed/02-reviews-jason.yaml   # jason sees stars, others none
  ./topsail edges                                                 # who calls whom, how fast, mTLS
  ./topsail apply --wait -f examples/seed/06-fault-delay.yaml     # every tenth rating takes 5 s

Ctrl-C stops everything. The mesh's state stays in ${home}.
`;
}
