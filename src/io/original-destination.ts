// Asks the kernel where a redirected connection was going: SO_ORIGINAL_DST of netfilter.
//
// Node has no getsockopt, so the C library is asked. The descriptor comes from the private `socket._handle.fd`: its
// absence is an error, not "not redirected".
import type { Socket } from 'node:net';
import { ipv6Text } from '#base';
import { libc } from './libc.ts';

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST have the same number. */
const SO_ORIGINAL_DST = 80;
const AF_INET = 2;
const AF_INET6 = 10;

type GetSockOpt = (fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array) => number;
let getSockOpt: GetSockOpt | undefined;

export function originalDestination(socket: Socket): { readonly address: string; readonly port: number } | undefined {
  if (process.platform !== 'linux') return undefined;
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (typeof fd !== 'number')
    throw new Error(
      'SO_ORIGINAL_DST: this Node does not tell the descriptor of a socket (socket._handle.fd); use the pinned Node',
    );
  if (fd < 0) return undefined;
  const call = (getSockOpt ??= libc().define<GetSockOpt>(
    'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
  ));
  const value = new Uint8Array(28);
  const length = new Uint32Array([28]);
  const v6 = socket.localAddress?.includes(':') === true && !socket.localAddress.startsWith('::ffff:');
  if (call(fd, v6 ? SOL_IPV6 : SOL_IP, SO_ORIGINAL_DST, value, length) !== 0) return undefined;
  return readSockAddr(value);
}

/** Reads sockaddr_in or sockaddr_in6. */
function readSockAddr(bytes: Uint8Array): { address: string; port: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return { address: `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`, port };
  if (family !== AF_INET6) return undefined;
  return { address: ipv6Text(bytes.subarray(8, 24)), port };
}
