// A gRPC client without a proxy: grpc-js with grpc-js-xds. Takes orders, one JSON a line, `{ count, headers }`; answers with a line of
// versions and failures, counted. The bootstrap is $GRPC_XDS_BOOTSTRAP.
import process from 'node:process';
import { createInterface } from 'node:readline';
import * as grpc from '@grpc/grpc-js';
import { register, XdsChannelCredentials } from '@grpc/grpc-js-xds';

const DEADLINE_MS = 60_000;
const TARGET = process.argv[2] ?? '';
const same = (bytes: Buffer): Buffer => bytes;

register();
const client = new grpc.Client(TARGET, new XdsChannelCredentials(grpc.credentials.createInsecure()));

function call(headers: Readonly<Record<string, string>>): Promise<string> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + DEADLINE_MS };
    client.makeUnaryRequest('/t.Greeter/Who', same, same, Buffer.alloc(0), metadata, options, (error, answer) =>
      resolve(error === null ? String(answer) : `failed: ${error.message}`),
    );
  });
}

process.stdout.write('{}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { count, headers } = JSON.parse(line) as { count: number; headers: Record<string, string> };
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const answer = await call(headers);
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`);
}
