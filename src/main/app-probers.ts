// Asks the application in the kubelet's place (`/app-health/CONTAINER/livez`, …): HTTP, TCP, gRPC; from an address that capture lets pass.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { AppProber } from '#controllers';
import { callGrpcHealth } from './grpc-health.ts';

export interface ProbeAnswer {
  readonly status: number;
  readonly body: string;
}

/** Connections from here to the pod's own address are not redirected to the proxy. */
const SOURCE = '127.0.0.6';
const DEFAULT_TIMEOUT_S = 1;

/** Undefined: there is no such probe. */
export function readAppProbers(text: string): ReadonlyMap<string, AppProber> {
  if (text === '') return new Map();
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, AppProber>));
  } catch {
    return new Map();
  }
}

export async function askApp(prober: AppProber, ip: string): Promise<ProbeAnswer> {
  const timeoutMs = (prober.timeoutSeconds ?? DEFAULT_TIMEOUT_S) * 1000;
  const { httpGet, tcpSocket, grpc } = prober;
  if (httpGet !== undefined) return await askHttp(httpGet, ip, timeoutMs);
  if (tcpSocket !== undefined) return await askTcp(ip, Number(tcpSocket.port), timeoutMs);
  if (grpc !== undefined) return await callGrpcHealth(ip, grpc.port, grpc.service ?? '', timeoutMs, source(ip));
  return { status: 500, body: 'the probe names nothing to ask\n' };
}

function source(ip: string): string {
  return ip.includes(':') ? '::6' : SOURCE;
}

function askHttp(get: NonNullable<AppProber['httpGet']>, ip: string, timeoutMs: number): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const headers: Record<string, string> = { 'user-agent': 'kube-probe' };
    for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
    const ask = get.scheme === 'HTTPS' ? httpsRequest : httpRequest;
    const failed = (error: Error): void => resolve({ status: 500, body: `${error.message}\n` });
    const req = ask(
      {
        host: ip,
        port: Number(get.port),
        path: get.path ?? '/',
        headers,
        localAddress: source(ip),
        timeout: timeoutMs,
        agent: false,
        rejectUnauthorized: false,
      },
      (res) => {
        res.resume();
        res.on('end', () => resolve({ status: res.statusCode ?? 500, body: '' }));
        res.on('error', failed);
      },
    );
    req.on('timeout', () => req.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    req.on('error', failed);
    req.end();
  });
}

function askTcp(ip: string, port: number, timeoutMs: number): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, localAddress: source(ip), timeout: timeoutMs });
    const end = (status: number, body: string): void => {
      socket.destroy();
      resolve({ status, body });
    };
    socket.on('connect', () => end(200, ''));
    socket.on('timeout', () => end(500, `no connection within ${timeoutMs} ms\n`));
    socket.on('error', (error) => end(500, `${error.message}\n`));
  });
}
