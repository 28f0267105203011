// The host's resolvers and search domains, as resolv.conf(5) writes them.

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
}

export function readResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    // The last of "search" and "domain" counts.
    if (word === 'search' || word === 'domain')
      search = values.map((one) => one.toLowerCase().replace(/^\.|\.$/g, '')).filter((one) => one !== '');
  }
  // As the C library does without a "nameserver" line.
  return { servers: servers.length > 0 ? servers : ['127.0.0.1'], search };
}
