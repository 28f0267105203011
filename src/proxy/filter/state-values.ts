// Compiles FilterStateValue lists, which the HTTP and the network filter set_filter_state share.

import type { FilterStateValue } from '#proto/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { ConfigError } from '../errors.ts';
import { compileSubstitutionFormat, type SubstitutionFormat } from '../format/index.ts';

export interface StateValue {
  readonly key: string;
  readonly format: SubstitutionFormat;
  /** Passed on to upstream connections. */
  readonly shared: boolean;
  readonly readOnly: boolean;
  readonly skipIfEmpty: boolean;
}

export function compileStateValues(values: readonly FilterStateValue[], field: string): readonly StateValue[] {
  return values.map((value, i) => {
    const at = `${field}[${i}]`;
    if (value.key.case === undefined) throw new ConfigError('proxy.field-required', `${at}.object_key`);
    if (value.value.case === undefined) throw new ConfigError('proxy.field-required', `${at}.format_string`);
    return {
      key: value.key.value,
      format: compileSubstitutionFormat(value.value.value, `${at}.format_string`),
      shared: value.sharedWithUpstream !== 0,
      readOnly: value.readOnly,
      skipIfEmpty: value.skipIfEmpty,
    };
  });
}
