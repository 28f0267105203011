// The API's routes: apply, delete, get, wait, status, proxies, edges, and the live page.
import { type Clock, type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import { graphPage } from './graph-page.ts';
import type { Mesh } from './mesh.ts';
import type { ApplyAsk, ObjectId, ProgrammedJson } from './api-json.ts';
import { waitProgrammed } from './wait-programmed.ts';

/** The live page is sent a new picture this often. */
const EVENT_MS = 1000;
const LONGEST_WAIT_MS = 600_000;

export function apiRoutes(mesh: Mesh, clock: Clock): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/', answer: plainPage },
    { method: 'GET', path: '/graph', answer: plainPage },
    { method: 'GET', path: '/plain', answer: plainPage },
    {
      method: 'POST',
      path: '/api/v1/apply',
      write: true,
      answer: async (asked) => jsonAnswer(await mesh.apply(JSON.parse(asked.body) as ApplyAsk)),
    },
    {
      method: 'POST',
      path: '/api/v1/delete',
      write: true,
      answer: async (asked) => jsonAnswer(await mesh.remove(deleted(mesh, asked))),
    },
    { method: 'GET', path: '/api/v1/objects', answer: (asked) => answerObjects(mesh, asked) },
    { method: 'GET', path: '/api/v1/wait', answer: async (asked) => jsonAnswer(await answerWait(mesh, clock, asked)) },
    { method: 'GET', path: '/api/v1/status', answer: async () => jsonAnswer(await mesh.status()) },
    { method: 'GET', path: '/api/v1/proxies', answer: () => jsonAnswer(mesh.proxies()) },
    { method: 'GET', path: '/api/v1/proxies/:name/config', answer: (asked) => answerProxyConfig(mesh, asked) },
    { method: 'GET', path: '/api/v1/edges', answer: () => jsonAnswer(mesh.edges()) },
    {
      method: 'GET',
      path: '/api/v1/edges/events',
      answer: () => ({ open: (send) => repeat(clock, EVENT_MS, () => send(JSON.stringify(mesh.edges()))) }),
    },
  ];
}

/** Without any build: also what answers at `/` and `/graph` where no dashboard was built. */
function plainPage() {
  return { type: 'text/html; charset=utf-8', body: graphPage() };
}

function deleted(mesh: Mesh, asked: HttpAsked): readonly ObjectId[] {
  const body = JSON.parse(asked.body) as { objects?: readonly ObjectId[] } & Partial<ApplyAsk>;
  return body.objects ?? mesh.identify({ texts: body.texts ?? [], namespace: body.namespace ?? 'default' });
}

async function answerObjects(mesh: Mesh, asked: HttpAsked) {
  const filter = { kind: given(asked, 'kind'), namespace: given(asked, 'namespace'), name: given(asked, 'name') };
  const objects = await mesh.objects(filter);
  // Reading needs no token: what a Secret holds stays in its file.
  return jsonAnswer(objects.map((one) => (one.kind === 'Secret' ? { ...one, spec: undefined, text: undefined } : one)));
}

async function answerWait(mesh: Mesh, clock: Clock, asked: HttpAsked): Promise<ProgrammedJson> {
  const ids = (given(asked, 'objects') ?? '')
    .split(',')
    .filter((text) => text !== '')
    .map(parseId);
  const timeoutMs = Math.min(Number(given(asked, 'timeoutMs') ?? 30_000), LONGEST_WAIT_MS);
  return await waitProgrammed(mesh, clock, { ids, generation: Number(given(asked, 'generation') ?? 0), timeoutMs });
}

async function answerProxyConfig(mesh: Mesh, asked: HttpAsked) {
  const name = asked.params['name'] ?? '';
  const config = await mesh.proxyConfig(name);
  if (config !== undefined) return jsonAnswer(config);
  const known = mesh.proxies().map((proxy) => `${proxy.name}.${proxy.namespace}`);
  return jsonAnswer({ error: `No connected proxy is called ${name}. Connected: ${known.join(', ') || 'none'}.` }, 404);
}

function given(asked: HttpAsked, name: string): string | undefined {
  const value = asked.query.get(name);
  return value === null || value === '' ? undefined : value;
}

function parseId(text: string): ObjectId {
  const [kind = '', namespace = '', name = ''] = text.split('/');
  return { kind, namespace, name };
}

function repeat(clock: Clock, everyMs: number, run: () => void): () => void {
  let over = false;
  const turn = (): void => {
    if (over) return;
    run();
    clock.setTimer(everyMs, turn, { unref: true });
  };
  turn();
  return () => {
    over = true;
  };
}
