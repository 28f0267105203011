// What is generated for each connected proxy, as a plan of an upgrade asks for it. Proxies take turns with the loop's other work.
import type { GeneratedBytesJson, GeneratedJson, GeneratedResource, GeneratedSource } from '#api';
import { type Clock, type ProxyNode, TYPE_URL, type XdsResource } from '#base';
import { retainedText, type Snapshot } from '#push';
import type { Translation } from './discovery-translate.ts';
import { VERSION } from './version.ts';

export interface GeneratedViewParts {
  readonly clock: Clock;
  readonly snapshot: () => Snapshot | undefined;
  readonly nodes: () => Iterable<ProxyNode>;
  readonly translation: Translation;
}

export function generatedView({ clock, snapshot, nodes, translation }: GeneratedViewParts): GeneratedSource {
  const turn = (): Promise<void> => new Promise((resolve) => void clock.setTimer(0, resolve));
  const each = async (take: (node: ProxyNode, resources: Iterable<XdsResource>) => void): Promise<void> => {
    const present = snapshot();
    if (present === undefined) return;
    for (const node of [...nodes()]) {
      take(node, resourcesOf(translation, present, node));
      await turn();
    }
  };
  return {
    generated: async () => {
      const present = snapshot();
      const numbers = new Map<XdsResource, number>();
      const resources: GeneratedResource[] = [];
      const proxies: GeneratedJson['proxies'][number][] = [];
      await each((node, all) => {
        const of: number[] = [];
        for (const one of all) {
          let number = numbers.get(one);
          if (number === undefined) {
            number = resources.push([one.typeUrl, one.name, one.version]) - 1;
            numbers.set(one, number);
          }
          of.push(number);
        }
        proxies.push({ node, resources: of });
      });
      return {
        version: VERSION,
        trustDomain: present?.mesh.trustDomain ?? '',
        retained: present === undefined ? '' : retainedText(present),
        keySets: [...(present?.keySets ?? [])],
        resources,
        proxies,
      };
    },
    generatedBytes: async ({ resources }): Promise<GeneratedBytesJson> => {
      const wanted = new Set(resources.filter(([typeUrl]) => typeUrl !== TYPE_URL.secret).map(textOf));
      const found = new Map<string, string>();
      await each((_, all) => {
        for (const one of all) {
          const text = textOf([one.typeUrl, one.name, one.version]);
          if (wanted.has(text) && !found.has(text)) found.set(text, Buffer.from(one.bytes).toString('base64'));
        }
      });
      return { bytes: resources.map((one) => found.get(textOf(one)) ?? null) };
    },
  };
}

export function* resourcesOf(translation: Translation, snapshot: Snapshot, node: ProxyNode): Iterable<XdsResource> {
  for (const byName of translation.translate(snapshot, node).values()) yield* byName.values();
}

function textOf(resource: GeneratedResource): string {
  return JSON.stringify(resource);
}
