// For an application that speaks gRPC without a proxy: with GRPC_XDS_BOOTSTRAP in its environment, the agent writes that file, the
// workload's certificate beside it, and serves the control plane's xDS on a Unix socket, as Istio's agent does.
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { grpcBootstrap, RELAYED_PATHS, XdsRelay } from '#agent';
import type { Clock, Logger, NodeMetadata } from '#base';
import { MESH_ROOTS, WORKLOAD_CERTIFICATE } from '#identity';
import { gunzip, listenGrpc } from '#io';
import { GrpcServer } from '#wire/grpc';
import type { AgentIdentity } from './agent-identity.ts';
import { CLUSTER_DOMAIN } from './cluster-domain.ts';

export const GRPC_BOOTSTRAP_VARIABLE = 'GRPC_XDS_BOOTSTRAP';

export interface GrpcClientOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: AgentIdentity;
  readonly nodeId: string;
  readonly cluster: string;
  readonly metadata: NodeMetadata;
  /** Where the bootstrap is written. */
  readonly path: string;
}

/** What the application's environment needs beside what the agent was given. */
export async function serveGrpcClient(options: GrpcClientOptions): Promise<Record<string, string>> {
  const { clock, log, identity, nodeId, cluster, metadata, path } = options;
  const folder = mkdtempSync(join(tmpdir(), 'topsail-grpc-'));
  chmodSync(folder, 0o700);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'xds.sock');
  const server = new GrpcServer({ clock, log: log.scope('grpc'), gunzip });
  const relay = new XdsRelay(identity.channel, () => identity.metadata());
  for (const relayed of RELAYED_PATHS) server.register(relayed, relay.method);
  await listenGrpc({ host: socket, port: 0, mode: 0o600, log }, (stream) => server.accept(stream));
  const files = {
    certificate: join(folder, 'cert-chain.pem'),
    key: join(folder, 'key.pem'),
    roots: join(folder, 'root-cert.pem'),
  };
  await written(identity, files);
  replace(path, grpcBootstrap({ nodeId, cluster, metadata, socket, files }));
  log.info('gRPC clients find the mesh by a bootstrap file', { path });
  // The loopback forward proxy is not for them: empty means none.
  return { [GRPC_BOOTSTRAP_VARIABLE]: path, grpc_proxy: '', no_grpc_proxy: `.svc.${CLUSTER_DOMAIN}` };
}

/** Resolves when certificate and roots are there; each newer one replaces its file. */
function written(
  identity: AgentIdentity,
  files: { readonly certificate: string; readonly key: string; readonly roots: string },
): Promise<unknown> {
  return Promise.all([
    new Promise<void>((there) => {
      identity.secrets.subscribe(WORKLOAD_CERTIFICATE, (value) => {
        if (value.kind !== 'certificate') return;
        replace(files.key, value.privateKeyPem);
        replace(files.certificate, value.certChainPem);
        there();
      });
    }),
    new Promise<void>((there) => {
      identity.secrets.subscribe(MESH_ROOTS, (value) => {
        if (value.kind !== 'trust') return;
        replace(files.roots, value.rootsPem);
        there();
      });
    }),
  ]);
}

/** Nobody reads half a file. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
