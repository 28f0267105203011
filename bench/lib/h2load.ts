// Runs h2load (nghttp2) against a proxy and reads its summary; per-request times come from its log file.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LatencyHistogram } from '../loadgen/latency-histogram.ts';
import type { LoadResult } from '../loadgen/run-load.ts';
import type { Row } from './rows.ts';

export async function runH2load(port: number, row: Row, seconds: number): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'topsail-h2load-'));
  const log = join(folder, 'times');
  try {
    const text = await output('h2load', [
      '-c',
      String(row.connections),
      '-m',
      String(row.streams ?? 1),
      '-D',
      String(seconds),
      '--warm-up-time',
      '0',
      '-t',
      '1',
      `--log-file=${log}`,
      ...(row.messages === undefined ? [] : grpcCall(folder, row.messages)),
      `http://127.0.0.1:${port}/bench?x=1`,
    ]);
    return readSummary(text, readFileSync(log, 'utf8'), seconds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A request with that many messages of 100 bytes (gRPC over HTTP/2: length-prefixed messages). */
function grpcCall(folder: string, messages: number): string[] {
  const message = Buffer.alloc(105, 0x61);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(100, 1);
  const body = join(folder, 'messages');
  writeFileSync(body, Buffer.concat(Array.from({ length: messages }, () => message)));
  return ['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
}

/** `log` has a line per request: start time, status, duration in µs. */
export function readSummary(text: string, log: string, seconds: number): LoadResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const latency = new LatencyHistogram();
  for (const line of log.split('\n')) {
    const fields = line.split('\t');
    if (fields[1] === '200') latency.add(Number(fields[2]));
  }
  const ms = (q: number): number => latency.quantile(q) / 1000;
  const done = number(/(\d+) succeeded/);
  return {
    seconds,
    requests: done,
    ratePerSecond: done / seconds,
    statuses: { '200': number(/status codes: (\d+) 2xx/) },
    failures: {},
    failed: number(/(\d+) failed/) + number(/(\d+) 5xx/),
    latencyMs: {
      p50: ms(0.5),
      p90: ms(0.9),
      p99: ms(0.99),
      p999: ms(0.999),
      max: latency.max / 1000,
      mean: latency.mean / 1000,
    },
    generatorLagMs: { p99: 0, max: 0 },
    connectionsOpened: 0,
  };
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data: Buffer) => void (text += data.toString()));
    child.on('error', reject);
    child.on('exit', () => resolve(text));
  });
}
