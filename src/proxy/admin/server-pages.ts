// /server_info, /ready, /certs, /init_dump, /logging.

import type { LogLevel, StreamedAnswer } from '#base';
import type { AdminView, CertificateView } from './admin-view.ts';
import { json, text } from './answers.ts';

export function serverInfoPage(view: AdminView): StreamedAnswer {
  const s = view.server();
  const seconds = `${Math.floor(s.uptimeMs / 1000)}s`;
  return json({
    version: s.version,
    state: s.state,
    uptime_current_epoch: seconds,
    uptime_all_epochs: seconds,
    command_line_options: s.options,
    node: { id: s.node.id, cluster: s.node.cluster, metadata: s.node.metadata, user_agent_name: 'topsail' },
  });
}

export function readyPage(view: AdminView): StreamedAnswer {
  const { state } = view.server();
  return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
}

export function certsPage(view: AdminView): StreamedAnswer {
  return json({
    certificates: Array.from(view.certificates(), (pair) => ({
      ca_cert: pair.ca.map(certificate),
      cert_chain: pair.chain.map(certificate),
    })),
  });
}

export function initDumpPage(view: AdminView): StreamedAnswer {
  const names = [...view.unready()];
  return json(names.length === 0 ? {} : { unready_targets_dumps: [{ name: 'proxy', target_names: names }] });
}

/** Envoy's words for our four levels; what is finer or coarser goes to the nearest. */
const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
  off: 'error',
};

/** `?level=debug` sets all, `?paths=http:debug,router:info` and `?http=debug` single scopes; without a parameter it only lists. */
export function loggingPage(view: AdminView, query: URLSearchParams): StreamedAnswer {
  const wanted: (readonly [scope: string | undefined, level: string])[] = [];
  for (const [key, value] of query) {
    if (key === 'level') wanted.push([undefined, value]);
    else if (key === 'paths' || key === 'group') {
      for (const part of value.split(',')) {
        const colon = part.lastIndexOf(':');
        wanted.push([part.slice(0, colon), part.slice(colon + 1)]);
      }
    } else wanted.push([key, value]);
  }
  // All or nothing: a mistake in the second of two leaves the first as it was.
  for (const [scope, level] of wanted) {
    if (LEVELS[level] === undefined)
      return text(`unknown logger level "${level}": use one of ${Object.keys(LEVELS).join(', ')}\n`, 400);
    if (scope !== undefined && !view.logLevels().has(scope)) return text(`unknown logger name "${scope}"\n`, 404);
  }
  for (const [scope, level] of wanted) view.setLogLevel(scope, LEVELS[level] as LogLevel);
  let page = 'active loggers:\n';
  for (const [scope, level] of view.logLevels()) page += `  ${scope}: ${level === 'warn' ? 'warning' : level}\n`;
  return text(`${page}\n`);
}

function certificate(c: CertificateView): object {
  const expires = new Date(c.notAfterMs).toISOString();
  return {
    path: c.path,
    serial_number: c.serialNumber,
    subject_alt_names: [...c.uriSans.map((uri) => ({ uri })), ...c.dnsSans.map((dns) => ({ dns }))],
    valid_from: new Date(c.notBeforeMs).toISOString(),
    expiration_time: expires,
  };
}
