// A gRPC server of one method, which says its version. PORT and VERSION come from the environment.
import process from 'node:process';
import * as grpc from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;
const server = new grpc.Server();
const who = {
  path: '/t.Greeter/Who',
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
server.addService({ who } as never, {
  who: (_: unknown, done: (error: null, answer: Buffer) => void) =>
    done(null, Buffer.from(process.env['VERSION'] ?? '')),
});
server.bindAsync(`127.0.0.1:${process.env['PORT']}`, grpc.ServerCredentials.createInsecure(), () => {});
