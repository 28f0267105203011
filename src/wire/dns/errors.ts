// Every way in which a DNS message can be wrong: code, message, remedy.

const TABLE = {
  dns_truncated: ['the message ends inside a field', 'send whole messages; over TCP, check the length in front'],
  dns_label: [
    'a label is longer than 63 bytes or of an unknown kind (RFC 1035 §4.1.4)',
    'send plain or compressed labels',
  ],
  dns_name_too_long: ['a name is longer than 255 bytes (RFC 1035 §2.3.4)', 'shorten the name'],
  dns_pointer: ['a compression pointer does not point backwards (RFC 1035 §4.1.4)', 'point to a prior occurrence only'],
  dns_questions: ['the message has not exactly one question (RFC 9619)', 'ask one question a message'],
  dns_too_many_records: ['the message claims more records than it can hold', "check the header's counts"],
  dns_address: ['an address record is not 4 or 16 bytes', "check the record's data"],
} as const satisfies Record<string, readonly [message: string, remedy: string]>;

export type DnsErrorCode = keyof typeof TABLE;

export class DnsError extends Error {
  readonly code: DnsErrorCode;
  readonly remedy: string;

  constructor(code: DnsErrorCode, where = '') {
    const [message, remedy] = TABLE[code];
    super(where === '' ? message : `${where}: ${message}`);
    this.name = 'DnsError';
    this.code = code;
    this.remedy = remedy;
  }
}
