// Compiles a RedirectAction into the Location it sends (Envoy's newUri: scheme, host, port, path in this order).

import type { RedirectAction } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { RequestHead } from '#wire/http';
import { barePath } from '../matcher/path-template.ts';
import type { RedirectTarget } from './compiled.ts';
import { stripPort } from './domain-table.ts';
import type { CompiledPath } from './path-match.ts';
import { compilePathRewrite } from './path-rewrite.ts';

/** By the numbers of RedirectResponseCode. */
const CODES = [301, 302, 303, 307, 308];

export function compileRedirect(action: RedirectAction, path: CompiledPath, field: string): RedirectTarget {
  const { schemeRewriteSpecifier: scheme, pathRewriteSpecifier: target } = action;
  const newScheme = scheme.case === 'httpsRedirect' ? (scheme.value ? 'https' : '') : (scheme.value ?? '');
  const newPort = action.portRedirect === 0 ? '' : `:${action.portRedirect}`;
  const newHost = action.hostRedirect;
  const stripQuery = action.stripQuery;
  const rewrite = compilePathRewrite(
    {
      prefixRewrite: target.case === 'prefixRewrite' ? target.value : '',
      regexRewrite: target.case === 'regexRewrite' ? target.value : undefined,
    },
    path,
    field,
  );
  const pathRedirect = target.case === 'pathRedirect' ? target.value : '';

  const pathOf = (head: RequestHead): string => {
    if (pathRedirect.includes('?')) return pathRedirect;
    const now = stripQuery ? barePath(head.path) : head.path;
    if (pathRedirect !== '') return pathRedirect + now.slice(barePath(now).length);
    const path = rewrite === undefined ? now : rewrite(now);
    // Without it the path would go on the host's name.
    return path.startsWith('/') ? path : `/${path}`;
  };
  return {
    kind: 'redirect',
    status: CODES[action.responseCode] ?? 301,
    location: (head) => {
      const requested = head.headers.get('x-forwarded-proto') ?? head.scheme;
      const finalScheme = newScheme || requested;
      return `${finalScheme}://${newHost || hostOf(head.authority, requested, finalScheme, newPort)}${newPort}${pathOf(head)}`;
    },
  };
}

/** Keeps the port that the client named, unless another comes or it was the old scheme's own. */
function hostOf(authority: string, requested: string, finalScheme: string, newPort: string): string {
  const host = stripPort(authority);
  if (host.length === authority.length) return authority;
  const port = authority.slice(host.length);
  if (newPort !== '') return host;
  if (finalScheme !== requested && port === (requested === 'https' ? ':443' : ':80')) return host;
  return authority;
}

/** What require_tls answers. */
export const HTTPS_REDIRECT: RedirectTarget = {
  kind: 'redirect',
  status: 301,
  location: (head) => `https://${hostOf(head.authority, 'http', 'https', '')}${head.path}`,
};
