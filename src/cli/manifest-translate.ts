// topsail manifest translate: an IstioOperator as values of the Helm charts and the commands that use them.
import { type InstallSettings, overlay, type Tree, isTree } from '#controllers';
import type { CliContext } from './context.ts';
import { type InstallFlags, settingsOf } from './install-settings.ts';
import { toYaml } from './to-yaml.ts';

interface Release {
  readonly name: string;
  readonly chart: 'base' | 'istiod' | 'cni' | 'gateway' | 'ztunnel';
  readonly namespace: string;
  readonly values: Tree;
}

export async function manifestTranslate(
  context: CliContext,
  flags: InstallFlags & { readonly output?: string },
): Promise<number> {
  const settings = await settingsOf(context, flags);
  for (const warning of settings.warnings) context.err(`! ${warning}\n`);
  const { pilot, injector, namespace, revision } = settings;
  const [hub, tag] = [
    settings.image.slice(0, settings.image.lastIndexOf('/')),
    settings.image.slice(settings.image.lastIndexOf(':') + 1),
  ];
  const image = {
    hub,
    tag,
    imagePullPolicy: settings.imagePullPolicy,
    imagePullSecrets: [...settings.imagePullSecrets],
  };
  const named: Tree = revision === 'default' ? {} : { revision };
  const suffix = revision === 'default' ? '' : `-${revision}`;
  const releases: Release[] = [];
  if (settings.base) releases.push({ name: 'istio-base', chart: 'base', namespace, values: {} });
  if (pilot !== undefined) {
    const { gateways: _gateways, cni: _cni, global, revision: _revision, ...values } = settings.values;
    const own: Tree = {
      ...named,
      global: overlay(isTree(global) ? global : {}, image),
      pilot: {
        autoscaleEnabled: pilot.autoscale !== undefined,
        ...(pilot.autoscale === undefined
          ? { replicaCount: pilot.replicas }
          : { autoscaleMin: pilot.autoscale.min, autoscaleMax: pilot.autoscale.max }),
        resources: pilot.resources as Tree,
        env: { ...pilot.env },
        podAnnotations: { ...pilot.annotations },
        nodeSelector: { ...pilot.nodeSelector },
        tolerations: [...pilot.tolerations],
        cni: { enabled: injector.cni },
      },
      ...(Object.keys(settings.meshConfig).length === 0 ? {} : { meshConfig: settings.meshConfig }),
    };
    releases.push({ name: `istiod${suffix}`, chart: 'istiod', namespace, values: overlay(values, own) });
  }
  if (settings.cni !== undefined) releases.push(cniRelease(settings.cni, { ...named, global: image }));
  if (settings.ztunnel !== undefined)
    releases.push({ name: 'ztunnel', chart: 'ztunnel', namespace: settings.ztunnel.namespace, values: {} });
  for (const gateway of settings.gateways)
    releases.push({
      name: gateway.name,
      chart: 'gateway',
      namespace: gateway.namespace,
      values: {
        ...named,
        name: gateway.name,
        global: { ...image, istioNamespace: namespace, proxy: { logLevel: injector.proxy.logLevel } },
        replicaCount: gateway.replicas,
        resources: gateway.resources as Tree,
        serviceAccount: { name: gateway.serviceAccount },
        service: { type: gateway.serviceType, ports: gateway.ports.map((port) => ({ ...port, protocol: 'TCP' })) },
        labels: { ...gateway.labels },
        env: { ...gateway.env },
        podAnnotations: { ...gateway.annotations },
        nodeSelector: { ...gateway.nodeSelector },
        tolerations: [...gateway.tolerations],
        ...(Object.keys(settings.meshConfig).length === 0 ? {} : { meshConfig: settings.meshConfig }),
      },
    });
  await write(context, releases, flags.output);
  return 0;
}

function cniRelease(cni: NonNullable<InstallSettings['cni']>, common: Tree): Release {
  const { labelKey, labelValue, ...repair } = cni.repair;
  return {
    name: 'istio-cni',
    chart: 'cni',
    namespace: cni.namespace,
    values: {
      ...common,
      cniBinDir: cni.binDir,
      cniConfDir: cni.confDir,
      cniConfFileName: cni.confFile,
      chained: cni.chained,
      excludeNamespaces: [...cni.excludeNamespaces],
      repair: { ...repair, brokenPodLabelKey: labelKey, brokenPodLabelValue: labelValue },
      logging: { level: cni.logLevel },
      env: { ...cni.env },
      resources: cni.resources as Tree,
      podAnnotations: { ...cni.annotations },
      nodeSelector: { ...cni.nodeSelector },
      tolerations: [...cni.tolerations],
    },
  };
}

/** Into a folder, or as one text whose values are quoted documents of the shell. */
async function write(context: CliContext, releases: readonly Release[], output: string | undefined): Promise<void> {
  const command = ({ name, chart, namespace }: Release, values: string): string =>
    `helm upgrade --install ${name} charts/${chart} -n ${namespace} --create-namespace -f ${values}`;
  if (output === undefined) {
    for (const release of releases)
      context.out(`${command(release, "- <<'VALUES'")}\n${toYaml(release.values)}VALUES\n`);
    return;
  }
  const folder = context.resolvePath(context.cwd, output);
  await context.fs.makeFolder(folder);
  for (const release of releases)
    await context.fs.writeText(context.resolvePath(folder, `${release.name}.yaml`), toYaml(release.values));
  const script = releases.map((one) => `${command(one, `${one.name}.yaml`)}\n`).join('');
  await context.fs.writeText(context.resolvePath(folder, 'install.sh'), `#!/bin/sh\nset -eu\n${script}`);
  context.out(`${releases.length} files of values and install.sh were written to ${output}\n`);
}
