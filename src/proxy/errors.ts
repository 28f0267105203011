// Why configuration is refused: one table for the proxy, so that a NACK names the field, what was expected and the remedy.

export const CONFIG_ERRORS = {
  'proxy.field-required': { template: '{field} is required', remedy: 'Set it.' },
  'proxy.field-invalid': { template: '{field}: {reason}', remedy: 'Give a value that the field allows.' },
  'proxy.unsupported': {
    template: '{field} is not supported by this proxy: {reason}',
    remedy: 'Remove the field, or run this workload on Envoy.',
  },
  'proxy.unknown-extension': {
    template: '{field}: no extension has the type {reason}',
    remedy: 'Use one of the extensions that compatibility lists.',
  },
  'proxy.regex-illegal': {
    template: '{field}: not an RE2 pattern: {reason}',
    remedy: 'Use RE2 syntax: no lookaround, no back references, no large counted repeats.',
  },
  'proxy.regex-engine-missing': {
    template: '{field}: the pattern engine is not loaded yet',
    remedy: 'Await loadRegexEngine() and apply the configuration again.',
  },
  'proxy.format-illegal': {
    template: '{field}: {reason}',
    remedy: 'Use a command operator that the access log reference lists.',
  },
} as const;

export type ConfigErrorCode = keyof typeof CONFIG_ERRORS;

export class ConfigError extends Error {
  readonly code: ConfigErrorCode;
  readonly field: string;
  readonly reason: string;
  readonly remedy: string;

  constructor(code: ConfigErrorCode, field: string, reason = '') {
    const entry = CONFIG_ERRORS[code];
    super(entry.template.replace('{field}', () => field).replace('{reason}', () => reason));
    this.name = 'ConfigError';
    this.code = code;
    this.field = field;
    this.reason = reason;
    this.remedy = entry.remedy;
  }
}
