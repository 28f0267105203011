// One wrapper per socket: shared listener functions call the handler's methods, so that no closure
// or emitter is made per event, and no request allocates anything here.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Conn, ConnError, ConnHandler, TlsFacts, TlsServerOptions, TlsServerResult } from '#base';
import { connErrorOf } from './conn-error.ts';
import { originalDestination } from './original-destination.ts';
import { startTlsServer } from './tls-server.ts';

const CONN = Symbol('conn');
type OwnedSocket = (Socket | TLSSocket) & { [CONN]: SocketConn };

let nextId = 1;

export class SocketConn implements Conn {
  readonly id = nextId++;
  handler: ConnHandler;
  tls: TlsFacts | undefined = undefined;
  readonly #socket: OwnedSocket;
  #error: ConnError | undefined = undefined;
  #closed = false;
  #released = false;
  #remoteAddress: string | undefined = undefined;
  #remotePort = 0;
  #localAddress: string | undefined = undefined;
  #localPort = 0;

  constructor(socket: Socket, handler: ConnHandler) {
    this.#socket = socket as OwnedSocket;
    this.#socket[CONN] = this;
    this.handler = handler;
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  /** Begins to deliver data, end and drain. Separate from the constructor: TLS facts must be there first. */
  open(): void {
    this.#socket.on('drain', onDrain);
    this.#socket.on('end', onEnd);
    this.#socket.on('data', onData);
  }

  get remoteAddress(): string {
    if (this.#remoteAddress === undefined || this.#remoteAddress === '') this.#readAddresses();
    return this.#remoteAddress as string;
  }
  get remotePort(): number {
    if (this.#remoteAddress === undefined || this.#remoteAddress === '') this.#readAddresses();
    return this.#remotePort;
  }
  get localAddress(): string {
    if (this.#localAddress === undefined || this.#localAddress === '') this.#readAddresses();
    return this.#localAddress as string;
  }
  get localPort(): number {
    if (this.#localAddress === undefined || this.#localAddress === '') this.#readAddresses();
    return this.#localPort;
  }
  get destroyed(): boolean {
    return this.#socket.destroyed;
  }
  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  write(data: Uint8Array): boolean {
    return this.#socket.write(data);
  }
  writeText(text: string): boolean {
    return this.#socket.write(text, 'latin1');
  }
  cork(): void {
    this.#socket.cork();
  }
  uncork(): void {
    this.#socket.uncork();
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
  end(): void {
    this.#socket.end();
  }
  destroy(reset?: boolean): void {
    if (reset === true) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }
  unread(data: Buffer): void {
    this.#socket.unshift(data);
  }
  originalDestination(): { readonly address: string; readonly port: number } | undefined {
    return originalDestination(this.#socket);
  }

  startTlsServer(options: TlsServerOptions, done: (result: TlsServerResult) => void): void {
    const socket = this.#socket;
    this.#released = true;
    socket.pause();
    for (const [name, listener] of LISTENERS) socket.off(name, listener);
    startTlsServer(socket, options, (result) => {
      if (!result.ok) return done(result);
      const conn = new SocketConn(result.socket, this.handler);
      conn.tls = result.facts;
      conn.#copyAddresses(this);
      done({ ok: true, conn });
      conn.open();
    });
  }

  /** Why the socket is about to close, when its own error would say less. */
  blame(error: ConnError): void {
    this.#error ??= error;
  }

  deliverError(error: Error): void {
    this.#error ??= connErrorOf(error);
  }

  deliverClose(): void {
    if (this.#closed || this.#released) return;
    this.#closed = true;
    this.handler.onClose(this.#error);
  }

  #readAddresses(): void {
    const s = this.#socket;
    this.#remoteAddress = plainAddress(s.remoteAddress);
    this.#remotePort = s.remotePort ?? 0;
    this.#localAddress = plainAddress(s.localAddress);
    this.#localPort = s.localPort ?? 0;
  }

  #copyAddresses(from: SocketConn): void {
    this.#remoteAddress = from.remoteAddress;
    this.#remotePort = from.remotePort;
    this.#localAddress = from.localAddress;
    this.#localPort = from.localPort;
  }
}

/** Dual-stack sockets report IPv4 peers as ::ffff:a.b.c.d; policies mean a.b.c.d. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function onData(this: OwnedSocket, data: Buffer): void {
  const conn = this[CONN];
  conn.handler.onData(data);
}
function onEnd(this: OwnedSocket): void {
  this[CONN].handler.onEnd();
}
function onDrain(this: OwnedSocket): void {
  this[CONN].handler.onDrain();
}
function onError(this: OwnedSocket, error: Error): void {
  this[CONN].deliverError(error);
}
function onClose(this: OwnedSocket): void {
  this[CONN].deliverClose();
}

// biome-ignore lint/suspicious/noExplicitAny: five listeners of five shapes in one table
const LISTENERS: readonly (readonly [string, (this: any, ...args: any[]) => void])[] = [
  ['data', onData],
  ['end', onEnd],
  ['drain', onDrain],
  ['error', onError],
  ['close', onClose],
];
