// The demo's light load: a few page views a second through the gateway, some of them as jason.
import { Agent, request } from 'node:http';

const EVERY_MS = 200;
const TIMEOUT_MS = 10_000;
/** Requests under way at most: a slow mesh is not piled upon. */
const MOST_OPEN = 20;

export function startDemoLoad(port: number): { stop(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  let open = 0;
  let count = 0;
  const timer = setInterval(() => {
    if (open >= MOST_OPEN) return;
    open += 1;
    count += 1;
    const headers = { 'user-agent': 'topsail-demo-load', ...(count % 5 === 0 ? { 'end-user': 'jason' } : {}) };
    const req = request(
      { host: '127.0.0.1', port, path: '/productpage', agent, headers, timeout: TIMEOUT_MS },
      (res) => {
        res.resume();
      },
    );
    req.on('timeout', () => req.destroy());
    req.on('error', () => {});
    req.on('close', () => (open -= 1));
    req.end();
  }, EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      agent.destroy();
    },
  };
}
