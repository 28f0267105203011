// One text for each IP address, as the system writes it (RFC 5952): addresses are compared and looked up as texts.

/** Of 16 bytes. */
export function ipv6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number));
  let [start, length] = [0, 0];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const text = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

/** What is no IPv6 address stays as it is. */
export function canonicalIp(text: string): string {
  if (!text.includes(':') || text.includes('.')) return text;
  const halves = text.split('::');
  const words = (part: string | undefined): string[] => (part === undefined || part === '' ? [] : part.split(':'));
  const [front, back] = [words(halves[0]), words(halves[1])];
  const missing = 8 - front.length - back.length;
  if (halves.length > 2 || (halves.length === 1 ? missing !== 0 : missing < 1)) return text;
  const all = [...front, ...Array<string>(missing).fill('0'), ...back];
  if (!all.every((word) => /^[0-9a-fA-F]{1,4}$/.test(word))) return text;
  return ipv6Text(
    Uint8Array.from(
      all.flatMap((word) => {
        const value = Number.parseInt(word, 16);
        return [value >> 8, value & 255];
      }),
    ),
  );
}
