// Runs a program in a container of a pod through the API server: exec over WebSocket, subprotocol v4.channel.k8s.io.
import type { KubeHttp } from './kube-http.ts';
import { controlFrame, OPCODE, WebSocketFrames } from './web-socket-frames.ts';

export interface PodCommand {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export interface PodCommandEnd {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

const PROTOCOL = 'v4.channel.k8s.io';
/** Bytes of all that a program may print. */
const OUTPUT_BYTES = 256 << 20;
const CHANNEL = { out: 1, err: 2, status: 3 } as const;

/** Rejects with a sentence when the program could not be run. */
export async function runInPod(http: KubeHttp, asked: PodCommand): Promise<PodCommandEnd> {
  const query = new URLSearchParams({ container: asked.container, stdout: 'true', stderr: 'true' });
  for (const word of asked.command) query.append('command', word);
  const path = `/api/v1/namespaces/${encodeURIComponent(asked.namespace)}/pods/${encodeURIComponent(asked.pod)}/exec?${query}`;
  const { socket, head } = await http.upgrade(path, PROTOCOL, asked.timeoutMs);
  const where = `${asked.namespace}/${asked.pod}`;
  const frames = new WebSocketFrames(OUTPUT_BYTES);
  const channels: Record<number, Buffer[]> = {};
  let size = 0;
  return await new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`exec in pod ${where}: ${why}`));
    };
    const timer = setTimeout(() => fail(`no end within ${asked.timeoutMs / 1000} s`), asked.timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const text = (channel: number): string => Buffer.concat(channels[channel] ?? []).toString('utf8');
      const status = exitStatus(text(CHANNEL.status));
      if (typeof status === 'string') reject(new Error(`exec in pod ${where}: ${status}`));
      else resolve({ status, out: text(CHANNEL.out), err: text(CHANNEL.err) });
    };
    const take = (chunk: Buffer): void => {
      try {
        for (const { opcode, payload } of frames.push(chunk)) {
          if (opcode === OPCODE.ping) socket.write(controlFrame(OPCODE.pong, payload));
          else if (opcode === OPCODE.close) return end();
          else if (opcode === OPCODE.binary && payload.length > 0) {
            size += payload.length;
            if (size > OUTPUT_BYTES) return fail(`more than ${OUTPUT_BYTES} bytes of output`);
            (channels[payload[0] as number] ??= []).push(payload.subarray(1));
          }
        }
      } catch (error) {
        fail((error as Error).message);
      }
    };
    socket.on('data', take);
    socket.on('error', (error) => fail(error.message));
    socket.on('close', end);
    take(head);
  });
}

/** The API server's Status; without one the connection broke. */
function exitStatus(text: string): number | string {
  if (text === '') return 'the connection ended before the program';
  const { status, message, details } = JSON.parse(text) as {
    status?: string;
    message?: string;
    details?: { causes?: readonly { reason?: string; message?: string }[] };
  };
  if (status === 'Success') return 0;
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  return code === undefined ? (message ?? 'it failed') : Number(code);
}
