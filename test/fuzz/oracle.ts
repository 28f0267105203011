// A second opinion on HTTP/1.1 that nobody here wrote: Node's own parser, strict. What we send must be to it what it was to us.
import { createRequire } from 'node:module';

interface NodeParser {
  initialize(kind: number, resource: object): void;
  execute(data: Buffer): number | Error;
  finish(): number | Error | undefined;
  /** Nobody collects one that was not closed. */
  close(): void;
  [slot: number]: unknown;
}
interface ParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: ParserClass;
  methods: readonly string[];
};
export const KNOWN_METHODS: ReadonlySet<string> = new Set(methods);

export interface Message {
  method: string;
  url: string;
  status: number;
  /** Lower-case name, value. */
  readonly fields: (readonly [string, string])[];
  readonly body: Buffer[];
  complete: boolean;
}

export interface Opinion {
  readonly messages: readonly Message[];
  /** Undefined when all bytes were taken. */
  readonly error: string | undefined;
}

/** `bodiless`: the response is to HEAD. */
export function parseWith(kind: 'request' | 'response', bytes: Buffer, ended: boolean, bodiless = false): Opinion {
  const parser = new HTTPParser();
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {});
  const messages: Message[] = [];
  let early: string[] = [];
  let url = '';
  let inBody = false;
  const add = (flat: readonly string[]): void => {
    const message = messages.at(-1);
    for (let i = 0; i + 1 < flat.length; i += 2)
      message?.fields.push([(flat[i] as string).toLowerCase(), flat[i + 1] as string]);
  };
  parser[HTTPParser.kOnHeaders] = (flat: string[], at: string): void => {
    // Trailers come here as well: they are no fields of the head.
    if (!inBody) early.push(...flat);
    url += at;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    flat: string[] | undefined,
    method: number,
    at: string | undefined,
    status: number,
    _reason: string,
    upgrade: boolean,
  ): number => {
    messages.push({ method: methods[method] ?? '', url: at ?? url, status, fields: [], body: [], complete: false });
    add(flat ?? early);
    early = [];
    url = '';
    inBody = true;
    if (upgrade) return 2;
    return bodiless ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (data: Buffer): void => void messages.at(-1)?.body.push(Buffer.from(data));
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    const message = messages.at(-1);
    if (message !== undefined) message.complete = true;
    inBody = false;
  };
  const error = take(parser, bytes, ended);
  parser.close();
  return { messages, error };
}

function take(parser: NodeParser, bytes: Buffer, ended: boolean): string | undefined {
  const done = parser.execute(bytes);
  if (done instanceof Error) return done.message;
  const end = ended ? parser.finish() : undefined;
  if (end instanceof Error) return end.message;
  return done === bytes.length ? undefined : `${bytes.length - done} bytes are left`;
}
