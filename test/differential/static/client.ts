// Sends one request and tells what came back, line by line.
import { connect as connectH2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { Ask, Protocol } from './model.ts';
import { MessageReader } from './message-reader.ts';

/** Nothing here waits for time; this ends what hangs, which is a difference by itself. */
const PATIENCE_MS = 20_000;

export interface Answer {
  /** A status, or how it ended without one. */
  readonly status: string;
  /** `name: value` as they came. */
  readonly lines: readonly string[];
  readonly body: string;
}

export function send(protocol: Protocol, port: number, ask: Ask, id: string): Promise<Answer> {
  return protocol === 'h1' ? sendH1(port, ask, id) : sendH2(port, ask, id);
}

function sendH1(port: number, ask: Ask, id: string): Promise<Answer> {
  return new Promise((resolve) => {
    const reader = new MessageReader('answer');
    reader.method = ask.method;
    const socket = connect({ host: '127.0.0.1', port, localAddress: ask.from ?? '127.0.0.1' });
    const done = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done({ status: 'hangs', lines: [], body: reader.rest }), PATIENCE_MS);
    const take = (message: { start: string; lines: readonly string[]; body: string } | undefined): void => {
      if (message !== undefined)
        done({ status: message.start.split(' ')[1] ?? '', lines: message.lines, body: message.body });
    };
    socket.on('data', (data) => reader.push(data).forEach(take));
    socket.on('error', () => {});
    socket.on('close', () => {
      take(reader.end());
      done({ status: 'closed', lines: [], body: reader.rest.split('\r\n\r\n')[1] ?? '' });
    });
    const lines = [...ask.headers, ['x-case', id]].map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const length = ask.body === '' ? '' : `content-length: ${ask.body.length}\r\n`;
    socket.write(`${ask.method} ${ask.target} HTTP/1.1\r\n${lines}${length}\r\n${ask.body}`);
  });
}

function sendH2(port: number, ask: Ask, id: string): Promise<Answer> {
  return new Promise((resolve) => {
    const createConnection = (): Socket => connect({ host: '127.0.0.1', port, localAddress: ask.from ?? '127.0.0.1' });
    const session = connectH2('http://both', { createConnection });
    let answer: Answer = { status: 'closed', lines: [], body: '' };
    const done = (): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      answer = { status: 'hangs', lines: [], body: '' };
      done();
    }, PATIENCE_MS);
    session.on('error', done);
    const headers: Record<string, string | string[]> = {
      ':method': ask.method,
      ':path': ask.target,
      ':scheme': 'http',
    };
    for (const [name, value] of [...ask.headers, ['x-case', id] as const]) {
      if (name === 'proxy-connection' || name === 'te') continue;
      const key = name === 'host' ? ':authority' : name;
      const had = headers[key];
      headers[key] = had === undefined ? value.trim() : [...(Array.isArray(had) ? had : [had]), value.trim()];
    }
    const stream = session.request(headers, { endStream: ask.body === '' });
    stream.on('response', (got, _flags, raw) => {
      const lines: string[] = [];
      for (let i = 0; i + 1 < raw.length; i += 2) if (!raw[i]?.startsWith(':')) lines.push(`${raw[i]}: ${raw[i + 1]}`);
      answer = { status: String(got[':status']), lines, body: '' };
    });
    stream.on('data', (data: Buffer) => (answer = { ...answer, body: answer.body + data.toString('latin1') }));
    stream.on('error', () => {});
    stream.on('close', done);
    if (ask.body !== '') stream.end(ask.body);
  });
}
