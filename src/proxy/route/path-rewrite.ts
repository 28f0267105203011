// Path rewrites of forwarded and redirected requests: prefix_rewrite, regex_rewrite, uri_template; the query stays as it is.

import type { TypedExtensionConfig } from '#proto/envoy/config/core/v3/extension_pb.ts';
import type { RegexMatchAndSubstitute } from '#proto/envoy/type/matcher/v3/regex_pb.ts';
import { ConfigError } from '../errors.ts';
import { barePath, compileTemplateRewrite } from '../matcher/path-template.ts';
import { compileRegex, namesMissingGroup } from '../matcher/regex.ts';
import type { CompiledPath } from './path-match.ts';
import { readStringField } from './single-field.ts';

export type Rewrite = (text: string) => string;

const TEMPLATE_TYPE = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig';

export interface RewriteFields {
  readonly prefixRewrite: string;
  readonly regexRewrite?: RegexMatchAndSubstitute | undefined;
  readonly pathRewritePolicy?: TypedExtensionConfig | undefined;
}

/** Takes and gives path with query. Undefined when nothing is rewritten. */
export function compilePathRewrite(fields: RewriteFields, path: CompiledPath, field: string): Rewrite | undefined {
  const given = [
    fields.prefixRewrite !== '',
    fields.regexRewrite !== undefined,
    fields.pathRewritePolicy !== undefined,
  ].filter(Boolean).length;
  if (given > 1)
    throw new ConfigError(
      'proxy.field-invalid',
      field,
      'only one of prefix_rewrite, regex_rewrite and path_rewrite_policy can be given',
    );
  if (fields.prefixRewrite !== '') return keepQuery(compilePrefix(fields.prefixRewrite, path, field));
  if (fields.regexRewrite !== undefined)
    return keepQuery(compileSubstitute(fields.regexRewrite, `${field}.regex_rewrite`));
  if (fields.pathRewritePolicy === undefined) return undefined;
  const config = fields.pathRewritePolicy.typedConfig;
  if (config === undefined || !config.typeUrl.endsWith(TEMPLATE_TYPE))
    throw new ConfigError('proxy.unknown-extension', `${field}.path_rewrite_policy`, config?.typeUrl ?? '');
  if (path.template === undefined)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.path_rewrite_policy`,
      'a template rewrite needs a template match',
    );
  return keepQuery(
    compileTemplateRewrite(readStringField(config.value), path.template, `${field}.path_rewrite_policy`),
  );
}

function compilePrefix(rewrite: string, path: CompiledPath, field: string): Rewrite {
  const { kind, value } = path.rule;
  const [, canonical] = path.spellings;
  if (kind === 'prefix' || kind === 'separated-prefix') {
    if (canonical === undefined || canonical.length === value.length)
      return (text) => rewrite + text.slice(value.length);
    return (text) => rewrite + text.slice((beginsWith(text, value, path.ignoreCase) ? value : canonical).length);
  }
  if (kind === 'exact') return () => rewrite;
  // A pattern or template matches the whole path, so the whole path is its "prefix".
  if (kind === 'regex' || kind === 'template') return () => rewrite;
  throw new ConfigError('proxy.field-invalid', `${field}.prefix_rewrite`, 'a CONNECT match has no prefix to rewrite');
}

function beginsWith(text: string, prefix: string, ignoreCase: boolean): boolean {
  return ignoreCase ? text.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase() : text.startsWith(prefix);
}

export function compileSubstitute(config: RegexMatchAndSubstitute, field: string): Rewrite {
  if (config.pattern === undefined) throw new ConfigError('proxy.field-required', `${field}.pattern`);
  const regex = compileRegex(config.pattern.regex, `${field}.pattern`);
  const { substitution } = config;
  if (namesMissingGroup(config.pattern.regex, substitution)) return (text) => text;
  return (text) => regex.replaceAll(text, substitution);
}

function keepQuery(rewrite: Rewrite): Rewrite {
  return (path) => {
    const bare = barePath(path);
    return bare.length === path.length ? rewrite(path) : rewrite(bare) + path.slice(bare.length);
  };
}
