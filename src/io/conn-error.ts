// Turns Node's and OpenSSL's errors into the few kinds that the rest of the program distinguishes.
import { getSystemErrorName } from 'node:util';
import type { ConnError } from '#base';

const KIND_OF_CODE: Readonly<Record<string, ConnError['kind']>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_NODATA: 'dns',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNABORTED: 'reset',
};

export function connErrorOf(error: Error): ConnError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const kind =
    KIND_OF_CODE[code] ??
    (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code === 'EPROTO' ? 'tls' : 'other');
  return { kind, code, message: error.message };
}

/** `status`: libuv's, of a write. */
export function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}
