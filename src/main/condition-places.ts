// Where in its text a condition's field stands: what is found when objects are seen together knows the field, and the
// line is looked up in the text that the configuration keeps.
import { type Complaint, type ConfigObject, type ConfigView, locator, pathSteps, type Spot } from '#config';

export interface ConditionPlacesParts {
  readonly view: () => ConfigView | undefined;
  /** An object's own text: its document, or the YAML of what a cluster holds. */
  readonly textOf: (key: string) => string | undefined;
}

type Locate = ReturnType<typeof locator>;

/** What it is given, at the line and column of its field where the text has it. */
export function conditionPlaces({ view, textOf }: ConditionPlacesParts): (complaint: Complaint) => Complaint {
  // A changed object is another one: each text is read once.
  const known = new WeakMap<ConfigObject, Locate | undefined>();
  const locate = (object: ConfigObject): Locate | undefined => {
    if (!known.has(object)) {
      const text = textOf(object.key);
      known.set(object, text === undefined ? undefined : locator(text));
    }
    return known.get(object);
  };
  return (complaint) => {
    const [kind = '', name = ''] = complaint.object.split(' ');
    const [namespace = '', own = ''] = name.includes('/') ? name.split('/') : ['', name];
    const object = view()?.get(kind as 'VirtualService', namespace, own);
    if (object === undefined || complaint.path === '') return complaint;
    const spot: Spot | undefined = locate(object)?.({ path: pathSteps(complaint.path) });
    if (spot === undefined) return complaint;
    // Without a file the line is one of the object's own text, as its editor shows it.
    const first = object.source.file === '' ? 1 : object.source.line;
    return { ...complaint, line: first + spot.line - 1, column: spot.column };
  };
}
