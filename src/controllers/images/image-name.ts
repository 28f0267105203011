// Takes an image's name apart: registry, repository, tag (OCI distribution-spec 1.1; names without a registry mean Docker Hub).

export interface ImageName {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** Undefined when the text is no name. */
export function parseImageName(text: string): ImageName | undefined {
  const found =
    /^(?:([A-Za-z0-9.-]+(?::\d{1,5})?)\/)?([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?$/.exec(
      text,
    );
  if (found === null) return undefined;
  const [, host, path = '', tag = 'latest'] = found;
  const isHost = host !== undefined && (host.includes('.') || host.includes(':') || host === 'localhost');
  if (isHost) return { registry: host, repository: path, tag };
  if (host !== undefined && !/^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/.test(host)) return undefined;
  return { registry: 'registry-1.docker.io', repository: host === undefined ? path : `${host}/${path}`, tag };
}
