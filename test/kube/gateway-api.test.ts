// The Gateway API project's own conformance suite; what passes is in docs/gateway-api.md, a list that only grows.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildImages } from '../../src/main/image-files.ts';
import { VERSION } from '../../src/main/version.ts';
import { buildConformance, GATEWAY_CRDS, loadEchoImages, runConformance, startLoadBalancer } from './conformance.ts';
import type { KubeTest } from './run.ts';
import { mustTopsail, ROOT } from './topsail.ts';

const HUB = 'topsail.local';
const PAGE = join(ROOT, 'docs/gateway-api.md');
/** Features that are claimed. */
const GATEWAY_FEATURES = [
  'Gateway',
  'ReferenceGrant',
  'HTTPRoute',
  'GRPCRoute',
  'TLSRoute',
  'GatewayPort8080',
  'HTTPRouteBackendProtocolWebSocket',
  'HTTPRouteDestinationPortMatching',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror',
  'HTTPRouteRequestMultipleMirrors',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteSchemeRedirect',
  'HTTPRoute303RedirectStatusCode',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'HTTPRouteBackendProtocolH2C',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteRequestPercentageMirror',
  'GRPCRouteNamedRouteRule',
  'GatewayInfrastructure',
  'GatewayHTTPListenerIsolation',
  'GatewayHTTPSListenerDetectMisdirectedRequests',
  'HTTPRouteCORS',
  'HTTPRouteRetry',
  'BackendTLSPolicy',
  'BackendTLSPolicySANValidation',
  'TLSRouteModeTerminate',
  'TLSRouteModeMixed',
];
const MESH_FEATURES = [
  'Mesh',
  'HTTPRoute',
  'ReferenceGrant',
  'HTTPRouteParentRefPort',
  'HTTPRouteResponseHeaderModification',
  'HTTPRoute303RedirectStatusCode',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'MeshClusterIPMatching',
  'MeshConsumerRoute',
  'MeshHTTPRouteBackendRequestHeaderModification',
  'MeshHTTPRouteNamedRouteRule',
  'MeshHTTPRouteQueryParamMatching',
  'MeshHTTPRouteRedirectPath',
  'MeshHTTPRouteRedirectPort',
  'MeshHTTPRouteRewritePath',
  'MeshHTTPRouteSchemeRedirect',
];
/** In this order; only the mesh's pods have proxies. */
const RUNS = {
  mesh: { profiles: ['MESH-HTTP'], features: MESH_FEATURES, namespaceLabels: 'istio-injection=enabled' },
  gateways: { profiles: ['GATEWAY-HTTP', 'GATEWAY-GRPC', 'GATEWAY-TLS'], features: GATEWAY_FEATURES },
} as const;

const test: KubeTest = {
  title: 'Gateway API conformance',
  seconds: 480,
  long: 'the suite takes eight minutes',
  run: async (cluster, step) => {
    const there = await step('the suite is built', () =>
      buildConformance((text) => process.stdout.write(`    ${text}\n`)),
    );
    assert.ok(there, 'there is no Go to build the suite with');
    await step('images, kinds of the Gateway API, minimal profile', () => {
      for (const [name, image] of buildImages()) cluster.load(`${HUB}/${name}:${VERSION}`, image);
      loadEchoImages(cluster);
      cluster.kubectl(['apply', '--server-side', '-f', GATEWAY_CRDS]);
      const small = [
        '--set',
        'values.pilot.resources.requests.cpu=10m',
        '--set',
        'values.global.proxy.resources.requests.cpu=10m',
      ];
      mustTopsail(cluster, ['install', '--set', 'profile=minimal', ...small, '-y', '--readiness-timeout', '600s']);
    });
    const stop = startLoadBalancer(cluster);
    const log = process.env['TOPSAIL_CONFORMANCE_LOG'];
    // Some tests by a pattern of their names, or one of the runs above by its own.
    const only = process.env['TOPSAIL_CONFORMANCE_TEST'];
    const passed: string[] = [];
    const failed: string[] = [];
    try {
      for (const [name, suite] of Object.entries(RUNS)) {
        if (only !== undefined && (only in RUNS ? only !== name : only.startsWith('Mesh') !== (name === 'mesh')))
          continue;
        const outcomes = await step(`the suite runs: ${suite.profiles.join(', ')}`, () =>
          runConformance(cluster, {
            ...suite,
            ...(only === undefined || only === name ? {} : { test: only }),
            ...(log === undefined ? {} : { line: (text) => appendFileSync(log, `${text}\n`) }),
          }),
        );
        const whole = [...outcomes].filter(([test]) => !test.includes('/'));
        passed.push(...whole.filter(([, outcome]) => outcome === true).map(([test]) => test));
        failed.push(...whole.filter(([, outcome]) => outcome === false).map(([test]) => test));
      }
      process.stdout.write(`    passed ${passed.length}, failed ${failed.length}: ${failed.join(' ')}\n`);
      if (only !== undefined) return;
      if (process.env['TOPSAIL_CONFORMANCE_WRITE'] !== undefined) writePage(passed, failed);
      await step('what passed before passes', () => {
        const before = [...readFileSync(PAGE, 'utf8').matchAll(/^- (\w+)$/gm)].map(([, name]) => name as string);
        assert.deepEqual(
          before.filter((name) => !passed.includes(name)),
          [],
        );
      });
    } finally {
      stop();
    }
  },
};

export default test;

function writePage(passed: readonly string[], failed: readonly string[]): void {
  const text = readFileSync(PAGE, 'utf8');
  const list = (names: readonly string[], mark: string): string =>
    [...names]
      .sort()
      .map((name) => `${mark} ${name}\n`)
      .join('');
  writeFileSync(
    PAGE,
    `${text.slice(0, text.indexOf('## Passing'))}## Passing\n\n${list(passed, '-')}\n## Not yet\n\n${failed.length === 0 ? 'None of the tests for the claimed features.\n' : list(failed, '*')}`,
  );
}
