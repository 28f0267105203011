// Sends the corpus through the proxy to one server, with a tap between them that keeps what arrives.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPE } from '../floods/raw-h2.ts';
import { parseWith } from '../fuzz/oracle.ts';
import type { Entry } from './corpus.ts';

const EVIL = '/smuggled';

export class Tap {
  /** What arrived since the last look, one piece for each connection. */
  readonly #pieces = new Map<Socket, Buffer[]>();
  #answers = '';
  readonly #server: Server;

  constructor(port: number) {
    this.#server = createServer((down) => {
      const up = connect(port, '127.0.0.1');
      for (const socket of [down, up]) socket.on('error', () => {});
      down.on('data', (data) => {
        const pieces = this.#pieces.get(down) ?? [];
        pieces.push(data);
        this.#pieces.set(down, pieces);
        up.write(data);
      });
      up.on('data', (data) => {
        this.#answers += data.toString('latin1');
        down.write(data);
      });
      down.on('close', () => up.destroy());
      up.on('close', () => down.destroy());
      down.on('end', () => up.end());
      up.on('end', () => down.end());
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  take(): { readonly arrived: readonly Buffer[]; readonly answers: string } {
    const arrived = [...this.#pieces.values()].map((pieces) => Buffer.concat(pieces));
    const answers = this.#answers;
    this.#pieces.clear();
    this.#answers = '';
    return { arrived, answers };
  }

  close(): void {
    this.#server.close();
  }
}

/** Gives the bytes that arrived, and what is wrong with them. */
export async function play(
  entry: Entry,
  port: number,
  tap: Tap,
): Promise<{ readonly arrived: string; readonly complaints: readonly string[] }> {
  tap.take();
  const socket = connect(port, '127.0.0.1');
  let closed = false;
  let answer = '';
  let last = performance.now();
  socket.on('error', () => {});
  socket.on('close', () => void (closed = true));
  socket.on('data', (data) => {
    answer += data.toString('latin1');
    last = performance.now();
  });
  socket.write(entry.bytes);
  const wanted = entry.arrive?.length ?? 0;
  const answered = (): boolean => {
    if (entry.h2 === true) return wanted > 0 ? answer.includes('/entry\n') : hasVerdict(Buffer.from(answer, 'latin1'));
    return wanted > 0 && answer.split('HTTP/1.1 200').length > wanted;
  };
  const began = performance.now();
  // A refused one is closed or reset; others are answered.
  while (!closed && !answered() && performance.now() - began < 120_000) await sleep(5);
  while (!closed && performance.now() - last < 20) await sleep(5);
  socket.destroy();
  await sleep(5);
  const { arrived, answers } = tap.take();
  const complaints: string[] = [];
  const seen: string[] = [];
  for (const bytes of arrived) {
    const { messages, error } = parseWith('request', bytes, false);
    for (const message of messages) if (message.complete) seen.push(`${message.method} ${message.url}`);
    if (error !== undefined) complaints.push(`a strict reader does not take what arrived: ${error}`);
  }
  if (answers.includes(EVIL) || seen.some((line) => line.includes(EVIL)))
    complaints.push('the smuggled request arrived');
  if (seen.join() !== (entry.arrive ?? []).join())
    complaints.push(`arrived: ${seen.join(', ') || 'nothing'}; should be: ${entry.arrive?.join(', ') ?? 'nothing'}`);
  const probe = await ask(port);
  if (!probe.endsWith('GET /probe\n'))
    complaints.push(`the next request got another answer: ${JSON.stringify(probe.slice(0, 200))}`);
  tap.take();
  return { arrived: Buffer.concat(arrived).toString('latin1'), complaints };
}

/** A frame that answers or ends a stream, or the connection. */
function hasVerdict(bytes: Buffer): boolean {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if ([TYPE.HEADERS, TYPE.RST_STREAM, TYPE.GOAWAY].includes(bytes[at + 3] as 1 | 3 | 7)) return true;
  return false;
}

async function ask(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.write('GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  // Not by `once` of node:events, which a reset would reject.
  await new Promise((resolve) => socket.once('close', resolve));
  // Chunks of a server that sends them: only the body counts.
  return text.includes('GET /probe\n') ? 'GET /probe\n' : text;
}
