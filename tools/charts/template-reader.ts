// Answers the questions of `settle` with markers, so that the builders of `install` write a chart's templates.
import type { SettingsReader, Tree, TreeValue } from '#controllers';
import { marker } from './marker.ts';

/** Values of a chart by the path under which `install` knows them: a Helm expression, or what to say right here. */
export type ChartValues = ReadonlyMap<string, ChartValue>;
/** Both: a flag that decides about objects, and is written into them as text. */
export type ChartValue =
  | { readonly expression: string }
  | { readonly constant: TreeValue; readonly expression?: string };

export class TemplateReader implements SettingsReader {
  readonly #values: ChartValues;

  constructor(values: ChartValues) {
    this.#values = values;
  }

  value(path: string): TreeValue | undefined {
    const found = this.#values.get(path);
    return found !== undefined && 'constant' in found ? found.constant : undefined;
  }

  text(path: string): string {
    const found = this.#values.get(path);
    if (found !== undefined && 'constant' in found && found.expression !== undefined)
      return marker('text', found.expression);
    return this.#answer(path, (expression) => marker('text', expression), String) ?? '';
  }

  number(path: string, fallback: number): number {
    return this.#answer(path, (expression) => marker('raw', expression) as unknown as number, Number) ?? fallback;
  }

  flag(path: string, fallback: boolean): boolean {
    return this.#answer(path, (expression) => marker('raw', expression) as unknown as boolean, Boolean) ?? fallback;
  }

  tree(path: string): Tree {
    return (
      this.#answer<Tree>(
        path,
        (expression) => ({ [marker('tree', expression)]: '' }),
        (value) => value as Tree,
      ) ?? {}
    );
  }

  list(path: string): readonly TreeValue[] {
    return (
      this.#answer<readonly TreeValue[]>(
        path,
        (expression) => [marker('list', expression)],
        (value) => value as TreeValue[],
      ) ?? []
    );
  }

  unread(): readonly string[] {
    return [];
  }

  #answer<T>(path: string, marked: (expression: string) => T, plain: (value: TreeValue) => T): T | undefined {
    const found = this.#values.get(path);
    if (found === undefined) return undefined;
    return 'constant' in found ? plain(found.constant) : marked(found.expression);
  }
}
