// Reads the challenge of a registry that wants a token: WWW-Authenticate: Bearer realm="…",service="…",scope="…" (RFC 6750 §3).

export interface BearerChallenge {
  readonly realm: string;
  readonly service: string | undefined;
  readonly scope: string | undefined;
}

export function bearerChallenge(header: string): BearerChallenge | undefined {
  const [, rest] = /^bearer\s+(.{1,4000})$/is.exec(header) ?? [];
  if (rest === undefined) return undefined;
  const found = new Map<string, string>();
  for (const [, name = '', quoted, plain] of rest.matchAll(/([a-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/gi))
    if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), quoted ?? plain ?? '');
  const realm = found.get('realm');
  return realm === undefined ? undefined : { realm, service: found.get('service'), scope: found.get('scope') };
}
