// Asks the kernel for ports that nobody uses. Between the asking and the binding somebody may take one: then the start fails and is repeated.
import { createServer, type Server } from 'node:net';

export async function freePorts(count: number): Promise<number[]> {
  // All are held until the last is found, so that they differ.
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    servers.push(server);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a listening socket has no port');
    ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve()))));
  return ports;
}
