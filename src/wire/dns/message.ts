// DNS messages (RFC 1035 §4, EDNS of RFC 6891): header, one question, records; addresses and aliases are read, other data stays bytes.
import { DnsError } from './errors.ts';
import { QUESTIONS_MAX, RECORDS_MAX, UDP_MESSAGE_BYTES, UDP_MESSAGE_BYTES_MAX } from './limits.ts';
import { readName, writeName } from './name.ts';

export const DNS_TYPE = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, OPT: 41, SVCB: 64, HTTPS: 65, ANY: 255 } as const;
export const DNS_CLASS_IN = 1;
export const DNS_CODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export interface DnsQuestion {
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** A and AAAA: 4 or 16 bytes; CNAME: an uncompressed name; else as they came. */
  readonly data: Uint8Array;
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly code: number;
  readonly question: DnsQuestion;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

const HEADER_BYTES = 12;

/** Throws a DnsError. Bytes after the last record are ignored, as by every resolver. */
export function parseDns(bytes: Uint8Array): DnsMessage {
  const { view, counts } = readHeader(bytes);
  const [questions = 0, answers = 0, authorities = 0, additionals = 0] = counts;
  if (questions !== QUESTIONS_MAX) throw new DnsError('dns_questions');
  if (answers + authorities + additionals > RECORDS_MAX) throw new DnsError('dns_too_many_records');
  const { question, end } = readQuestion(bytes, view);
  const cursor = { at: end };
  const flags = view.getUint16(2);
  return {
    id: view.getUint16(0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    code: flags & 15,
    question,
    answers: readRecords(bytes, view, cursor, answers),
    authorities: readRecords(bytes, view, cursor, authorities),
    additionals: readRecords(bytes, view, cursor, additionals),
  };
}

export function writeDns(message: DnsMessage): Uint8Array {
  const { question, answers, authorities, additionals } = message;
  const name = writeName(question.name);
  const parts: Uint8Array[] = [
    new Uint8Array(HEADER_BYTES),
    name,
    Uint8Array.of(question.type >> 8, question.type & 255, question.class >> 8, question.class & 255),
  ];
  for (const record of [...answers, ...authorities, ...additionals]) writeRecord(parts, record, question.name);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  const view = new DataView(out.buffer);
  view.setUint16(0, message.id);
  view.setUint16(2, flagsOf(message));
  for (const [i, count] of [1, answers.length, authorities.length, additionals.length].entries())
    view.setUint16(4 + 2 * i, count);
  return out;
}

/** Whether a reply is one to this query: same id and same question (RFC 5452 §9.1). */
export function repliesTo(query: DnsMessage, reply: DnsMessage): boolean {
  const [a, b] = [query.question, reply.question];
  return reply.response && reply.id === query.id && a.name === b.name && a.type === b.type && a.class === b.class;
}

/** Bytes that a client takes over UDP: what its OPT record says, within bounds. */
export function udpSize(query: DnsMessage): number {
  const opt = query.additionals.find((record) => record.type === DNS_TYPE.OPT);
  return opt === undefined
    ? UDP_MESSAGE_BYTES
    : Math.min(UDP_MESSAGE_BYTES_MAX, Math.max(UDP_MESSAGE_BYTES, opt.class));
}

/** The text of an IPv4 address, or undefined for what is none. */
export function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

export function ipv6Bytes(text: string): Uint8Array | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [words(head), words(tail ?? '')];
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...front, ...Array<string>(missing).fill('0'), ...back];
  if (!all.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  return Uint8Array.from(all.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]));
}

function readHeader(bytes: Uint8Array): { view: DataView; counts: readonly number[] } {
  if (bytes.length < HEADER_BYTES) throw new DnsError('dns_truncated', 'header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { view, counts: [4, 6, 8, 10].map((at) => view.getUint16(at)) };
}

function readQuestion(bytes: Uint8Array, view: DataView): { question: DnsQuestion; end: number } {
  const { text, end } = readName(bytes, HEADER_BYTES);
  if (end + 4 > bytes.length) throw new DnsError('dns_truncated', 'question');
  return { question: { name: text, type: view.getUint16(end), class: view.getUint16(end + 2) }, end: end + 4 };
}

function readRecords(bytes: Uint8Array, view: DataView, cursor: { at: number }, count: number): readonly DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < count; i++) {
    const { text, end } = readName(bytes, cursor.at);
    if (end + 10 > bytes.length) throw new DnsError('dns_truncated', 'record');
    const type = view.getUint16(end);
    const start = end + 10;
    const stop = start + view.getUint16(end + 8);
    if (stop > bytes.length) throw new DnsError('dns_truncated', 'record');
    let data = bytes.slice(start, stop);
    if ((type === DNS_TYPE.A && data.length !== 4) || (type === DNS_TYPE.AAAA && data.length !== 16))
      throw new DnsError('dns_address');
    if (type === DNS_TYPE.CNAME) data = writeName(readName(bytes, start).text).slice();
    records.push({ name: text, type, class: view.getUint16(end + 2), ttl: view.getUint32(end + 4), data });
    cursor.at = stop;
  }
  return records;
}

function writeRecord(parts: Uint8Array[], record: DnsRecord, asked: string): void {
  // The one compression that is worth it: most records are about the question's name, which stands at byte 12.
  parts.push(record.name === asked && asked !== '' ? Uint8Array.of(0xc0, HEADER_BYTES) : writeName(record.name));
  const fixed = new Uint8Array(10);
  const view = new DataView(fixed.buffer);
  view.setUint16(0, record.type);
  view.setUint16(2, record.class);
  view.setUint32(4, record.ttl);
  view.setUint16(8, record.data.length);
  parts.push(fixed, record.data);
}

function flagsOf(m: DnsMessage): number {
  const bit = (on: boolean, value: number): number => (on ? value : 0);
  return (
    bit(m.response, 0x8000) |
    ((m.opcode & 15) << 11) |
    bit(m.authoritative, 0x0400) |
    bit(m.truncated, 0x0200) |
    bit(m.recursionDesired, 0x0100) |
    bit(m.recursionAvailable, 0x0080) |
    (m.code & 15)
  );
}
