// A proxy of nothing but the two codecs: what one side accepts the other sends on. The fuzzer watches what comes out.
import {
  type ClientStream,
  type ClientStreamHandler,
  HeaderBlock,
  type RequestAcceptor,
  type RequestHead,
  type ResponseHead,
  type ServerStream,
} from '#wire/http';

export interface Seen {
  readonly head: RequestHead;
  readonly body: Buffer[];
  trailers: HeaderBlock | undefined;
  ended: boolean;
  reset: boolean;
}

export interface SeenResponse {
  head: ResponseHead | undefined;
  readonly body: Buffer[];
  ended: boolean;
  reset: boolean;
}

export function forwarder(
  open: (handler: ClientStreamHandler, head: RequestHead) => ClientStream | undefined,
  log: Seen[],
  responses: SeenResponse[] = [],
): RequestAcceptor {
  return {
    onRequest(down, head, end) {
      const seen: Seen = {
        head: { ...head, headers: head.headers.clone() },
        body: [],
        trailers: undefined,
        ended: end,
        reset: false,
      };
      log.push(seen);
      const response: SeenResponse = { head: undefined, body: [], ended: false, reset: false };
      responses.push(response);
      const up = open(backward(down, response), head);
      up?.sendHead(head, end);
      return {
        onData(data, last) {
          seen.body.push(Buffer.from(data));
          seen.ended ||= last;
          up?.sendData(Buffer.from(data), last);
        },
        onTrailers(trailers) {
          seen.trailers = trailers;
          seen.ended = true;
          up?.sendTrailers(trailers);
        },
        onDrain: () => {},
        onReset() {
          seen.reset = true;
          up?.reset('remote-reset');
        },
      };
    },
    onProtocolError: () => {},
  };
}

function backward(down: ServerStream, seen: SeenResponse): ClientStreamHandler {
  return {
    onInformational: (status, headers) => down.sendInformational(status, headers),
    onHead(head, end) {
      seen.head = { status: head.status, headers: head.headers.clone() };
      seen.ended = end;
      down.sendHead(head, end);
    },
    onData(data, end) {
      seen.body.push(Buffer.from(data));
      seen.ended ||= end;
      down.sendData(Buffer.from(data), end);
    },
    onTrailers(trailers) {
      seen.ended = true;
      down.sendTrailers(trailers);
    },
    onDrain: () => {},
    onReset() {
      seen.reset = true;
      down.reset('remote-reset');
    },
  };
}

/** Answers each request at its end. */
export function answerer(log: Seen[]): RequestAcceptor {
  return {
    onRequest(stream, head, end) {
      const seen: Seen = { head, body: [], trailers: undefined, ended: end, reset: false };
      log.push(seen);
      const answer = (): void => {
        seen.ended = true;
        const headers = new HeaderBlock();
        headers.add('content-length', '0');
        stream.sendHead({ status: 200, headers }, true);
      };
      if (end) answer();
      return {
        onData(data, last) {
          seen.body.push(Buffer.from(data));
          if (last) answer();
        },
        onTrailers(trailers) {
          seen.trailers = trailers;
          answer();
        },
        onDrain: () => {},
        onReset: () => void (seen.reset = true),
      };
    },
    onProtocolError: () => {},
  };
}
