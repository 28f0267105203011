import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { FakeClock, type Net, SeededRandom, silentLogger, TYPE_URL } from '#base';
import { typeUrlOf } from '#proto';
import { TypedExtensionConfigSchema } from '#proto/envoy/config/core/v3/extension_pb.ts';
import { ListenerSchema } from '#proto/envoy/config/listener/v3/listener_pb.ts';
import { FilterChainConfigSchema } from '#proto/envoy/extensions/filters/http/filter_chain/v3/filter_chain_pb.ts';
import { RBACSchema } from '#proto/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from '#proto/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HTTP_FILTERS } from '../filter/index.ts';
import { Proxy } from '../proxy.ts';
import { ExtensionRegistry } from './extensions.ts';
import type { NamedResource } from './named-resource.ts';

function any<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
  return create(AnySchema, { typeUrl: typeUrlOf(schema), value: toBinary(schema, create(schema, init)) });
}

const rbac = any(RBACSchema, { rules: { action: 1 } });
const chainOf = (...filters: Any[]): Any =>
  any(FilterChainConfigSchema, {
    defaultFilterChain: { filters: filters.map((typedConfig, i) => ({ name: `f${i}`, typedConfig })) },
  });

interface Slot {
  readonly byDefault?: Any;
  readonly atOnce?: boolean;
}

function listener({ byDefault, atOnce = false }: Slot = {}): NamedResource {
  const manager = any(HttpConnectionManagerSchema, {
    routeSpecifier: { case: 'routeConfig', value: { name: 'r' } },
    httpFilters: [
      {
        name: 'policies',
        configType: {
          case: 'configDiscovery',
          value: {
            typeUrls: [typeUrlOf(FilterChainConfigSchema)],
            applyDefaultConfigWithoutWarming: atOnce,
            ...(byDefault === undefined ? {} : { defaultConfig: byDefault }),
          },
        },
      },
      { name: 'router', configType: { case: 'typedConfig', value: any(RouterSchema, {}) } },
    ],
  });
  const message = create(ListenerSchema, {
    name: 'l',
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: 1 } },
      },
    },
    filterChains: [{ filters: [{ name: 'm', configType: { case: 'typedConfig', value: manager } }] }],
  });
  return { name: 'l', version: '', bytes: toBinary(ListenerSchema, message) };
}

function filter(typedConfig: Any): NamedResource {
  const bytes = toBinary(
    TypedExtensionConfigSchema,
    create(TypedExtensionConfigSchema, { name: 'policies', typedConfig }),
  );
  return { name: 'policies', version: '', bytes };
}

async function open() {
  const extensions = new ExtensionRegistry();
  for (const one of HTTP_FILTERS) extensions.registerHttpFilter(one);
  const net = { listen: async () => ({ address: '127.0.0.1', port: 1, close: () => {} }) } as unknown as Net;
  const proxy = await Proxy.create({
    clock: new FakeClock(),
    random: new SeededRandom(1),
    net,
    log: silentLogger,
    secrets: { subscribe: () => () => {} },
    extensions,
  });
  /** How many filters are in force before the router; undefined while nothing listens. */
  const inForce = async (): Promise<number | undefined> => {
    await proxy.config.settled();
    const chain = [...proxy.listeners.all()][0]?.snapshot.chains[0];
    return (chain?.terminal as { config?: { filters: readonly unknown[] } } | undefined)?.config?.filters.length;
  };
  const apply = (type: string, resource: NamedResource) => proxy.applyResources(type, [resource], []);
  return { proxy, apply, inForce };
}

test('a listener waits for the filters that come by themselves, and asks for them', async () => {
  const { proxy, apply, inForce } = await open();
  assert.deepEqual(apply(TYPE_URL.listener, listener()), []);
  assert.deepEqual([...proxy.config.wants().filters], ['policies']);
  assert.equal(await inForce(), undefined);
  assert.deepEqual(apply(TYPE_URL.extensionConfig, filter(chainOf(rbac, rbac))), []);
  assert.equal(await inForce(), 2);
  proxy.close();
});

test('a filter that changes is in force without its listener being sent again', async () => {
  const { proxy, apply, inForce } = await open();
  apply(TYPE_URL.extensionConfig, filter(chainOf()));
  apply(TYPE_URL.listener, listener());
  assert.equal(await inForce(), 0);
  apply(TYPE_URL.extensionConfig, filter(chainOf(rbac)));
  assert.equal(await inForce(), 1);
  proxy.close();
});

test('a filter that is no good is refused by name, and the former stays', async () => {
  const { proxy, apply, inForce } = await open();
  apply(TYPE_URL.listener, listener());
  apply(TYPE_URL.extensionConfig, filter(chainOf(rbac)));
  const unknown = create(AnySchema, { typeUrl: 'type.googleapis.com/no.such.Filter' });
  for (const bad of [chainOf(unknown), rbac]) {
    const [reject] = apply(TYPE_URL.extensionConfig, filter(bad));
    assert.equal(reject?.name, 'policies');
    assert.match(reject?.detail ?? '', /no\.such\.Filter|the listener takes/);
    assert.equal(await inForce(), 1);
  }
  proxy.close();
});

test('a filter that is taken away stays in force where it is', async () => {
  const { proxy, apply, inForce } = await open();
  apply(TYPE_URL.listener, listener());
  apply(TYPE_URL.extensionConfig, filter(chainOf(rbac)));
  proxy.applyResources(TYPE_URL.extensionConfig, [], ['policies']);
  assert.equal(await inForce(), 1);
  proxy.close();
});

test('a default takes the place of a filter that there is not, or at once where the listener says so', async () => {
  const byDefault = chainOf(rbac);
  const waiting = await open();
  waiting.apply(TYPE_URL.listener, listener({ byDefault }));
  assert.equal(await waiting.inForce(), undefined);
  waiting.proxy.applyResources(TYPE_URL.extensionConfig, [], ['policies']);
  assert.equal(await waiting.inForce(), 1);
  waiting.proxy.close();
  const eager = await open();
  eager.apply(TYPE_URL.listener, listener({ byDefault, atOnce: true }));
  assert.equal(await eager.inForce(), 1);
  eager.proxy.close();
});
