// HTTP/1.1 over a Conn, both roles, behind the codec-neutral stream interface.
export * from './client-connection.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './server-connection.ts';
export { reasonPhrase } from './serialize.ts';
