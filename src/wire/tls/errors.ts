// Every way in which TLS bytes, DER or PEM can be wrong: code, message, remedy.

const TABLE = {
  der_truncated: ['the DER ends inside an element', 'send the whole file or message'],
  der_trailing: ['bytes follow the outermost DER element', 'send exactly one element'],
  der_not_canonical: [
    'not DER: a length, number, string or flag is not in its one allowed form',
    'encode as DER, not BER',
  ],
  der_unexpected_tag: [
    'an element has another type than the standard says',
    'check that this is the right kind of file',
  ],
  der_too_large: ['more bytes or elements than the limit', 'split it, or remove what is not needed'],
  der_bad_time: [
    'a time is not UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5',
    'encode times with seconds and Z',
  ],
  der_bad_oid: ['an object identifier is malformed', 'encode it as X.690 §8.19 says'],
  certificate_version: ['only X.509 version 3 carries a subject alternative name', 'issue a version 3 certificate'],
  certificate_duplicate_extension: [
    'an extension occurs twice (RFC 5280 §4.2)',
    'issue the certificate with each extension once',
  ],
  certificate_algorithm_mismatch: [
    'the inner and outer signature algorithms differ (RFC 5280 §4.1.1.2)',
    'issue the certificate again',
  ],
  certificate_bad_serial: [
    'the serial number is not a non-negative integer of at most 20 bytes (RFC 5280 §4.1.2.2)',
    'issue the certificate with a proper serial',
  ],
  san_bad_character: [
    'a subject alternative name contains NUL or another character outside visible ASCII',
    'issue the certificate with proper names',
  ],
  san_bad_address: [
    'an IP subject alternative name is neither 4 nor 16 bytes',
    'issue the certificate with proper addresses',
  ],
  pem_malformed: [
    'the PEM text has a block without end, or bytes that are not base64',
    'check the file for missing or merged lines',
  ],
  pem_missing: ['the PEM text has no block of the wanted kind', 'check that this is the right file'],
} as const satisfies Record<string, readonly [message: string, remedy: string]>;

export type TlsBytesErrorCode = keyof typeof TABLE;

/** Thrown by the readers of this folder; the exported parse functions turn it into a result. */
export class TlsBytesError extends Error {
  readonly code: TlsBytesErrorCode;
  readonly remedy: string;

  constructor(code: TlsBytesErrorCode, where = '') {
    const [message, remedy] = TABLE[code];
    super(where === '' ? message : `${where}: ${message}`);
    this.name = 'TlsBytesError';
    this.code = code;
    this.remedy = remedy;
  }
}
