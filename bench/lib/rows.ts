// The rows of the proxy benchmark: which work, which load.

export interface Row {
  readonly name: string;
  readonly title: string;
  /** File of bench/work without its ending. */
  readonly work: string;
  readonly backendTls: boolean;
  readonly clientTls: boolean;
  readonly connections: number;
  /** Requests per second; absent = saturated. */
  readonly rate?: number;
}

const plain = { backendTls: false, clientTls: false } as const;

export const ROWS: readonly Row[] = [
  { name: 'h1-saturated', title: 'HTTP/1.1, 32 connections, saturated', work: 'h1', ...plain, connections: 32 },
  { name: 'h1-paced', title: 'HTTP/1.1, 1,000 requests/s, 16 connections', work: 'h1', ...plain, connections: 16, rate: 1_000 },
  { name: 'h1-two', title: 'HTTP/1.1, 2 connections, saturated', work: 'h1', ...plain, connections: 2 },
  { name: 'mtls-in', title: 'mTLS in, 32 connections, saturated', work: 'mtls-in', backendTls: false, clientTls: true, connections: 32 },
  { name: 'mtls-out', title: 'mTLS out, 32 connections, saturated', work: 'mtls-out', backendTls: true, clientTls: false, connections: 32 },
  { name: 'tcp', title: 'TCP, 32 connections, saturated', work: 'tcp', ...plain, connections: 32 },
];
