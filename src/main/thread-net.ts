// How the threads of a proxy get at their process's network: the process binds, and they accept on descriptors of their own.
import type { BoundPort, Net } from '#base';
import type { ListeningSockets, NamespaceDescriptors, ProcessSockets } from '#io';
import { HoldingNet } from './holding-net.ts';

export interface ThreadNet {
  /** For the process's own thread, whose listeners take their places and accept nothing. */
  readonly holding: Net;
  readonly outside: ListeningSockets;
  /** Of a captured workload. */
  readonly captured?: CapturedThreads;
}

export interface CapturedThreads {
  readonly inside: ListeningSockets;
  /** For one more thread. Its descriptors are the process's: they are closed when the thread has ended. */
  order(): CaptureOrder;
}

/** What a thread needs to listen and connect inside the namespace. */
export interface CaptureOrder {
  readonly boundPorts: readonly BoundPort[];
  readonly reachable: boolean;
  readonly namespace: NamespaceDescriptors;
}

export function plainThreads(net: Net, sockets: ProcessSockets): ThreadNet {
  return { holding: new HoldingNet(net, sockets), outside: sockets };
}
