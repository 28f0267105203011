// Both ends of a socket, asked for once: each look costs a system call, and a closed socket knows them no more.
import type { Socket } from 'node:net';
import { plainAddress } from './plain-address.ts';

export class SocketAddresses {
  remoteAddress = '';
  remotePort = 0;
  localAddress = '';
  localPort = 0;

  /** Looks until there is an address. */
  of(socket: Socket): this {
    if (this.remoteAddress !== '') return this;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    return this;
  }
}
