// Compiles the path part of a RouteMatch. The query never takes part; only prefix, path and path_separated_prefix can ignore case.

import type { RouteMatch } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { RequestHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import { compilePathTemplate, type PathTemplate } from '../matcher/path-template.ts';
import { compileRegex } from '../matcher/regex.ts';
import type { PathRule } from './compiled.ts';
import { readStringField } from './single-field.ts';

export interface CompiledPath {
  readonly rule: PathRule;
  readonly ignoreCase: boolean;
  readonly template: PathTemplate | undefined;
  /** `path` is the path without query and fragment. */
  matches(path: string, head: RequestHead): boolean;
}

const TEMPLATE_TYPE = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

export function compilePath(match: RouteMatch, field: string): CompiledPath {
  const specifier = match.pathSpecifier;
  const ignoreCase = match.caseSensitive === false;
  switch (specifier.case) {
    case 'prefix':
      return prefixPath(specifier.value, ignoreCase);
    case 'path':
      return exactPath(specifier.value, ignoreCase);
    case 'pathSeparatedPrefix':
      return separatedPath(specifier.value, ignoreCase, field);
    case 'safeRegex': {
      const regex = compileRegex(specifier.value.regex, `${field}.safe_regex`);
      return {
        rule: { kind: 'regex', value: regex.source },
        ignoreCase: false,
        template: undefined,
        matches: (path, head) => head.path !== '' && regex.matches(path),
      };
    }
    case 'connectMatcher':
      return {
        rule: { kind: 'connect', value: '' },
        ignoreCase: false,
        template: undefined,
        matches: (_, head) => head.method === 'CONNECT',
      };
    case 'pathMatchPolicy': {
      const config = specifier.value.typedConfig;
      if (config === undefined || !config.typeUrl.endsWith(TEMPLATE_TYPE))
        throw new ConfigError('proxy.unknown-extension', `${field}.path_match_policy`, config?.typeUrl ?? '');
      const template = compilePathTemplate(readStringField(config.value), `${field}.path_match_policy.path_template`);
      return {
        rule: { kind: 'template', value: template.source },
        ignoreCase: false,
        template,
        matches: (path, head) => head.path !== '' && template.matches(path),
      };
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.path_specifier`);
  }
}

function prefixPath(value: string, ignoreCase: boolean): CompiledPath {
  const want = ignoreCase ? value.toLowerCase() : value;
  const matches = ignoreCase
    ? (path: string): boolean => path !== '' && path.slice(0, want.length).toLowerCase() === want
    : (path: string): boolean => path !== '' && path.startsWith(want);
  return { rule: { kind: 'prefix', value }, ignoreCase, template: undefined, matches };
}

function exactPath(value: string, ignoreCase: boolean): CompiledPath {
  const want = ignoreCase ? value.toLowerCase() : value;
  const matches = ignoreCase
    ? (path: string, head: RequestHead): boolean =>
        head.path !== '' && path.length === want.length && path.toLowerCase() === want
    : (path: string, head: RequestHead): boolean => head.path !== '' && path === want;
  return { rule: { kind: 'exact', value }, ignoreCase, template: undefined, matches };
}

function separatedPath(value: string, ignoreCase: boolean, field: string): CompiledPath {
  if (!value.startsWith('/') || value.endsWith('/') || /[?#]/.test(value)) {
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.path_separated_prefix`,
      `"${value}" must begin with "/", not end with it, and have no query or fragment`,
    );
  }
  const prefix = prefixPath(value, ignoreCase);
  const matches = (path: string, head: RequestHead): boolean =>
    prefix.matches(path, head) && (path.length === value.length || path.charCodeAt(value.length) === 0x2f);
  return { rule: { kind: 'separated-prefix', value }, ignoreCase, template: undefined, matches };
}
