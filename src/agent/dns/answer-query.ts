// What the mesh itself says to a DNS question: addresses of its names, or nothing, and then the host's resolvers are asked.
import type { Random } from '#base';
import { DNS_CLASS_IN, DNS_CODE, DNS_TYPE, type DnsMessage, type DnsRecord, writeName } from '#wire/dns';
import { DNS_LIMITS } from './limits.ts';
import type { MeshName, MeshNames } from './name-table.ts';

/** Undefined: not ours, ask further. */
export function answerQuery(
  query: DnsMessage,
  names: MeshNames,
  search: readonly string[],
  random: Random,
): DnsMessage | undefined {
  const { name, type } = query.question;
  if (query.question.class !== DNS_CLASS_IN) return undefined;
  const direct = names.find(name);
  const found = direct ?? findBehindSearch(name, names, search);
  if (found === undefined) return undefined;
  // What only the mesh knows has no other records; for the rest, hints of other ways in must not lead around the mesh.
  const hint = type === DNS_TYPE.HTTPS || type === DNS_TYPE.SVCB;
  if (!isAddress(type) && !hint && !found.ours) return undefined;
  const alias: DnsRecord[] = [];
  if (direct === undefined)
    alias.push({
      name,
      type: DNS_TYPE.CNAME,
      class: DNS_CLASS_IN,
      ttl: DNS_LIMITS.ttlSeconds,
      data: writeName(found.host),
    });
  return reply(query, DNS_CODE.noError, [
    ...alias,
    ...addresses(found, alias.length > 0 ? found.host : name, type, random),
  ]);
}

export function reply(query: DnsMessage, code: number, answers: readonly DnsRecord[] = []): DnsMessage {
  return {
    id: query.id,
    response: true,
    opcode: query.opcode,
    authoritative: answers.length > 0,
    truncated: false,
    recursionDesired: query.recursionDesired,
    recursionAvailable: true,
    code,
    question: query.question,
    answers,
    authorities: [],
    additionals: [],
  };
}

function isAddress(type: number): boolean {
  return type === DNS_TYPE.A || type === DNS_TYPE.AAAA || type === DNS_TYPE.ANY;
}

/** "reviews.corp.example" where the host's search list says "corp.example": the resolver tries that before "reviews". */
function findBehindSearch(name: string, names: MeshNames, search: readonly string[]): MeshName | undefined {
  for (const domain of search.slice(0, DNS_LIMITS.searchMax)) {
    const found = name.endsWith(`.${domain}`) ? names.find(name.slice(0, -domain.length - 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** In another order each time, as clients take the first. */
function addresses(found: MeshName, name: string, type: number, random: Random): readonly DnsRecord[] {
  const record = (kind: number, data: Uint8Array): DnsRecord => ({
    name,
    type: kind,
    class: DNS_CLASS_IN,
    ttl: DNS_LIMITS.ttlSeconds,
    data,
  });
  const records = [
    ...(type === DNS_TYPE.AAAA ? [] : found.v4.map((ip) => record(DNS_TYPE.A, ip))),
    ...(type === DNS_TYPE.A ? [] : found.v6.map((ip) => record(DNS_TYPE.AAAA, ip))),
  ];
  if (!isAddress(type)) return [];
  const first = records.length < 2 ? 0 : random.uint32() % records.length;
  return [...records.slice(first), ...records.slice(0, first)];
}
