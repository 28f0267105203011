// Addresses, routes and rules of the network namespace that this process is in, asked of the kernel by rtnetlink(7):
// pods have no `ip` program. Whatever is there already is well.
import { libc } from './libc.ts';

const AF_NETLINK = 16;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const NLMSG_ERROR = 2;
/** Request, with an answer, create, and only what is not there. */
const FLAGS = 0x1 | 0x4 | 0x400 | 0x200;
const HEADER_BYTES = 16;
const ANSWER_BYTES = 4096;
const EEXIST = 17;
/** In every network namespace. */
const LOOPBACK_INDEX = 1;

const NEW_ADDRESS = { type: 20, local: 2, address: 1 } as const;
const NEW_ROUTE = { type: 24, link: 4, boot: 3, scopeHost: 254, local: 2 } as const;
const NEW_RULE = { type: 32, mark: 10, table: 15, priority: 6, toTable: 1 } as const;
/** Before the main table; one rule of a priority is one rule, however often it is asked for. */
const RULE_PRIORITY = 32_000;

export type RouteFamily = 4 | 6;

/** An IPv6 address of loopback alone. Throws with the kernel's errno. */
export function addLoopbackAddress(bytes: Uint8Array): void {
  const header = Buffer.from([AF_INET6, 128, 0, NEW_ROUTE.scopeHost, 0, 0, 0, 0]);
  header.writeUInt32LE(LOOPBACK_INDEX, 4);
  ask(NEW_ADDRESS.type, [header, attribute(NEW_ADDRESS.local, bytes), attribute(NEW_ADDRESS.address, bytes)]);
}

/** What carries the mark is routed by the table, and that delivers everything here: `ip rule add fwmark MARK lookup TABLE`. */
export function deliverMarked(family: RouteFamily, mark: number, table: number): void {
  const kernel = family === 4 ? AF_INET : AF_INET6;
  const rule = Buffer.from([kernel, 0, 0, 0, table, 0, 0, NEW_RULE.toTable, 0, 0, 0, 0]);
  ask(NEW_RULE.type, [
    rule,
    attribute(NEW_RULE.mark, number(mark)),
    attribute(NEW_RULE.table, number(table)),
    attribute(NEW_RULE.priority, number(RULE_PRIORITY)),
  ]);
  const { boot, scopeHost, local } = NEW_ROUTE;
  const route = Buffer.from([kernel, 0, 0, 0, table, boot, family === 4 ? scopeHost : 0, local, 0, 0, 0, 0]);
  ask(NEW_ROUTE.type, [route, attribute(NEW_ROUTE.link, number(LOOPBACK_INDEX))]);
}

function number(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
}

function ask(type: number, parts: readonly Uint8Array[]): void {
  const { define, errno: lastError } = libc();
  const socket = define('int socket(int domain, int type, int protocol)');
  const send = define('long send(int fd, const uint8_t *bytes, unsigned long length, int flags)');
  const receive = define('long recv(int fd, _Out_ uint8_t *bytes, unsigned long length, int flags)');
  const close = define('int close(int fd)');
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt32LE(1, 8);
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) throw new Error(`rtnetlink: no socket (errno ${lastError()})`);
  try {
    const message = Buffer.concat([header, body]);
    const answer = Buffer.alloc(ANSWER_BYTES);
    if (
      send(fd, message, message.length, 0) !== message.length ||
      receive(fd, answer, ANSWER_BYTES, 0) < HEADER_BYTES + 4
    )
      throw new Error(`rtnetlink: no answer (errno ${lastError()})`);
    const errno = answer.readUInt16LE(4) === NLMSG_ERROR ? -answer.readInt32LE(HEADER_BYTES) : 0;
    if (errno !== 0 && errno !== EEXIST) throw new Error(`rtnetlink: request ${type} was refused (errno ${errno})`);
  } finally {
    close(fd);
  }
}
