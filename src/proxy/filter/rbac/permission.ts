// Compiles RBAC permissions: what is asked for (envoy.config.rbac.v3.Permission).

import type { Permission } from '#proto/envoy/config/rbac/v3/rbac_pb.ts';
import { ConfigError } from '../../errors.ts';
import { compileCidr } from '../../matcher/cidr.ts';
import { compileHeaderMatcher } from '../../matcher/header-matcher.ts';
import { MAX_MATCHER_DEPTH } from '../../matcher/limits.ts';
import type { RequestPredicate } from '../../matcher/match-input.ts';
import { compileMetadataMatcher } from '../../matcher/metadata-matcher.ts';
import { barePath, compilePathTemplate } from '../../matcher/path-template.ts';
import { compilePathMatcher } from '../../matcher/path-escapes.ts';
import { compileStringMatcher } from '../../matcher/string-matcher.ts';
import { readStringField } from '../../route/single-field.ts';
import { allOf, anyOf, type Duplicates, opposite } from './combine.ts';
import { type Demand, demandsOfAll, demandsOfAny, headerDemand, textDemand } from './demand.ts';

const TEMPLATE_TYPE = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

export function compilePermission(
  permission: Permission,
  field: string,
  duplicates: Duplicates,
  depth = 0,
): RequestPredicate {
  if (depth > MAX_MATCHER_DEPTH)
    throw new ConfigError('proxy.field-invalid', field, `nests deeper than ${MAX_MATCHER_DEPTH} levels`);
  const { rule } = permission;
  switch (rule.case) {
    case 'any':
      return () => true;
    case 'andRules':
      return allOf(
        rule.value.rules.map((inner, i) => compilePermission(inner, `${field}.and_rules[${i}]`, duplicates, depth + 1)),
      );
    case 'orRules':
      return anyOf(
        rule.value.rules.map((inner, i) => compilePermission(inner, `${field}.or_rules[${i}]`, duplicates, depth + 1)),
      );
    case 'notRule': {
      const inner = compilePermission(rule.value, `${field}.not_rule`, opposite(duplicates), depth + 1);
      return (input) => !inner(input);
    }
    case 'header': {
      const header = compileHeaderMatcher(rule.value, `${field}.header`, duplicates);
      return (input) => header(input.head);
    }
    case 'urlPath': {
      if (rule.value.rule.case !== 'path') throw new ConfigError('proxy.field-required', `${field}.url_path.path`);
      const path = compilePathMatcher(rule.value.rule.value, `${field}.url_path.path`);
      return (input) => input.head.path !== '' && path(barePath(input.head.path));
    }
    case 'uriTemplate': {
      const config = rule.value.typedConfig;
      if (config === undefined || !config.typeUrl.endsWith(TEMPLATE_TYPE))
        throw new ConfigError('proxy.unknown-extension', `${field}.uri_template`, config?.typeUrl ?? '');
      const template = compilePathTemplate(readStringField(config.value), `${field}.uri_template`);
      return (input) => template.matches(barePath(input.head.path));
    }
    case 'destinationIp': {
      const range = compileCidr(rule.value, `${field}.destination_ip`);
      return (input) => range(input.connection.localAddress);
    }
    case 'destinationPort': {
      const port = rule.value;
      return (input) => input.connection.localPort === port;
    }
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return (input) => input.connection.localPort >= start && input.connection.localPort < end;
    }
    case 'metadata': {
      const metadata = compileMetadataMatcher(rule.value, `${field}.metadata`);
      return (input) => metadata(input.record.metadata);
    }
    case 'requestedServerName': {
      const name = compileStringMatcher(rule.value, `${field}.requested_server_name`);
      return (input) => name(input.connection.sni);
    }
    case 'matcher':
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.matcher`,
        `"${rule.value.name}" is not a matcher of this proxy; a policy is never applied without one of its conditions`,
      );
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.rule`);
  }
}

/** What a request needs for this permission to hold. */
export function permissionDemands(permission: Permission): readonly Demand[] {
  const { rule } = permission;
  switch (rule.case) {
    case 'urlPath':
      return rule.value.rule.case === 'path' ? textDemand('path', rule.value.rule.value) : [];
    case 'header':
      return headerDemand(rule.value);
    case 'andRules':
      return demandsOfAll(rule.value.rules.map(permissionDemands));
    case 'orRules':
      return demandsOfAny(rule.value.rules.map(permissionDemands));
    default:
      return [];
  }
}
