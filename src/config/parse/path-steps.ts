// A field's path in a message, `spec.http[2].route[0].weight`, as the steps to it.

export function pathSteps(path: string): readonly (string | number)[] {
  return path.split('.').flatMap((part) => {
    const [name = '', ...indexes] = part.split('[');
    return [name, ...indexes.map((index) => Number.parseInt(index, 10))];
  });
}
