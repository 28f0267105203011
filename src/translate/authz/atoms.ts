// Single conditions of an AuthorizationPolicy as RBAC permissions and principals; names never become patterns (inventory §7).

import type { HeaderMatcherSchema } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { PermissionSchema, PrincipalSchema } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import type { StringMatcherSchema } from '#proto/envoy/type/matcher/v3/string_pb.ts';
import { UriTemplateMatchConfigSchema } from '#proto/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import { claimMatcher, metadataMatcher, plainClaimMatcher } from '../authn/token-claims.ts';
import { any, type Init } from '../encode.ts';

export type Permission = Init<typeof PermissionSchema>;
export type Principal = Init<typeof PrincipalSchema>;
type Text = Init<typeof StringMatcherSchema>;

export const ANY_PERMISSION: Permission = { rule: { case: 'any', value: true } };
export const ANY_PRINCIPAL: Principal = { identifier: { case: 'any', value: true } };
export const NO_PRINCIPAL: Principal = { identifier: { case: 'notId', value: ANY_PRINCIPAL } };
export const NO_PERMISSION: Permission = { rule: { case: 'notRule', value: ANY_PERMISSION } };

/** `*` alone is told apart by the callers: it asks for presence. */
function text(value: string, options: { readonly before?: string; readonly ignoreCase?: boolean } = {}): Text {
  const before = options.before ?? '';
  const extra = options.ignoreCase === true ? { ignoreCase: true } : {};
  if (value.startsWith('*')) return { matchPattern: { case: 'suffix', value: value.slice(1) }, ...extra };
  if (value.endsWith('*')) return { matchPattern: { case: 'prefix', value: before + value.slice(0, -1) }, ...extra };
  return { matchPattern: { case: 'exact', value: before + value }, ...extra };
}

function header(name: string, value: string, ignoreCase = false): Init<typeof HeaderMatcherSchema> {
  if (value === '*') return { name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: text(value, { ignoreCase }) } };
}

function cidr(block: string): { addressPrefix: string; prefixLen: number } {
  const [addressPrefix = '', length] = block.split('/');
  return { addressPrefix, prefixLen: length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length) };
}

export const permission = {
  host: (value: string): Permission => ({ rule: { case: 'header', value: header(':authority', value, true) } }),
  method: (value: string): Permission =>
    value === '*' ? ANY_PERMISSION : { rule: { case: 'header', value: header(':method', value) } },
  path: (value: string): Permission => {
    if (value === '*') return ANY_PERMISSION;
    if (value.includes('{*}') || value.includes('{**}')) {
      const pathTemplate = value.replaceAll('{**}', '**').replaceAll('{*}', '*');
      return {
        rule: {
          case: 'uriTemplate',
          value: { name: 'uri-template', typedConfig: any(UriTemplateMatchConfigSchema, { pathTemplate }) },
        },
      };
    }
    return { rule: { case: 'urlPath', value: { rule: { case: 'path', value: text(value) } } } };
  },
  /** `[value]` asks for a list that holds it. */
  filterMetadata: (filter: string, key: string, value: string): Permission => {
    const inner = /^\[(.*)\]$/.exec(value)?.[1];
    const one = { matchPattern: { case: 'stringMatch' as const, value: presence(inner ?? value) } };
    const wanted =
      inner === undefined
        ? one
        : {
            matchPattern: {
              case: 'listMatch' as const,
              value: { matchPattern: { case: 'oneOf' as const, value: one } },
            },
          };
    return { rule: { case: 'metadata', value: metadataMatcher(filter, [key], wanted) } };
  },
  port: (port: number): Permission => ({ rule: { case: 'destinationPort', value: port } }),
  address: (block: string): Permission => ({ rule: { case: 'destinationIp', value: cidr(block) } }),
  sni: (value: string): Permission => ({ rule: { case: 'requestedServerName', value: presence(value) } }),
};

function authenticated(matcher: Text): Principal {
  return { identifier: { case: 'authenticated', value: { principalName: matcher } } };
}

/** `*` alone: any text but the empty one. */
function presence(value: string): Text {
  return value === '*' ? { matchPattern: { case: 'safeRegex', value: { regex: '.+' } } } : text(value);
}

function claim(path: readonly string[], value: string): Principal {
  return { identifier: { case: 'metadata', value: claimMatcher(path, presence(value)) } };
}

function tokenText(name: 'iss' | 'sub', value: string): Principal {
  return { identifier: { case: 'metadata', value: plainClaimMatcher(name, presence(value)) } };
}

/** `ISSUER/SUBJECT`, parted at the last slash; a star at either end stands for the rest of that part, and for the other part where there is no slash. */
function requestPrincipal(value: string): Principal {
  const slash = value.lastIndexOf('/');
  const [issuer, subject] =
    slash >= 0 ? [value.slice(0, slash), value.slice(slash + 1)] : value.startsWith('*') ? ['*', value] : [value, '*'];
  return { identifier: { case: 'andIds', value: { ids: [tokenText('iss', issuer), tokenText('sub', subject)] } } };
}

const SPIFFE = 'spiffe://';

export const principal = {
  header: (name: string, value: string): Principal => ({ identifier: { case: 'header', value: header(name, value) } }),
  request: requestPrincipal,
  claim,
  sourceIp: (block: string): Principal => ({ identifier: { case: 'directRemoteIp', value: cidr(block) } }),
  remoteIp: (block: string): Principal => ({ identifier: { case: 'remoteIp', value: cidr(block) } }),
  /** An identity without its scheme, with a star at either end. */
  identity: (value: string): Principal =>
    authenticated(
      value === '*' ? { matchPattern: { case: 'prefix', value: SPIFFE } } : text(value, { before: SPIFFE }),
    ),
  trustDomain,
  serviceAccount: (namespace: string, account: string): Principal =>
    authenticated({ matchPattern: { case: 'suffix', value: `/ns/${namespace}/sa/${account}` } }),
  namespace,
};

/** A star stands for any part of the domain, and ends with it. */
function trustDomain(value: string): Principal {
  if (!value.includes('*') || value === '*')
    return authenticated({ matchPattern: { case: 'prefix', value: value === '*' ? SPIFFE : `${SPIFFE}${value}/` } });
  const pattern = value
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^/]*');
  return authenticated({ matchPattern: { case: 'safeRegex', value: { regex: `${SPIFFE}${pattern}/.*` } } });
}

/** `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT` has its namespace between `/ns/` and `/sa/`, and neither part can hold a slash. */
function namespace(value: string): Principal {
  if (value === '*') return principal.identity('*');
  if (value.startsWith('*')) {
    const tail = value.slice(1);
    const ends = authenticated({ matchPattern: { case: 'contains', value: `${tail}/sa/` } });
    // Of namespace `sa`, `/ns/sa/` would count as an end: it is told apart.
    const named = authenticated({ matchPattern: { case: 'contains', value: '/ns/sa/sa/' } });
    return 'sa'.endsWith(tail)
      ? ends
      : { identifier: { case: 'andIds', value: { ids: [ends, { identifier: { case: 'notId', value: named } }] } } };
  }
  if (value.endsWith('*')) {
    const head = value.slice(0, -1);
    const starts = authenticated({ matchPattern: { case: 'contains', value: `/ns/${head}` } });
    // Of namespace `ns`, `/ns/sa/` would count as a beginning: it is told apart.
    const named = authenticated({ matchPattern: { case: 'contains', value: '/ns/ns/sa/' } });
    return 'sa'.startsWith(head)
      ? { identifier: { case: 'andIds', value: { ids: [starts, { identifier: { case: 'notId', value: named } }] } } }
      : starts;
  }
  return authenticated({ matchPattern: { case: 'contains', value: `/ns/${value}/sa/` } });
}
