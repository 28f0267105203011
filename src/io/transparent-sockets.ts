// Sockets with addresses of others (IP_TRANSPARENT, Linux): listening ones to which TPROXY hands connections for any address,
// and connections that come from a client's own address. Node has no such option, so that they are made by libc.
import process from 'node:process';
import type { ListenOptions, OriginalSource } from '#base';
import { ipv6Bytes } from '#wire/dns';
import { libc } from './libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const STREAM = 1 | 0x800 | 0x80000; // SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const SOL_IP = 0;
const SOL_IPV6 = 41;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;
const IPV6_V6ONLY = 26;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IP_LOCAL_PORT_RANGE = 51;
/**
 * Below the ports that clients take by themselves: a client's connection to the proxy, and the proxy's in its name to the
 * application, would else be one and the same to the kernel where both ports are equal. Kernels before 6.3 take any.
 */
const SOURCE_PORTS = 1024 | (32_767 << 16);

type Call = (...args: readonly unknown[]) => number;
interface Calls {
  readonly socket: Call;
  readonly setOption: Call;
  readonly bind: Call;
  readonly close: Call;
  readonly errno: () => number;
}
let loaded: Calls | undefined;

/** A bound socket on which nobody listens yet. */
export function bindTransparent({ host, port, reusePort }: ListenOptions): number {
  return make(host, port, (fd, { setOption }) => {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, [1], 4);
    if (reusePort === true) setOption(fd, SOL_SOCKET, SO_REUSEPORT, [1], 4);
    if (host.includes(':')) setOption(fd, SOL_IPV6, IPV6_V6ONLY, [1], 4);
  });
}

/** A socket that will connect from there. */
export function socketFrom({ address, port, mark }: OriginalSource): number {
  return make(address, port, (fd, { setOption, errno }) => {
    setOption(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, [1], 4);
    if (port === 0) setOption(fd, SOL_IP, IP_LOCAL_PORT_RANGE, [SOURCE_PORTS], 4);
    if (mark !== 0 && setOption(fd, SOL_SOCKET, SO_MARK, [mark], 4) !== 0) throw refused('SO_MARK', errno());
  });
}

function make(host: string, port: number, options: (fd: number, calls: Calls) => void): number {
  const calls = (loaded ??= load());
  const v6 = host.includes(':');
  const fd = calls.socket(v6 ? AF_INET6 : AF_INET, STREAM, 0);
  if (fd < 0) throw refused('socket', calls.errno());
  try {
    const [level, option] = v6 ? [SOL_IPV6, IPV6_TRANSPARENT] : [SOL_IP, IP_TRANSPARENT];
    if (calls.setOption(fd, level, option, [1], 4) !== 0) throw refused('IP_TRANSPARENT', calls.errno());
    options(fd, calls);
    const address = sockAddr(host, port);
    if (calls.bind(fd, address, address.length) !== 0) throw refused(`bind ${host}:${port}`, calls.errno());
    return fd;
  } catch (error) {
    calls.close(fd);
    throw error;
  }
}

function refused(what: string, errno: number): Error {
  const remedy = errno === 1 ? ': transparent sockets need NET_ADMIN (TPROXY runs the proxy as root with it)' : '';
  return Object.assign(new Error(`${what} was refused (errno ${errno})${remedy}`), {
    code: errno === 1 ? 'EPERM' : `E${errno}`,
  });
}

/** sockaddr_in or sockaddr_in6. */
function sockAddr(host: string, port: number): Uint8Array {
  const v6 = ipv6Bytes(host);
  const bytes = new Uint8Array(v6 === undefined ? 16 : 28);
  bytes[0] = v6 === undefined ? AF_INET : AF_INET6;
  bytes[2] = port >> 8;
  bytes[3] = port & 255;
  if (v6 === undefined) bytes.set(host.split('.').map(Number), 4);
  else bytes.set(v6, 8);
  return bytes;
}

function load(): Calls {
  if (process.platform !== 'linux') throw new Error('transparent sockets are Linux only');
  const { define, errno } = libc();
  return {
    socket: define('int socket(int domain, int type, int protocol)'),
    setOption: define('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)'),
    bind: define('int bind(int fd, const uint8_t *address, uint32_t length)'),
    close: define('int close(int fd)'),
    errno,
  };
}
