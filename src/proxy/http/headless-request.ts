// What is told of a request whose head never came or could not be read: the access log's record of it, and the answer to
// one that took too long (Envoy: "request_header_timeout").
import { StreamRecord } from '#telemetry';
import type { ProxyServices } from '../services.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import { mapperFor } from './local-reply.ts';
import type { ReplyMapper } from './manager-config.ts';
import { RESCUES } from './rescue.ts';

const { status, details, body } = RESCUES['request-header-timeout'];

/** Over HTTP/1.1, where nothing else is under way on the connection. */
export const HEAD_TOO_LATE = `HTTP/1.1 ${status} Request Timeout\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
export const HEAD_TOO_LATE_TOLD = { status, details } as const;

export function headlessRecord(
  { clock }: Pick<ProxyServices, 'clock'>,
  facts: ConnectionFacts,
  told: { readonly status: number; readonly details: string },
): StreamRecord {
  const record = new StreamRecord();
  record.startMs = record.endMs = clock.now();
  record.startWallMs = clock.wallTime();
  record.responseCode = told.status;
  // A codec's word stands before the colon.
  record.responseCodeDetails = told.details.split(':', 1)[0] as string;
  facts.fill(record);
  return record;
}

/** What a mapper of local replies has to say with the codec's own answer. */
export function refusalBody(
  services: Pick<ProxyServices, 'clock'>,
  facts: ConnectionFacts,
  mappers: readonly ReplyMapper[],
  status: number,
  detail: string,
): string | undefined {
  if (mappers.length === 0) return undefined;
  return mapperFor(mappers, headlessRecord(services, facts, { status, details: detail }), status)?.body;
}
