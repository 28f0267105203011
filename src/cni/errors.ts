// What can go wrong in the CNI plugin, with the codes of the CNI specification (1.0, section 4, "Error").

export const CNI_CODES = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  invalidConfig: 7,
  tryAgain: 11,
  /** Ours, from here on: the specification leaves 100 and more to plugins. */
  badAnnotation: 100,
  rulesRefused: 101,
  notCaptured: 102,
} as const;

export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: keyof typeof CNI_CODES, message: string, details = '') {
    super(message);
    this.code = CNI_CODES[code];
    this.details = details;
  }
}
