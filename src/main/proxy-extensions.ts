// Every filter and sink that this build of the proxy has.

import { ExtensionRegistry } from '#proxy';

export function allExtensions(): ExtensionRegistry {
  return new ExtensionRegistry();
}
