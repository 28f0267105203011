// A plugin's configuration as it stands in the filter (envoy.extensions.wasm.v3.PluginConfig), read once.

import { createHash } from 'node:crypto';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Logger } from '#base';
import type { PluginConfig } from '#proto/envoy/extensions/wasm/v3/wasm_pb.ts';
import { typeNameOf } from '../../../apply/decode.ts';
import { ConfigError } from '../../../errors.ts';
import type { FilterContext } from '../../../http/filter.ts';
import { millisOf } from '../../../matcher/fraction.ts';
import { WASM_LIMITS } from './limits.ts';
import type { PluginFacts } from './properties.ts';

export type OnFailure = 'closed' | 'open' | 'reload';

/** Where the code is; files and addresses are read by whoever runs the proxy. */
export type ModuleCode =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string; readonly sha256: string };

export interface PluginSettings {
  /** Equal for plugins that may be one. */
  readonly key: string;
  /** Equal for plugins that run in one machine. */
  readonly machineKey: string;
  readonly codeKey: string;
  readonly code: ModuleCode;
  readonly facts: PluginFacts;
  readonly onFailure: OnFailure;
  readonly configuration: Buffer;
  readonly vmConfiguration: Buffer;
  readonly environment: ReadonlyMap<string, string>;
  /** Bodies are shown to it while it holds a head. */
  readonly bodyBehindHead: boolean;
  readonly reloadFirstMs: number;
  readonly log: Logger;
}

/** By the numbers of FailurePolicy; UNSPECIFIED is FAIL_CLOSED. */
const POLICIES: readonly OnFailure[] = ['closed', 'reload', 'closed', 'open'];

export function readPlugin(config: PluginConfig | undefined, context: FilterContext, field: string): PluginSettings {
  const vm = config?.vm.value;
  if (config === undefined || vm === undefined)
    throw new ConfigError('proxy.field-required', `${field}.config.vm_config`);
  if (config.failOpen && config.failurePolicy !== 0)
    throw new ConfigError(
      'proxy.field-invalid',
      `${field}.config`,
      'only one of fail_open and failure_policy may be set',
    );
  const code = codeOf(vm.code, `${field}.config.vm_config.code`);
  const { self } = context;
  const environment = new Map<string, string>();
  for (const name of vm.environmentVariables?.hostEnvKeys ?? []) {
    const value = self.environment(name);
    if (value !== undefined) environment.set(name, value);
  }
  for (const [name, value] of Object.entries(vm.environmentVariables?.keyValues ?? {})) {
    if (environment.has(name) || vm.environmentVariables?.hostEnvKeys.includes(name) === true)
      throw new ConfigError(
        'proxy.field-invalid',
        `${field}.config.vm_config.environment_variables`,
        `sets ${name} twice`,
      );
    environment.set(name, value);
  }
  const configuration = bytesOf(config.configuration);
  const vmConfiguration = bytesOf(vm.configuration);
  const codeKey = code.kind === 'bytes' ? digest(code.bytes) : JSON.stringify(code);
  const machineKey = digest(JSON.stringify([vm.vmId, codeKey, vmConfiguration.toString('latin1'), [...environment]]));
  const onFailure = config.failOpen ? 'open' : (POLICIES[config.failurePolicy] ?? 'closed');
  return {
    key: digest(
      JSON.stringify([
        machineKey,
        config.name,
        config.rootId,
        configuration.toString('latin1'),
        onFailure,
        config.allowOnHeadersStopIteration,
      ]),
    ),
    machineKey,
    codeKey,
    code,
    facts: { name: config.name, rootId: config.rootId, vmId: vm.vmId, self, wallMs: () => context.clock.wallTime() },
    onFailure,
    configuration,
    vmConfiguration,
    environment,
    bodyBehindHead: config.allowOnHeadersStopIteration ?? false,
    reloadFirstMs: millisOf(config.reloadConfig?.backoff?.baseInterval) ?? WASM_LIMITS.reloadFirstMs,
    log: context.log.scope('wasm'),
  };
}

type Code = NonNullable<NonNullable<PluginConfig['vm']['value']>['code']>;

function codeOf(code: Code | undefined, field: string): ModuleCode {
  const specifier = code?.specifier;
  if (specifier?.case === 'remote') {
    const url = specifier.value.httpUri?.uri ?? '';
    if (url === '') throw new ConfigError('proxy.field-required', `${field}.remote.http_uri.uri`);
    return { kind: 'remote', url, sha256: specifier.value.sha256 };
  }
  const local = specifier?.case === 'local' ? specifier.value.specifier : undefined;
  switch (local?.case) {
    case 'inlineBytes':
      return { kind: 'bytes', bytes: local.value };
    case 'inlineString':
      return { kind: 'bytes', bytes: Buffer.from(local.value, 'utf8') };
    case 'filename':
      return { kind: 'file', path: local.value };
    default:
      throw new ConfigError('proxy.field-required', `${field}.local`);
  }
}

/** What a plugin reads of an Any: a wrapped text or bytes without the wrapping, anything else as it is. */
function bytesOf(any: Any | undefined): Buffer {
  if (any === undefined) return Buffer.alloc(0);
  const bytes = Buffer.from(any.value.buffer, any.value.byteOffset, any.value.byteLength);
  const name = typeNameOf(any.typeUrl);
  if (name !== 'google.protobuf.StringValue' && name !== 'google.protobuf.BytesValue') return bytes;
  // Field 1, length-delimited: all that such a message can hold.
  if (bytes[0] !== 0x0a) return Buffer.alloc(0);
  let size = 0;
  let at = 1;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++] ?? 0;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return bytes.subarray(at, at + size);
}

function digest(value: string | Uint8Array): string {
  return createHash('sha256').update(value).digest('base64url');
}
