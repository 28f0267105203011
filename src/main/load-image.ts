// Which cluster of this machine takes an image archive, and by which command: the one that kubectl means, else the only one there is.

/** A cluster of a tool that runs clusters here. */
export interface LocalCluster {
  readonly tool: 'kind' | 'k3d' | 'minikube';
  readonly name: string;
  /** As the tool calls it in the kubeconfig. */
  readonly context: string;
}

/** What a program prints; undefined when it is not there, or fails. */
export type Ask = (tool: string, args: readonly string[]) => string | undefined;

export function localClusters(ask: Ask): readonly LocalCluster[] {
  const lines = (text: string | undefined): readonly string[] =>
    (text ?? '').split('\n').flatMap((one) => one.trim() || []);
  const kind = lines(ask('kind', ['get', 'clusters'])).map(
    (name) => ({ tool: 'kind', name, context: `kind-${name}` }) as const,
  );
  const k3d = lines(ask('k3d', ['cluster', 'list', '--no-headers'])).map((line) => {
    const [name = ''] = line.split(/\s+/);
    return { tool: 'k3d', name, context: `k3d-${name}` } as const;
  });
  const minikube = profiles(ask('minikube', ['profile', 'list', '--light', '-o', 'json'])).map(
    (name) => ({ tool: 'minikube', name, context: name }) as const,
  );
  return [...kind, ...k3d, ...minikube];
}

/** `context`: the kubeconfig's present one, '' when there is none. */
export function chooseCluster(
  clusters: readonly LocalCluster[],
  context: string,
): { readonly cluster: LocalCluster } | { readonly problem: string } {
  const [only, second] = clusters;
  const meant = clusters.find((one) => one.context === context);
  if (meant !== undefined) return { cluster: meant };
  if (only === undefined)
    return {
      problem:
        'Found no cluster to load into: kind, k3d and minikube have none. Name containerd\'s socket with --containerd, or use "topsail images push --hub HOST/PATH".',
    };
  if (second === undefined) return { cluster: only };
  const names = clusters.map((one) => one.context).join(', ');
  return {
    problem: `Found several clusters to load into, and the kubeconfig's context "${context}" is none of them: ${names}. Choose one: kubectl config use-context NAME.`,
  };
}

export function loadCommand({ tool, name }: LocalCluster, path: string): readonly string[] {
  if (tool === 'kind') return ['load', 'image-archive', path, '--name', name];
  return tool === 'k3d' ? ['image', 'import', path, '-c', name] : ['-p', name, 'image', 'load', path];
}

function profiles(json: string | undefined): readonly string[] {
  try {
    const { valid = [] } = JSON.parse(json ?? '{}') as { readonly valid?: readonly { readonly Name: string }[] };
    return valid.map(({ Name }) => Name);
  } catch {
    return [];
  }
}
