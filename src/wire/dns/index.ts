// DNS messages as bytes and as values (RFC 1035, RFC 6891).
export * from './errors.ts';
export * from './limits.ts';
export * from './message.ts';
export * from './name.ts';
