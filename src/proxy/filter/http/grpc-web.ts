// HTTP filter envoy.filters.http.grpc_web: browsers' gRPC-Web, binary or in base64, becomes gRPC for the server; its trailers come back as the last frame of the body (grpc/doc/PROTOCOL-WEB.md).

import type { HeaderBlock, RequestHead, ResponseHead } from '#wire/http';
import { grpcStatusOf } from '../../http/rescue.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb';
const WEB = 'application/grpc-web';
const TEXT = 'application/grpc-web-text';
const TRAILER_FRAME = 0x80;
const NO_DATA = new Uint8Array(0);

class GrpcWebFilter implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  /** Else all passes as it is. */
  #web = false;
  #text = false;
  /** What the client wants the answer in, whatever it asked in. */
  #textBack = false;
  /** The answer is no gRPC. */
  #dropBody = false;
  /** Base64 characters that wait for the rest of their group of four. */
  #rest = '';

  constructor(callbacks: FilterCallbacks) {
    this.#callbacks = callbacks;
  }

  requestHead(head: RequestHead): FilterStatus {
    const { headers } = head;
    const type = headers.get('content-type') ?? '';
    if (!isWeb(type)) return 'continue';
    this.#text = type.startsWith(TEXT);
    this.#web = true;
    const accept = headers.get('accept');
    this.#textBack = accept === TEXT || accept === `${TEXT}+proto`;
    headers.set(
      'content-type',
      `application/grpc${(type.split(';', 1)[0] as string).slice((this.#text ? TEXT : WEB).length)}`,
    );
    headers.set('te', 'trailers');
    // Of a body in base64 the length is another; gRPC has none.
    headers.remove('content-length');
    return 'continue';
  }

  requestData(data: Buffer, end: boolean): FilterStatus {
    if (!this.#text) return 'continue';
    const text = this.#rest + data.toString('latin1');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    if (!/^[A-Za-z0-9+/=]*$/.test(text) || (end && this.#rest !== '')) {
      this.#callbacks.reply({
        status: 400,
        body: 'Bad gRPC-web request, invalid base64 data.',
        details: 'grpc_base_64_decode_failed',
      });
      return 'stop';
    }
    this.#callbacks.replaceData(decodeGroups(text.slice(0, whole)));
    return 'continue';
  }

  responseHead(head: ResponseHead): FilterStatus {
    if (!this.#web) return 'continue';
    const { headers } = head;
    if (headers.get('content-type')?.startsWith('application/grpc') !== true) this.#refuse(head);
    headers.set('content-type', `${this.#textBack ? TEXT : WEB}+proto`);
    headers.remove('content-length');
    return 'continue';
  }

  /** An answer that is no gRPC becomes one without messages, whose status stands for HTTP's. */
  #refuse({ status, headers }: ResponseHead): void {
    this.#dropBody = true;
    const grpcStatus = grpcStatusOf(status);
    this.#callbacks.record.grpcStatus = grpcStatus;
    headers.remove('content-encoding');
    headers.set('grpc-status', String(grpcStatus));
    headers.set('grpc-message', `the server answered with HTTP status ${status}, not with gRPC`);
  }

  responseData(data: Buffer): FilterStatus {
    if (this.#dropBody) this.#callbacks.replaceData(NO_DATA);
    else if (this.#textBack && data.length > 0) this.#callbacks.replaceData(this.#encoded(data));
    return 'continue';
  }

  responseTrailers(trailers: HeaderBlock): FilterStatus {
    if (!this.#web) return 'continue';
    if (this.#dropBody) {
      this.#callbacks.replaceData(NO_DATA);
      return 'continue';
    }
    let text = '';
    for (const [name, value] of trailers.entries()) text += `${name.toLowerCase()}:${value}\r\n`;
    const block = Buffer.from(text, 'latin1');
    const frame = Buffer.alloc(5 + block.length);
    frame[0] = TRAILER_FRAME;
    frame.writeUInt32BE(block.length, 1);
    block.copy(frame, 5);
    this.#callbacks.replaceData(this.#textBack ? this.#encoded(frame) : frame);
    return 'continue';
  }

  /** Padded by itself: clients take groups one after another. */
  #encoded(data: Buffer): Buffer {
    return Buffer.from(data.toString('base64'), 'latin1');
  }
}

function isWeb(type: string): boolean {
  return /^application\/grpc-web(-text)?(\+[a-z0-9.-]+)?\s*(;|$)/.test(type);
}

/** Padding may stand within: what a client sends in pieces is padded piece by piece. */
function decodeGroups(text: string): Buffer {
  if (!/=[^=]/.test(text)) return Buffer.from(text, 'base64');
  const pieces = text.match(/.{4}/g) ?? [];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64')));
}

export const grpcWebExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.grpc_web',
  typeUrl: TYPE,
  build: (_, __, filterName) => ({ name: filterName, create: (callbacks) => new GrpcWebFilter(callbacks) }),
};
