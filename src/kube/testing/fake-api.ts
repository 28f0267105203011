// Test helper: an API server whose behaviour is told call by call, over the transport's interface.
import type { KubeObject } from '../object.ts';
import type { KubeAnswer, KubeRequest, KubeStreamHandler, KubeTransport } from '../transport.ts';

export interface OpenWatch {
  readonly path: string;
  readonly handler: KubeStreamHandler;
  closed: boolean;
  send(...events: readonly { readonly type: string; readonly object: unknown }[]): void;
  end(error?: string): void;
  refuse(status: number): void;
}

export class FakeApi implements KubeTransport {
  readonly calls: KubeRequest[] = [];
  readonly watches: OpenWatch[] = [];
  /** Answers calls; undefined = nobody answers. */
  answer: (request: KubeRequest) => KubeAnswer | undefined | Promise<KubeAnswer | undefined> = () => reply(404, {});

  async call(request: KubeRequest): Promise<KubeAnswer | undefined> {
    this.calls.push(request);
    return this.answer(request);
  }

  stream(request: KubeRequest, handler: KubeStreamHandler): { close(): void } {
    const watch: OpenWatch = {
      path: request.path,
      handler,
      closed: false,
      send: (...events) => {
        if (!watch.closed) handler.onData(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
      },
      end: (error) => {
        if (!watch.closed) handler.onClose(error === undefined ? {} : { error });
      },
      refuse: (status) => {
        if (!watch.closed) handler.onClose({ answer: reply(status, {}) });
      },
    };
    this.watches.push(watch);
    return { close: () => void (watch.closed = true) };
  }

  get lastWatch(): OpenWatch {
    return this.watches.at(-1) as OpenWatch;
  }
}

export function reply(status: number, body: unknown, retryAfterMs = 0): KubeAnswer {
  return { status, body: JSON.stringify(body), retryAfterMs };
}

export function listOf(items: readonly KubeObject[], resourceVersion: string, next = ''): KubeAnswer {
  return reply(200, { metadata: { resourceVersion, continue: next }, items });
}

export function named(name: string, resourceVersion = '1', namespace = 'shop'): KubeObject {
  return { metadata: { name, namespace, resourceVersion } };
}

/** Lets promises that are due run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
