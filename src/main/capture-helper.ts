// The first thing in a captured namespace: makes loopback and rules there, hands two sockets and the DNS socket to the
// agent outside, and then becomes the application by execve: nothing of ours stays inside (design §3c).
import { execFileSync } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, connect, type AddressInfo } from 'node:net';
import process from 'node:process';
import type { FromHelper, HelperSetup, HelperStart } from './capture-messages.ts';
import { onPath } from './on-path.ts';

/** Node ignores both, and what is ignored stays so over execve: applications expect the default. */
const IGNORED_BY_NODE = [13 /* SIGPIPE */, 25 /* SIGXFSZ */];

process.once('message', (setup: HelperSetup) => {
  void prepare(setup).catch((error: unknown) => tell({ failed: textOf(error) }));
});
// The agent is gone before the application began.
process.once('disconnect', () => process.exit(1));

async function prepare(setup: HelperSetup): Promise<void> {
  execFileSync('ip', ['-batch', '-'], { input: setup.addresses, stdio: ['pipe', 'ignore', 'pipe'] });
  execFileSync('nft', ['-f', '-'], { input: setup.rules, stdio: ['pipe', 'ignore', 'pipe'] });
  // Whoever may not be root outside still may serve port 80 in a namespace of its own.
  if (setup.own) writeFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0');
  const dns = await boundDns(setup.dnsPort);
  const server = createServer({ pauseOnConnect: true }, (spare) => {
    spare.on('error', () => {});
    const port = (server.address() as AddressInfo).port;
    const seedSent = (): void => {
      // From here on only the agent may accept.
      server.close();
      tell({ socket: 'dns' }, dns);
    };
    tell({ socket: 'spare' }, handleOf(spare), () => tell({ socket: 'seed', port }, handleOf(server), seedSent));
  });
  server.listen(0, '127.0.0.1', () => {
    connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  });
  process.once('message', (start: HelperStart) => becomeApplication(setup, start));
}

function boundDns(port: number): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    // Not on all addresses: answers must leave from where the rules redirected the question to.
    socket.bind(port, '127.0.0.1', () => resolve(socket));
  });
}

/** In a user namespace below ours, the application is who it was outside and can't change the rules. */
function becomeApplication(setup: HelperSetup, { command, env }: HelperStart): void {
  process.removeAllListeners('disconnect');
  const { uid, gid } = setup;
  const below = setup.own ? ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'] : [];
  // Set last: the kernel forgets it whenever a process changes its rights.
  const dies = onPath('setpriv') === undefined ? [] : ['setpriv', '--pdeathsig', 'KILL', '--'];
  const argv = [...below, ...dies, ...command];
  const program = onPath(argv[0] as string, env['PATH']);
  if (program === undefined) {
    process.stderr.write(`${argv[0]}: command not found\n`);
    process.exit(127);
  }
  const libc = (createRequire(import.meta.url)('koffi') as typeof import('koffi')).load('libc.so.6');
  const signal = libc.func('void *signal(int number, void *handler)') as unknown as (
    number: number,
    handler: null,
  ) => unknown;
  for (const number of IGNORED_BY_NODE) signal(number, null);
  process.execve?.(program, argv, env);
}

/** The socket below: sent as itself, so that nobody on the other side begins to read or accept. */
function handleOf(owner: object): never {
  return (owner as { _handle: unknown })._handle as never;
}

function tell(message: FromHelper, handle?: UdpSocket, sent?: () => void): void {
  process.send?.(message, handle, {}, () => sent?.());
}

function textOf(error: unknown): string {
  const said = (error as { stderr?: Buffer }).stderr?.toString().trim();
  return said !== undefined && said !== '' ? said : error instanceof Error ? error.message : String(error);
}
