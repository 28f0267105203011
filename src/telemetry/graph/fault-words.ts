// What `injectedFault` says of a request, in words, and the object that asked for it.

/** "fault injected (abort 503) by VirtualService default/reviews", of what `injectedFault` says. */
export function faultWords(fault: string): string {
  const { what, object } = partsOf(fault);
  return `fault injected (${what})${object === '' ? '' : ` by ${object}`}`;
}

/** The object that asks for it, where it is known. */
export function faultObject(
  fault: string,
): { readonly kind: string; readonly namespace: string; readonly name: string } | undefined {
  const [kind, place] = partsOf(fault).object.split(' ');
  const [namespace, name] = (place ?? '').split('/');
  return kind === undefined || namespace === undefined || name === undefined ? undefined : { kind, namespace, name };
}

function partsOf(fault: string): { readonly what: string; readonly object: string } {
  const found = /^((?:delay|abort(?: grpc)? \d+|, )+)(?: (\S+ \S+))?$/.exec(fault);
  return { what: found?.[1] ?? fault, object: found?.[2] ?? '' };
}
