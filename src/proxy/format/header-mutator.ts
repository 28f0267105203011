// Applies HeaderValueOption lists and removals to a head; values are compiled formats, pseudo headers are the head's own fields.

import type { HeaderValueOption } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { ConfigError } from '../errors.ts';
import type { FormatContext } from './format-context.ts';
import { compileTextFormat, type TextFormat } from './text-format.ts';

export type Mutation =
  | { readonly kind: 'remove'; readonly name: string }
  | {
      readonly kind: 'add';
      readonly name: string;
      readonly lower: string;
      readonly value: TextFormat;
      readonly action: Action;
      readonly keepEmpty: boolean;
    };

export type Action = 'append' | 'add-if-absent' | 'overwrite-or-add' | 'overwrite-if-present';

/** By the numbers of HeaderAppendAction. */
const ACTIONS: readonly Action[] = ['append', 'add-if-absent', 'overwrite-or-add', 'overwrite-if-present'];

/** Removals first, then additions in order, as Envoy's HeaderParser does. */
export function compileHeaderOptions(
  add: readonly HeaderValueOption[],
  remove: readonly string[],
  field: string,
): readonly Mutation[] {
  const mutations: Mutation[] = remove.map((name) => compileRemoval(name, field));
  add.forEach((option, i) => mutations.push(compileAddition(option, `${field}[${i}]`)));
  return mutations;
}

export function compileRemoval(name: string, field: string): Mutation {
  const lower = name.toLowerCase();
  if (lower.startsWith(':') || lower === 'host')
    throw new ConfigError(
      'proxy.field-invalid',
      field,
      `"${name}" cannot be removed: pseudo headers and host must stay`,
    );
  return { kind: 'remove', name: lower };
}

export function compileAddition(option: HeaderValueOption, field: string): Mutation {
  const name = option.header?.key ?? '';
  if (name === '') throw new ConfigError('proxy.field-required', `${field}.header.key`);
  const raw = option.header?.rawValue;
  const text =
    raw !== undefined && raw.length > 0
      ? Buffer.from(raw).toString('latin1')
      : Buffer.from(option.header?.value ?? '', 'utf8').toString('latin1');
  if (/[\0\r\n]/.test(text) || !/^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
    throw new ConfigError('proxy.field-invalid', `${field}.header`, `"${name}" is no header that can be sent`);
  return {
    kind: 'add',
    name,
    lower: name.toLowerCase(),
    value: compileTextFormat(text, `${field}.header.value`, ''),
    action: actionOf(option),
    keepEmpty: option.keepEmptyValue,
  };
}

function actionOf(option: HeaderValueOption): Action {
  // The deprecated `append` wins where it is set, as in Envoy.
  if (option.append !== undefined) return option.append ? 'append' : 'overwrite-or-add';
  return ACTIONS[option.appendAction] ?? 'append';
}

/** `context` is called only when a value has operators. */
export function mutateRequest(mutations: readonly Mutation[], head: RequestHead, context: () => FormatContext): void {
  for (const mutation of mutations) {
    if (mutation.kind === 'add' && (mutation.lower.startsWith(':') || mutation.lower === 'host')) {
      const value = valueOf(mutation, context);
      if (value !== '') setPseudo(head, mutation.lower, value);
    } else mutateBlock(mutation, head.headers, context);
  }
}

export function mutateResponse(mutations: readonly Mutation[], head: ResponseHead, context: () => FormatContext): void {
  for (const mutation of mutations) {
    if (mutation.kind === 'add' && mutation.lower === ':status') {
      const status = Number(valueOf(mutation, context));
      if (Number.isInteger(status) && status >= 200 && status < 600) head.status = status;
    } else mutateBlock(mutation, head.headers, context);
  }
}

function mutateBlock(mutation: Mutation, headers: HeaderBlock, context: () => FormatContext): void {
  if (mutation.kind === 'remove') {
    headers.remove(mutation.name);
    return;
  }
  const value = valueOf(mutation, context);
  if (value === '' && !mutation.keepEmpty) return;
  switch (mutation.action) {
    case 'append':
      headers.push(mutation.lower, mutation.name, value);
      return;
    case 'add-if-absent':
      if (!headers.has(mutation.lower)) headers.push(mutation.lower, mutation.name, value);
      return;
    case 'overwrite-or-add':
      headers.set(mutation.name, value);
      return;
    case 'overwrite-if-present':
      if (headers.has(mutation.lower)) headers.set(mutation.name, value);
  }
}

function valueOf(mutation: Extract<Mutation, { kind: 'add' }>, context: () => FormatContext): string {
  if (mutation.value.literal !== undefined) return mutation.value.literal;
  const value = toLatin1(mutation.value.format(context()));
  // What operators read (SNI, metadata, claims) must not be able to end the header line.
  return value.replace(/[\0\r\n]/g, '');
}

function setPseudo(head: RequestHead, name: string, value: string): void {
  // A blank would end the request line's part, or be another request to somebody behind.
  if (/[\u0000-\u0020\u007f]/.test(value)) return;
  if (name === ':authority' || name === 'host') head.authority = value;
  else if (name === ':path') head.path = value;
  else if (name === ':method') head.method = value;
  else if (name === ':scheme' && (value === 'http' || value === 'https')) head.scheme = value;
}

/** Header blocks carry bytes as latin1; other characters become their UTF-8 bytes. */
function toLatin1(value: string): string {
  for (let i = 0; i < value.length; i++)
    if (value.charCodeAt(i) > 0xff) return Buffer.from(value, 'utf8').toString('latin1');
  return value;
}
