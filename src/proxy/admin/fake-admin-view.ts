// Test helper: a proxy with one listener, one cluster and one of each resource.

import { create, toBinary } from '@bufbuild/protobuf';
import { BootstrapSchema } from '#proto/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '#proto/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { SecretSchema } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { RouterSchema } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { packAny } from '#proto';
import type { LogLevel } from '#base';
import { StatStore } from '#telemetry';
import type { DumpedKind, DumpedResource } from '../dump/dump-view.ts';
import type { AdminView } from './admin-view.ts';

const WALL = 1_750_000_000_000;

export interface FakeAdminView extends AdminView {
  readonly done: string[];
  live: boolean;
}

export function fakeAdminView(): FakeAdminView {
  const done: string[] = [];
  const levels = new Map<string, LogLevel>([
    ['http', 'warn'],
    ['router', 'warn'],
  ]);
  const limits = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 };
  const view: FakeAdminView = {
    done,
    live: true,
    stats: new StatStore(),
    server: () => ({
      version: 'topsail/0.1.0',
      state: view.live ? 'LIVE' : 'INITIALIZING',
      uptimeMs: 2_500,
      options: { concurrency: 1 },
      node: { id: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local', cluster: 'a', metadata: {} },
    }),
    listeners: () => [{ name: 'l1', address: '127.0.0.1', port: 8080, additional: [{ address: '::1', port: 8080 }] }],
    clusters: () => [
      {
        name: 'c1',
        observabilityName: 'c1',
        addedViaApi: false,
        thresholds: { default: limits, high: limits },
        hosts: [
          {
            key: 'host',
            address: '127.0.0.1',
            port: 9080,
            hostname: '',
            healthFlags: '/failed_outlier_check',
            weight: 1,
            priority: 0,
            canary: false,
            region: 'eu',
            zone: '',
            subZone: '',
            successRate: -1,
            cxActive: 1,
            cxConnectFail: 0,
            cxTotal: 2,
            rqActive: 0,
            rqError: 0,
            rqSuccess: 6,
            rqTimeout: 0,
            rqTotal: 7,
          },
        ],
      },
    ],
    certificates: () => [
      {
        ca: [],
        chain: [
          {
            path: '<inline>',
            serialNumber: '01',
            uriSans: ['spiffe://cluster.local/ns/a/sa/b'],
            dnsSans: [],
            notBeforeMs: WALL,
            notAfterMs: WALL + 86_400_000,
          },
        ],
      },
    ],
    bootstrap: () => ({
      bytes: toBinary(BootstrapSchema, create(BootstrapSchema, { node: { id: 'n' } })),
      updatedWallMs: WALL,
    }),
    resources: (kind) => RESOURCES[kind],
    memory: () => ({ allocated: 10, heapSize: 30, resident: 99 }),
    unready: () => (view.live ? [] : ['LDS']),
    logLevels: () => levels,
    setLogLevel: (scope, level) => {
      for (const name of scope === undefined ? levels.keys() : [scope]) levels.set(name, level);
      return true;
    },
    drainListeners: (o) => void done.push(`drain ${JSON.stringify(o)}`),
    reopenLogs: () => void done.push('reopen'),
    quit: () => void done.push('quit'),
  };
  return view;
}

const resource = (name: string, bytes: Uint8Array, more: Partial<DumpedResource> = {}): DumpedResource => ({
  name,
  version: '7',
  bytes,
  updatedWallMs: WALL,
  isStatic: false,
  state: 'active',
  ...more,
});

const RESOURCES: Readonly<Record<DumpedKind, readonly DumpedResource[]>> = {
  cluster: [
    resource('static', toBinary(ClusterSchema, create(ClusterSchema, { name: 'static' })), {
      isStatic: true,
      version: '',
    }),
    resource('c1', toBinary(ClusterSchema, create(ClusterSchema, { name: 'c1', altStatName: 'x' }))),
  ],
  listener: [
    resource(
      'l1',
      toBinary(
        ListenerSchema,
        create(ListenerSchema, {
          name: 'l1',
          listenerFilters: [
            {
              name: 'r',
              configType: {
                case: 'typedConfig',
                value: packAny(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true })),
              },
            },
          ],
        }),
      ),
    ),
    resource(
      'l2',
      toBinary(
        ListenerSchema,
        create(ListenerSchema, {
          name: 'l2',
          listenerFilters: [
            {
              name: 'u',
              configType: {
                case: 'typedConfig',
                value: { typeUrl: 'type.googleapis.com/unknown.Type', value: new Uint8Array([1]) },
              },
            },
          ],
        }),
      ),
      { error: { details: 'port taken', version: '8', atWallMs: WALL } },
    ),
  ],
  route: [],
  endpoint: [],
  secret: [
    resource(
      'default',
      toBinary(
        SecretSchema,
        create(SecretSchema, {
          name: 'default',
          type: {
            case: 'tlsCertificate',
            value: {
              privateKey: { specifier: { case: 'inlineBytes', value: Buffer.from('TOPSECRET') } },
              certificateChain: { specifier: { case: 'inlineString', value: 'PUBLIC' } },
            },
          },
        }),
      ),
    ),
  ],
};
