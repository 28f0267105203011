// The eight socket calls that Node does not offer, on raw descriptors (Linux, glibc).
import { libc } from './libc.ts';

const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const AF_INET = 2;
const SOCKADDR_BYTES = 16;
const POLLIN = 1;

export const ERRNO = {
  EAGAIN: 11,
  ECONNREFUSED: 111,
  ENETUNREACH: 101,
  EINPROGRESS: 115,
  EALREADY: 114,
  EISCONN: 106,
} as const;

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Each call answers 0 or a positive errno; `accept` a descriptor or a negative errno. */
export interface SocketCalls {
  connect(fd: number, to: SocketAddress): number;
  /** Dissolves a connection; the socket can then be bound and connected anew (connect(2), AF_UNSPEC). */
  disconnect(fd: number): number;
  accept(fd: number, from: { port: number }): number;
  bind(fd: number, to: SocketAddress): number;
  listen(fd: number, backlog: number): number;
  /** 0 when the socket has none. */
  localPort(fd: number): number;
  /** Waits until there is something to accept; false when there was not in time. */
  awaitReadable(fd: number, timeoutMs: number): boolean;
  close(fd: number): void;
}

export function loadSocketCalls(): SocketCalls {
  const { define, errno } = libc();
  const connect = define('int connect(int fd, const uint8_t *address, uint32_t length)');
  const accept4 = define('int accept4(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length, int flags)');
  const bind = define('int bind(int fd, const uint8_t *address, uint32_t length)');
  const listen = define('int listen(int fd, int backlog)');
  const getsockname = define('int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length)');
  const poll = define('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)');
  const close = define('int close(int fd)');
  const outcome = (result: number): number => (result === 0 ? 0 : errno());
  const nowhere = new Uint8Array(SOCKADDR_BYTES);
  return {
    connect: (fd, to) => outcome(connect(fd, sockAddr(to), SOCKADDR_BYTES)),
    disconnect: (fd) => outcome(connect(fd, nowhere, SOCKADDR_BYTES)),
    accept: (fd, from) => {
      const address = new Uint8Array(SOCKADDR_BYTES);
      const made = accept4(fd, address, new Uint32Array([SOCKADDR_BYTES]), SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (made < 0) return -errno();
      from.port = portIn(address);
      return made;
    },
    bind: (fd, to) => outcome(bind(fd, sockAddr(to), SOCKADDR_BYTES)),
    listen: (fd, backlog) => outcome(listen(fd, backlog)),
    localPort: (fd) => {
      const address = new Uint8Array(SOCKADDR_BYTES);
      return getsockname(fd, address, new Uint32Array([SOCKADDR_BYTES])) === 0 ? portIn(address) : 0;
    },
    awaitReadable: (fd, timeoutMs) => {
      // struct pollfd: int fd; short events; short revents.
      const asked = new Uint8Array(8);
      const view = new DataView(asked.buffer);
      view.setInt32(0, fd, true);
      view.setInt16(4, POLLIN, true);
      return poll(asked, 1, timeoutMs) === 1;
    },
    close: (fd) => void close(fd),
  };
}

function portIn(address: Uint8Array): number {
  return ((address[2] as number) << 8) | (address[3] as number);
}

/** sockaddr_in; IPv4 is all that a captured namespace has. */
function sockAddr({ address, port }: SocketAddress): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  bytes[0] = AF_INET;
  bytes[2] = port >> 8;
  bytes[3] = port & 255;
  for (const [i, part] of address.split('.').entries()) bytes[4 + i] = Number(part);
  return bytes;
}
