// Cost of a token that was verified before (the goal is 15 µs) and of one that was not.

import { create, toBinary } from '@bufbuild/protobuf';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { FakeClock, SeededRandom, silentLogger } from '#base';
import { JwtAuthenticationSchema } from '#proto/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { HTTP_FILTERS, type FilterCallbacks, type FilterContext } from '#proxy';
import { StatStore, StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';

const CALLS = 50_000;
const issuer = 'https://issuer.example';

for (const algorithm of ['ES256', 'RS256']) {
  const pair = await generateKeyPair(algorithm);
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] });
  const clock = new FakeClock(Date.now());
  const extension = HTTP_FILTERS.find(({ name }) => name === 'envoy.filters.http.jwt_authn');
  const config = create(JwtAuthenticationSchema, {
    providers: {
      p: {
        issuer,
        payloadInMetadata: 'payload',
        normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope'] },
        jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: jwks } } },
      },
    },
    rules: [
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        requirementType: { case: 'requires', value: { requiresType: { case: 'providerName', value: 'p' } } },
      },
    ],
  });
  const context = {
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    stats: new StatStore(),
    statPrefix: '',
  } as unknown as FilterContext;
  const factory = extension?.build(toBinary(JwtAuthenticationSchema, config), context, 'jwt');
  const sign = (sub: string): Promise<string> =>
    new SignJWT({ sub, scope: 'read write', groups: ['a', 'b', 'c'] })
      .setProtectedHeader({ alg: algorithm, kid: 'one' })
      .setIssuer(issuer)
      .setExpirationTime('1h')
      .sign(pair.privateKey);
  const once = (token: string): Promise<number> =>
    new Promise((resolve) => {
      const headers = new HeaderBlock();
      // A fresh copy of the text, as a codec makes one for every request.
      headers.add('authorization', `Bearer ${Buffer.from(token, 'latin1').toString('latin1')}`);
      const head: RequestHead = {
        method: 'GET',
        path: '/',
        authority: 'a',
        scheme: 'http',
        version: '1.1',
        protocol: '',
        headers,
      };
      const start = process.hrtime.bigint();
      const done = (): void => resolve(Number(process.hrtime.bigint() - start) / 1000);
      const callbacks = {
        record: new StreamRecord(),
        connection: {},
        route: undefined,
        clearRoute: () => {},
        continueRequest: done,
        reply: () => resolve(Number.NaN),
      } as unknown as FilterCallbacks;
      if (factory?.create(callbacks).requestHead?.(head, true) === 'continue') done();
    });
  const token = await sign('ann');
  await once(token);
  const cached: number[] = [];
  for (let i = 0; i < CALLS; i++) cached.push(await once(token));
  const fresh: number[] = [];
  for (let i = 0; i < 300; i++) fresh.push(await once(await sign(`user-${i}`)));
  const at = (values: number[], share: number): string =>
    (values.sort((a, b) => a - b)[Math.floor(values.length * share)] as number).toFixed(1);
  console.log(
    `${algorithm} cached: p50 ${at(cached, 0.5)} µs, p99 ${at(cached, 0.99)} µs; first time: p50 ${at(fresh, 0.5)} µs`,
  );
}
