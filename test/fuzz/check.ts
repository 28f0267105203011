// What must hold of a message that our codecs sent on: a strict parser reads one message, the same one, and nothing behind it.
import type { HeaderBlock } from '#wire/http';
import type { Seen, SeenResponse } from './forward.ts';
import { KNOWN_METHODS, type Message, parseWith } from './oracle.ts';

/** Fields that the codec writes itself. */
const OWN = new Set(['host', 'connection', 'upgrade', 'transfer-encoding', 'content-length']);

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

export function checkRequest(written: string, seen: Seen): void {
  const { messages, error } = parseWith('request', Buffer.from(written, 'latin1'), false);
  const tunnel = seen.head.protocol !== '' || seen.head.method === 'CONNECT';
  must(messages.length <= 1, `${messages.length} requests left for one that came`);
  const [message] = messages;
  if (message === undefined || !KNOWN_METHODS.has(seen.head.method)) return;
  if (!tunnel) must(!message.complete || error === undefined, `bytes follow the request that left: ${error}`);
  if (tunnel) return;
  must(message.method === seen.head.method, `method ${message.method}, came as ${seen.head.method}`);
  must(message.url === seen.head.path, `target ${message.url}, came as ${seen.head.path}`);
  checkFields(message, seen.head.headers);
  if (!seen.ended || seen.reset) return;
  must(message.complete, `the request ended and the one that left did not: ${error}`);
  must(Buffer.concat(message.body).equals(Buffer.concat(seen.body)), 'another body left than came');
}

export function checkResponse(written: string, seen: SeenResponse, head: boolean, closed: boolean): void {
  const { messages, error } = parseWith('response', Buffer.from(written, 'latin1'), closed, head);
  const final = messages.filter((one) => one.status >= 200);
  must(final.length <= 1, `${final.length} responses left for one that came`);
  const [message] = final;
  if (message === undefined || seen.head === undefined || seen.head.status === 101) return;
  must(message.status === seen.head.status, `status ${message.status}, came as ${seen.head.status}`);
  checkFields(message, seen.head.headers);
  if (!seen.ended || seen.reset) return;
  must(message.complete, `the response ended and the one that left did not: ${error}`);
  const noBody = head || seen.head.status === 204 || seen.head.status === 304;
  if (!noBody) must(Buffer.concat(message.body).equals(Buffer.concat(seen.body)), 'another body left than came');
}

function checkFields(message: Message, headers: HeaderBlock): void {
  const sent = message.fields.filter(([name]) => !OWN.has(name)).map(([name, value]) => `${name}: ${value}`);
  const came: string[] = [];
  for (let i = 0; i < headers.flat.length; i += 3)
    if (!OWN.has(headers.flat[i] as string)) came.push(`${headers.flat[i]}: ${headers.flat[i + 2]}`);
  must(sent.join('\n') === came.join('\n'), `fields ${JSON.stringify(sent)}, came as ${JSON.stringify(came)}`);
}
