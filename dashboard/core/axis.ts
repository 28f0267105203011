// What stands at the ticks of a chart's axis: from 0 up, each text once, whole numbers where there are no halves.

/** Steps between ticks of what is counted in whole numbers. */
export const WHOLE_STEPS: readonly number[] = Array.from({ length: 13 }, (_, power) =>
  [1, 2, 5].map((first) => first * 10 ** power),
).flat();

/** A tick whose text already stands below it, for rounding, is left without. */
export function tickTexts(values: readonly number[], text: (value: number) => string): readonly string[] {
  const texts = values.map((value) => (value === 0 ? '0' : text(value)));
  return texts.map((one, i) => (texts.indexOf(one) === i ? one : ''));
}
