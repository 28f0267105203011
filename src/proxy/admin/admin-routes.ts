// The admin surface as data: which path, which methods, what it does. `createAdminHandler` makes one
// function of it that `io` serves on the admin port.

import type { StreamedAnswer, StreamedHandler } from '#base';
import type { AdminView } from './admin-view.ts';
import { text } from './answers.ts';
import { clustersPage, listenersPage } from './cluster-pages.ts';
import { configDumpPage, type DumpReader } from '../dump/config-dump-page.ts';
import { BadFilter } from './name-filter.ts';
import { certsPage, initDumpPage, loggingPage, readyPage, serverInfoPage } from './server-pages.ts';
import { workersPage } from './workers-view.ts';
import { memoryPage, prometheusPage, statsPage } from './stats-pages.ts';

export interface AdminRoute {
  readonly path: string;
  /** Changes something: POST only. */
  readonly mutates: boolean;
  readonly help: string;
  readonly answer: (
    view: AdminView,
    query: URLSearchParams,
    reader: DumpReader,
  ) => StreamedAnswer | Promise<StreamedAnswer>;
}

const ok = (): StreamedAnswer => text('OK\n');

export const ADMIN_ROUTES: readonly AdminRoute[] = [
  { path: '/certs', mutates: false, help: 'print certs on machine', answer: certsPage },
  {
    path: '/clusters',
    mutates: false,
    help: 'upstream cluster status (?filter=RE2, ?format=json)',
    answer: clustersPage,
  },
  {
    path: '/config_dump',
    mutates: false,
    help: 'dump current configs (?resource=, ?name_regex=, ?include_eds)',
    answer: configDumpPage,
  },
  {
    path: '/drain_listeners',
    mutates: true,
    help: 'drain listeners (?graceful, ?skip_exit, ?inboundonly)',
    answer: (view, query) => {
      view.drainListeners({
        graceful: query.has('graceful'),
        skipExit: query.has('skip_exit'),
        inboundOnly: query.has('inboundonly'),
      });
      return ok();
    },
  },
  {
    path: '/help',
    mutates: false,
    help: 'print out list of admin commands',
    answer: () => text(`admin commands are:\n${helpLines()}`),
  },
  { path: '/init_dump', mutates: false, help: 'dump what is not ready yet', answer: initDumpPage },
  { path: '/listeners', mutates: false, help: 'print listener info (?format=json)', answer: listenersPage },
  {
    path: '/logging',
    mutates: true,
    help: 'query/change logging levels (?level=, ?paths=scope:level,…)',
    answer: loggingPage,
  },
  { path: '/memory', mutates: false, help: 'print current allocation/heap usage', answer: memoryPage },
  { path: '/quitquitquit', mutates: true, help: 'exit the server', answer: (view) => (view.quit(), ok()) },
  {
    path: '/ready',
    mutates: false,
    help: 'print server state, return 200 if LIVE, otherwise return 503',
    answer: readyPage,
  },
  { path: '/reopen_logs', mutates: true, help: 'reopen access logs', answer: (view) => (view.reopenLogs(), ok()) },
  {
    path: '/reset_counters',
    mutates: true,
    help: 'reset all counters to zero',
    answer: (view) => (view.stats.resetCounters(), ok()),
  },
  { path: '/server_info', mutates: false, help: 'print server version/status information', answer: serverInfoPage },
  {
    path: '/stats',
    mutates: false,
    help: 'print server stats (?usedonly, ?filter=RE2, ?invert_filter, ?format=text|json|prometheus)',
    answer: statsPage,
  },
  {
    path: '/stats/prometheus',
    mutates: false,
    help: 'print server stats in prometheus format (?usedonly, ?filter=RE2)',
    answer: prometheusPage,
  },
  {
    path: '/workers',
    mutates: false,
    help: 'threads that carry traffic, what each has open, and what they do not share (Topsail)',
    answer: workersPage,
  },
];

/** Paths that another port may serve too: Istio's 15090 has only these. */
export const PROMETHEUS_PATHS: readonly string[] = ['/stats/prometheus'];

export function createAdminHandler(view: AdminView, onlyPaths?: readonly string[]): StreamedHandler {
  const routes = new Map(
    ADMIN_ROUTES.filter((r) => onlyPaths === undefined || onlyPaths.includes(r.path)).map((r) => [r.path, r]),
  );
  return async (method, path, query, gone) => {
    const route = routes.get(path);
    if (route === undefined) {
      if (path === '/' && onlyPaths === undefined) return text(`admin commands are:\n${helpLines()}`);
      return text(
        onlyPaths === undefined ? `invalid path. admin commands are:\n${helpLines()}` : 'invalid path\n',
        404,
      );
    }
    const allowed = route.mutates ? method === 'POST' : method === 'GET' || method === 'HEAD' || method === 'POST';
    if (!allowed) return text(`Method ${method} not allowed, ${route.mutates ? 'POST' : 'GET'} required.`, 405);
    try {
      await view.refresh?.();
      return await route.answer(view, query, { gone, headOnly: method === 'HEAD' });
    } catch (error) {
      if (error instanceof BadFilter) return text(`${error.message}\n`, 400);
      throw error;
    }
  };
}

function helpLines(): string {
  return ADMIN_ROUTES.map((r) => `  ${r.path}${r.mutates ? ' (POST)' : ''}: ${r.help}\n`).join('');
}
