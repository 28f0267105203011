// Decides who may see an exported object: `*`, `.`, `~` and namespaces (inventory §1, exportTo).

export function isVisible(
  exportTo: readonly string[] | undefined,
  place: { readonly own: string; readonly from: string; readonly meshDefault?: readonly string[] | undefined },
): boolean {
  const list = exportTo === undefined || exportTo.length === 0 ? (place.meshDefault ?? ['*']) : exportTo;
  for (const entry of list) {
    if (entry === '~') return false;
    if (entry === '*' || entry === place.from) return true;
    if (entry === '.' && place.own === place.from) return true;
  }
  return false;
}

/** True when every label of `selector` is on `labels`. An empty selector selects all. */
export function labelsMatch(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (selector === undefined) return true;
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}
