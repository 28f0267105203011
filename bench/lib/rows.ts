// The rows of the proxy benchmark: which work, which load.

export interface Row {
  readonly name: string;
  readonly title: string;
  /** File of bench/work without its ending. */
  readonly work: string;
  /** What the service behind speaks. */
  readonly backend: 'h1' | 'h1-large' | 'tls' | 'h2' | 'h2-large' | 'h2-tls' | 'grpc';
  /** `h2load` where only it speaks the protocol; such a row needs it on PATH. */
  readonly load: 'own' | 'h2load';
  readonly clientTls: boolean;
  readonly connections: number;
  /** Requests per second; absent = saturated. */
  readonly rate?: number;
  /** Seconds of the same load before the clock starts. */
  readonly lead?: number;
  /** All connections are up, and their handshakes paid for, before the clock starts, and open until it has stopped. */
  readonly upBefore?: boolean;
  /** A connection per request; `resumed`: with the TLS session of the one before. */
  readonly handshakes?: 'full' | 'resumed';
  /** Concurrent streams per connection (HTTP/2). */
  readonly streams?: number;
  /** gRPC messages of 100 bytes that a request carries; the answer brings them back. */
  readonly messages?: number;
}

const plain = { backend: 'h1', load: 'own', clientTls: false } as const;
const h2 = { work: 'h2', backend: 'h2', load: 'h2load', clientTls: false } as const;

export const ROWS: readonly Row[] = [
  { name: 'h1-saturated', title: 'HTTP/1.1, 32 connections, saturated', work: 'h1', ...plain, connections: 32 },
  {
    name: 'h1-paced',
    title: 'HTTP/1.1, 1,000 requests/s, 16 connections',
    work: 'h1',
    ...plain,
    connections: 16,
    rate: 1_000,
    lead: 1,
  },
  { name: 'h1-two', title: 'HTTP/1.1, 2 connections, saturated', work: 'h1', ...plain, connections: 2 },
  {
    name: 'mtls-in',
    title: 'mTLS in, 32 connections, saturated',
    work: 'mtls-in',
    ...plain,
    clientTls: true,
    connections: 32,
  },
  {
    name: 'mtls-out',
    title: 'mTLS out, 32 connections, saturated',
    work: 'mtls-out',
    ...plain,
    backend: 'tls',
    connections: 32,
  },
  { name: 'h2-4x16', title: 'HTTP/2 to HTTP/2, 4 connections × 16 streams', ...h2, connections: 4, streams: 16 },
  { name: 'h2-32x1', title: 'HTTP/2 to HTTP/2, 32 connections × 1 stream', ...h2, connections: 32, streams: 1 },
  {
    name: 'h1-mtls-h2',
    title: 'HTTP/1.1 to mTLS HTTP/2, 32 connections, saturated',
    work: 'mtls-out-h2',
    ...plain,
    backend: 'h2-tls',
    connections: 32,
  },
  {
    name: 'grpc-unary',
    title: 'gRPC unary, 4 connections × 16 streams',
    ...h2,
    backend: 'grpc',
    connections: 4,
    streams: 16,
    messages: 1,
  },
  {
    name: 'grpc-stream',
    title: 'gRPC, streams of 1,000 messages both ways, 4 connections × 1 stream',
    ...h2,
    backend: 'grpc',
    connections: 4,
    streams: 1,
    messages: 1_000,
  },
  {
    name: 'h1-1mb',
    title: 'HTTP/1.1, answers of 1 MB, 4 connections',
    work: 'h1',
    ...plain,
    backend: 'h1-large',
    connections: 4,
  },
  {
    name: 'h2-1mb',
    title: 'HTTP/2, answers of 1 MB, 4 connections × 1 stream',
    ...h2,
    backend: 'h2-large',
    connections: 4,
    streams: 1,
  },
  {
    name: 'tcp-1mb',
    title: 'TCP, answers of 1 MB, 4 connections',
    work: 'tcp',
    ...plain,
    backend: 'h1-large',
    connections: 4,
  },
  {
    name: 'idle-1000',
    title: '1,000 TLS connections that are up, 100 requests/s',
    work: 'mtls-in',
    ...plain,
    clientTls: true,
    connections: 1_000,
    rate: 100,
    upBefore: true,
  },
  {
    name: 'tls-full',
    title: 'mTLS in, a connection and a full handshake per request, 8 at a time',
    work: 'mtls-in',
    ...plain,
    clientTls: true,
    connections: 8,
    handshakes: 'full',
  },
  {
    name: 'tls-resumed',
    title: 'mTLS in, a connection and a resumed handshake per request, 8 at a time',
    work: 'mtls-in',
    ...plain,
    clientTls: true,
    connections: 8,
    handshakes: 'resumed',
  },
  { name: 'tcp', title: 'TCP, 32 connections, saturated', work: 'tcp', ...plain, connections: 32 },
];
