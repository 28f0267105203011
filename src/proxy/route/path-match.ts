// Compiles the path part of a RouteMatch. The query never takes part; only prefix, path and path_separated_prefix can ignore case.

import type { RouteMatch } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import type { RequestHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import type { StringPredicate } from '../matcher/match-input.ts';
import { compilePathTemplate, type PathTemplate } from '../matcher/path-template.ts';
import { compileRegex } from '../matcher/regex.ts';
import { eitherOf, regexSpellingsOf, type Spellings, spellingsOf } from '../matcher/path-escapes.ts';
import type { PathRule } from './compiled.ts';
import { readStringField } from './single-field.ts';

export interface CompiledPath {
  readonly rule: PathRule;
  readonly ignoreCase: boolean;
  readonly template: PathTemplate | undefined;
  /** Of `rule.value`, where that is a literal: a path that matches is, or begins with, one of them. */
  readonly spellings: Spellings;
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
      const [regex, canonical] = regexSpellingsOf(specifier.value.regex).map((source) =>
        compileRegex(source, `${field}.safe_regex`),
      );
      if (regex === undefined) throw new ConfigError('proxy.field-required', `${field}.safe_regex`);
      const matches = eitherOf(regex.matches.bind(regex), canonical?.matches.bind(canonical));
      return {
        rule: { kind: 'regex', value: regex.source },
        ignoreCase: false,
        template: undefined,
        spellings: [regex.source],
        matches: (path, head) => head.path !== '' && matches(path),
      };
    }
    case 'connectMatcher':
      return {
        rule: { kind: 'connect', value: '' },
        ignoreCase: false,
        template: undefined,
        spellings: [''],
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
        spellings: [template.source],
        matches: (path, head) => head.path !== '' && template.matches(path),
      };
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.path_specifier`);
  }
}

function prefixPath(value: string, ignoreCase: boolean): CompiledPath {
  const spellings = spellingsOf(value);
  const [written, canonical] = spellings.map((spelling) => {
    const want = ignoreCase ? spelling.toLowerCase() : spelling;
    return ignoreCase
      ? (path: string): boolean => path !== '' && path.slice(0, want.length).toLowerCase() === want
      : (path: string): boolean => path !== '' && path.startsWith(want);
  });
  const matches = eitherOf(written as StringPredicate, canonical);
  return { rule: { kind: 'prefix', value }, ignoreCase, template: undefined, spellings, matches };
}

function exactPath(value: string, ignoreCase: boolean): CompiledPath {
  const spellings = spellingsOf(value);
  const [written, canonical] = spellings.map((spelling) => {
    const want = ignoreCase ? spelling.toLowerCase() : spelling;
    return ignoreCase
      ? (path: string): boolean => path.length === want.length && path.toLowerCase() === want
      : (path: string): boolean => path === want;
  });
  const isOne = eitherOf(written as StringPredicate, canonical);
  const matches = (path: string, head: RequestHead): boolean => head.path !== '' && isOne(path);
  return { rule: { kind: 'exact', value }, ignoreCase, template: undefined, spellings, matches };
}

function separatedPath(value: string, ignoreCase: boolean, field: string): CompiledPath {
  if (!value.startsWith('/') || value.endsWith('/') || /[?#]/.test(value)) {
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.path_separated_prefix`,
      `"${value}" must begin with "/", not end with it, and have no query or fragment`,
    );
  }
  const whole = exactPath(value, ignoreCase);
  const below = prefixPath(`${value}/`, ignoreCase);
  const matches = (path: string, head: RequestHead): boolean => whole.matches(path, head) || below.matches(path, head);
  return { ...whole, rule: { kind: 'separated-prefix', value }, matches };
}
