// Which content coding a client gets, by its Accept-Encoding with weights (RFC 9110 §12.5.3).

const WEIGHT = /^q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

/** The coding that the client likes most, of `offered` in order of preference; '' = as it is. */
export function chooseEncoding(accepted: string, offered: readonly string[]): string {
  const weights = new Map<string, number>();
  for (const part of accepted.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.length === 0 ? 1 : weightOf(parameters);
    // What can't be read asks for nothing.
    if (name !== '' && weight !== undefined) weights.set(name === 'x-gzip' ? 'gzip' : name, weight);
  }
  const others = weights.get('*') ?? 0;
  let best = '';
  let most = 0;
  for (const encoding of offered) {
    const weight = weights.get(encoding) ?? others;
    if (weight <= most) continue;
    best = encoding;
    most = weight;
  }
  return (weights.get('identity') ?? 0) > most ? '' : best;
}

function weightOf(parameters: readonly string[]): number | undefined {
  for (const parameter of parameters) {
    const match = WEIGHT.exec(parameter.replaceAll(/\s/g, ''));
    if (match !== null) return Number(match[1]);
  }
  return undefined;
}
