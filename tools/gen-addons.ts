// Writes samples/addons/dashboards/*.json and the Grafana manifest that holds them, from lists of panels. `--check` only says what is stale.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dump } from 'js-yaml';
import { type Dashboard, DASHBOARDS } from './addon-dashboards.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = 'samples/addons';

const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
const COLUMNS = 2;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;

function grafana({ title, uid, variables, panels }: Dashboard): object {
  return {
    title: `Topsail ${title}`,
    uid,
    tags: ['topsail'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '10s',
    time: { from: 'now-15m', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        ...Object.entries(variables).map(([name, query]) => ({
          name,
          type: 'query',
          datasource: DATASOURCE,
          query,
          refresh: 2,
          sort: 1,
          includeAll: false,
        })),
      ],
    },
    panels: panels.map((panel, i) => ({
      id: i + 1,
      title: panel.title,
      type: panel.type ?? 'timeseries',
      datasource: DATASOURCE,
      gridPos: { x: (i % COLUMNS) * WIDTH, y: Math.floor(i / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: { defaults: panel.unit === undefined ? {} : { unit: panel.unit }, overrides: [] },
      targets: Object.entries(panel.queries).map(([legendFormat, expr], j) => ({
        refId: String.fromCharCode(65 + j),
        expr,
        legendFormat,
        ...(panel.type === 'table' ? { format: 'table', instant: true } : {}),
      })),
    })),
  };
}

function manifest(files: ReadonlyMap<string, string>): string {
  const labels = { 'app.kubernetes.io/name': 'grafana', app: 'grafana' };
  const metadata = (name: string): object => ({ name, namespace: 'istio-system', labels });
  const documents: readonly object[] = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('grafana'), automountServiceAccountToken: false },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('grafana'),
      data: {
        'datasources.yaml': dump({
          apiVersion: 1,
          datasources: [
            {
              name: 'Prometheus',
              type: 'prometheus',
              access: 'proxy',
              url: 'http://prometheus:9090',
              isDefault: true,
              jsonData: { timeInterval: '15s' },
            },
          ],
        }),
        'dashboards.yaml': dump({
          apiVersion: 1,
          providers: [
            { name: 'topsail', folder: 'Topsail', type: 'file', options: { path: '/var/lib/grafana/dashboards' } },
          ],
        }),
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('topsail-grafana-dashboards'),
      data: Object.fromEntries([...files].map(([name, text]) => [`${name}.json`, text])),
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('grafana'),
      spec: { selector: { app: 'grafana' }, ports: [{ name: 'http', port: 3000, targetPort: 3000 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('grafana'),
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'grafana' } },
        template: {
          metadata: { labels: { ...labels, 'sidecar.istio.io/inject': 'false' } },
          spec: {
            serviceAccountName: 'grafana',
            securityContext: { runAsNonRoot: true, runAsUser: 472, fsGroup: 472 },
            containers: [
              {
                name: 'grafana',
                image: 'docker.io/grafana/grafana:12.0.1',
                ports: [{ containerPort: 3000, name: 'http' }],
                env: [
                  { name: 'GF_AUTH_ANONYMOUS_ENABLED', value: 'true' },
                  { name: 'GF_AUTH_ANONYMOUS_ORG_ROLE', value: 'Admin' },
                  { name: 'GF_AUTH_BASIC_ENABLED', value: 'false' },
                  { name: 'GF_ANALYTICS_CHECK_FOR_UPDATES', value: 'false' },
                ],
                readinessProbe: { httpGet: { path: '/api/health', port: 3000 } },
                volumeMounts: [
                  {
                    name: 'config',
                    mountPath: '/etc/grafana/provisioning/datasources/datasources.yaml',
                    subPath: 'datasources.yaml',
                  },
                  {
                    name: 'config',
                    mountPath: '/etc/grafana/provisioning/dashboards/dashboards.yaml',
                    subPath: 'dashboards.yaml',
                  },
                  { name: 'dashboards', mountPath: '/var/lib/grafana/dashboards' },
                ],
              },
            ],
            volumes: [
              { name: 'config', configMap: { name: 'grafana' } },
              { name: 'dashboards', configMap: { name: 'topsail-grafana-dashboards' } },
            ],
          },
        },
      },
    },
  ];
  const head =
    '# Generated by tools/gen-addons.ts. Grafana for trying things out: open to whoever reaches it, keeps nothing.\n';
  return head + documents.map((document) => dump(document, { noRefs: true, lineWidth: -1 })).join('---\n');
}

/** Every generated file with its text. */
export function generatedAddons(): Map<string, string> {
  const files = new Map<string, string>();
  const dashboards = new Map<string, string>();
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    const text = `${JSON.stringify(grafana(dashboard), undefined, 2)}\n`;
    dashboards.set(name, text);
    files.set(`${FOLDER}/dashboards/${name}.json`, text);
  }
  files.set(`${FOLDER}/grafana.yaml`, manifest(dashboards));
  return files;
}

export function staleAddons(): string[] {
  const read = (path: string): string => {
    try {
      return readFileSync(join(root, path), 'utf8');
    } catch {
      return '';
    }
  };
  return [...generatedAddons()].filter(([path, text]) => read(path) !== text).map(([path]) => path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = staleAddons();
  if (process.argv.includes('--check')) {
    for (const path of stale) console.log(path);
    process.exit(stale.length === 0 ? 0 : 1);
  }
  for (const [path, text] of generatedAddons()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  console.log(`gen-addons: ${stale.length} files changed`);
}
