// Reads server-sent events of the mesh's API for a command that follows something.
import { CliError, type EventCall } from '#cli';

export async function readEventStream({ url, headers, until }: EventCall, take: (data: string) => void): Promise<void> {
  const stop = new AbortController();
  void until.then(() => stop.abort());
  try {
    const answer = await fetch(url, { headers, signal: stop.signal });
    if (!answer.ok) throw new CliError(`${await answer.text()} (${answer.status})`);
    let rest = '';
    for await (const chunk of (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part.startsWith('data: ')) take(part.slice(6));
    }
  } catch (error) {
    if (!stop.signal.aborted)
      throw error instanceof CliError
        ? error
        : new CliError(`The control plane ended the stream (${(error as Error).message}).`);
  }
}
