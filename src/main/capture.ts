// `topsail capture`: the redirection of a pod as one nft transaction in its network namespace, and the check that it is there.
import { spawnSync } from 'node:child_process';
import { createServer, connect, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { nftRules, PROBE_PORT } from '#agent';
import { CAPTURE_MISSING_STATUS, type CapturePlan } from '#base';
import { INBOUND_PORT } from '#controllers';
import { enterNetworkNamespace } from '#io';
import { captureRoutes } from './capture-routes.ts';
import { ownAddresses } from './own-addresses.ts';

const CHECK_WITHIN_MS = 5_000;
const CHECK_AGAIN_MS = 200;

export function captureApply(options: Readonly<Record<string, unknown>>): number {
  let plan: CapturePlan;
  try {
    plan = JSON.parse(String(options['plan'])) as CapturePlan;
  } catch (error) {
    process.stderr.write(`error: --plan is no JSON: ${(error as Error).message}\n`);
    return 1;
  }
  const rules = nftRules(plan);
  process.stdout.write(rules);
  if (options['dryRun'] === true) return 0;
  if (typeof options['netns'] === 'string') enterNetworkNamespace(options['netns']);
  const done = spawnSync('nft', ['-f', '-'], { input: rules, encoding: 'utf8' });
  if (done.status === 0) {
    captureRoutes(plan);
    return 0;
  }
  process.stderr.write(
    `error: nft refused the rules: ${done.error?.message ?? done.stderr}\nWhat to do: the container needs NET_ADMIN and a kernel with nf_tables (CONFIG_NF_TABLES_INET, CONFIG_NFT_REDIR).\n`,
  );
  return 1;
}

/** The init container of pods that the CNI plugin captures: as the proxy's user, whose calls to the pod itself come back in. */
export async function captureValidate(): Promise<number> {
  const [address] = ownAddresses();
  if (address === undefined) {
    process.stderr.write('error: this pod has no address\n');
    return 1;
  }
  const arrived = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.destroy();
    arrived.resolve();
  });
  await listen(server);
  const deadline = Date.now() + CHECK_WITHIN_MS;
  let captured = false;
  while (!captured && Date.now() < deadline) {
    const probe = call(address);
    const timer = Promise.withResolvers<void>();
    const handle = setTimeout(timer.resolve, CHECK_AGAIN_MS);
    captured = await Promise.race([arrived.promise.then(() => true), timer.promise.then(() => false)]);
    clearTimeout(handle);
    probe.destroy();
  }
  server.close();
  if (captured) {
    process.stdout.write('the traffic of this pod goes to its proxy\n');
    return 0;
  }
  process.stderr.write(
    'error: nothing redirects the traffic of this pod to its proxy.\n' +
      'What to do: the CNI plugin was not in place when the pod started; its agent (DaemonSet istio-cni-node) repairs or deletes such pods. Look whether it is ready on this node.\n',
  );
  return CAPTURE_MISSING_STATUS;
}

function call(address: string): Socket {
  const socket = connect({ host: address, port: PROBE_PORT });
  socket.on('error', () => {});
  return socket;
}

/** Both address families where there are both. */
function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(INBOUND_PORT, resolve);
  });
}
