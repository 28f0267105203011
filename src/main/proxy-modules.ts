// Wasm modules of a proxy that do not come in its configuration: files of this machine, and addresses, as Istio's control plane names them.
import { readFile, stat } from 'node:fs/promises';
import process from 'node:process';
import type { ModuleSource } from '#proxy';
import { fetchModule, MODULE_BYTES_MAX, moduleGet } from './fetch-module.ts';

/** Addresses that are not public and may be asked all the same, separated by commas; "private": all private and loopback ones. */
const ALLOW = 'TOPSAIL_WASM_ALLOW';
/** Istio's: registries that are asked by http. */
const INSECURE = 'WASM_INSECURE_REGISTRIES';

export function proxyModules(): ModuleSource {
  return {
    readFile: async (path) => {
      const { size } = await stat(path);
      if (size > MODULE_BYTES_MAX) throw new Error(`${path} has ${size} bytes; ${MODULE_BYTES_MAX} are allowed`);
      return readFile(path);
    },
    fetch: async (url, sha256) => {
      const fetched = await fetchModule(
        { url, sha256: sha256 === 'nil' ? '' : sha256 },
        {
          get: moduleGet(listOf(ALLOW)),
          insecure: new Set(listOf(INSECURE)),
          bytesMax: MODULE_BYTES_MAX,
          secret: undefined,
        },
      );
      if (!fetched.ok) throw new Error(`${url}: ${fetched.error}`);
      return fetched.value.code;
    },
  };
}

function listOf(variable: string): readonly string[] {
  return (process.env[variable] ?? '').split(',').filter((one) => one !== '');
}
