// Compiles envoy.config.core.v3.SubstitutionFormatString, and the format that Envoy logs with when none is given.

import type { Draft } from '#base';
import type { SubstitutionFormatString } from '#proto/envoy/config/core/v3/substitution_format_string_pb.ts';
import { ConfigError } from '../errors.ts';
import type { FormatContext } from './format-context.ts';
import { compileJsonFormat } from './json-format.ts';
import { logText } from './log-text.ts';
import { compileTextFormat } from './text-format.ts';

export interface SubstitutionFormat {
  readonly contentType: string;
  /** JSON ends with a line feed, text as it was written. */
  format(context: FormatContext): string;
  /** Adds the same text to `out`; false where it is not all ASCII: some of it is there then. */
  put(context: FormatContext, out: Draft): boolean;
}

export const DEFAULT_ACCESS_LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ' +
  '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

export function compileSubstitutionFormat(config: SubstitutionFormatString, field: string): SubstitutionFormat {
  const { format } = config;
  switch (format.case) {
    case 'textFormat':
      return textFormat(format.value, config, `${field}.text_format`);
    case 'textFormatSource': {
      const source = format.value.specifier;
      if (source.case === 'inlineString') return textFormat(source.value, config, `${field}.text_format_source`);
      if (source.case === 'inlineBytes')
        return textFormat(Buffer.from(source.value).toString('utf8'), config, `${field}.text_format_source`);
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.text_format_source`,
        'only inline_string and inline_bytes are read',
      );
    }
    case 'jsonFormat': {
      const json = compileJsonFormat(format.value, `${field}.json_format`, config.omitEmptyValues);
      return {
        contentType: config.contentType || 'application/json; charset=UTF-8',
        format: (context) => `${json(context)}\n`,
        put: (context, out) => out.ascii(json(context)) && out.ascii('\n'),
      };
    }
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.format`);
  }
}

function textFormat(text: string, config: SubstitutionFormatString, field: string): SubstitutionFormat {
  return {
    ...logFormat(text, field, config.omitEmptyValues ? '' : '-'),
    contentType: config.contentType || 'text/plain',
  };
}

/** A line of text as an access log has it. */
export function logFormat(text: string, field: string, missing: '-' | ''): Pick<SubstitutionFormat, 'format' | 'put'> {
  const compiled = compileTextFormat(text, field, missing, true);
  return { format: (context) => logText(compiled.format(context)), put: compiled.put };
}
