// Reads Istio's cluster names: "outbound|9080|v1|reviews.default.svc.cluster.local" is reviews, subset v1, port 9080.

export function clusterWords(name: string): string {
  const [direction, port = '', subset = '', host = ''] = name.split('|');
  if (direction === 'inbound') return `this workload, port ${port}`;
  if (host === '') return name;
  const [service = host, namespace = ''] = host.split('.');
  const short = host.includes('.svc.') ? `${service}.${namespace}` : host;
  return `${short}${subset === '' ? '' : ` subset ${subset}`} :${port}${direction === 'connect' ? ' (CONNECT)' : ''}`;
}
