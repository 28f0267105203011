// A thin client of the Kubernetes API: what the mesh calls, and nothing else. Failures are `KubeError` values.

import { err, ok, type Result } from '#base';
import { KubeError, kubeErrorOf } from './errors.ts';
import { CALL_MS, PAGE_OBJECTS } from './limits.ts';
import {
  apiVersionOf,
  type KubeObject,
  type ObjectPlace,
  resourcePath,
  RESOURCES,
  type ResourceType,
} from './object.ts';
import type { KubeRequest, KubeTransport } from './transport.ts';

export interface Selectors {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListPage {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  /** '' on the last page. */
  readonly next: string;
}

export type KubeResult<T> = Result<T, KubeError>;

const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

export class KubeClient {
  readonly transport: KubeTransport;
  /** Name under which the fields that we write are owned. */
  readonly fieldManager: string;

  constructor(options: { readonly transport: KubeTransport; readonly fieldManager: string }) {
    this.transport = options.transport;
    this.fieldManager = options.fieldManager;
  }

  get(type: ResourceType, place: ObjectPlace): Promise<KubeResult<KubeObject>> {
    return this.#object({ method: 'GET', path: resourcePath(type, place), timeoutMs: CALL_MS });
  }

  async page(
    type: ResourceType,
    selectors: Selectors,
    next: string,
    limit = PAGE_OBJECTS,
  ): Promise<KubeResult<ListPage>> {
    const { namespace, labelSelector, fieldSelector } = selectors;
    const place = namespace === undefined ? {} : { namespace };
    const path = resourcePath(type, place, { limit, continue: next, labelSelector, fieldSelector });
    const answer = await this.#object({ method: 'GET', path, timeoutMs: CALL_MS });
    if (!answer.ok) return answer;
    const { metadata, items } = answer.value as unknown as {
      metadata?: { resourceVersion?: string; continue?: string };
      items?: KubeObject[];
    };
    return ok({ items: items ?? [], resourceVersion: metadata?.resourceVersion ?? '', next: metadata?.continue ?? '' });
  }

  async list(type: ResourceType, selectors: Selectors = {}): Promise<KubeResult<readonly KubeObject[]>> {
    const all: KubeObject[] = [];
    let next = '';
    do {
      const page = await this.page(type, selectors, next);
      if (!page.ok) return page;
      for (const item of page.value.items) all.push(item);
      next = page.value.next;
    } while (next !== '');
    return ok(all);
  }

  create(type: ResourceType, object: KubeObject): Promise<KubeResult<KubeObject>> {
    const { namespace } = object.metadata;
    const path = resourcePath(type, namespace === undefined ? {} : { namespace }, { fieldManager: this.fieldManager });
    return this.#object({
      method: 'POST',
      path,
      body: this.#text(type, object),
      contentType: 'application/json',
      timeoutMs: CALL_MS,
    });
  }

  /** Replaces the whole object; fails with kube_conflict when `metadata.resourceVersion` is not the present one. */
  replace(type: ResourceType, object: KubeObject, subresource?: string): Promise<KubeResult<KubeObject>> {
    const path = resourcePath(type, placeOf(object, subresource), { fieldManager: this.fieldManager });
    return this.#object({
      method: 'PUT',
      path,
      body: this.#text(type, object),
      contentType: 'application/json',
      timeoutMs: CALL_MS,
    });
  }

  /** Server-side apply: we own exactly the fields given. `force` takes them from other managers; `dryRun` only says what would be. */
  apply(
    type: ResourceType,
    object: KubeObject,
    options: { readonly force?: boolean; readonly subresource?: string; readonly dryRun?: boolean } = {},
  ): Promise<KubeResult<KubeObject>> {
    const query = {
      fieldManager: this.fieldManager,
      force: options.force === true ? 'true' : undefined,
      dryRun: options.dryRun === true ? 'All' : undefined,
    };
    const path = resourcePath(type, placeOf(object, options.subresource), query);
    return this.#object({
      method: 'PATCH',
      path,
      body: this.#text(type, object),
      contentType: APPLY,
      timeoutMs: CALL_MS,
    });
  }

  mergePatch(type: ResourceType, place: ObjectPlace, patch: unknown): Promise<KubeResult<KubeObject>> {
    return this.#patch(type, place, patch, MERGE);
  }

  jsonPatch(type: ResourceType, place: ObjectPlace, operations: readonly unknown[]): Promise<KubeResult<KubeObject>> {
    return this.#patch(type, place, operations, JSON_PATCH);
  }

  delete(
    type: ResourceType,
    place: ObjectPlace,
    preconditions?: { readonly resourceVersion?: string; readonly uid?: string },
  ): Promise<KubeResult<KubeObject>> {
    const body = JSON.stringify({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      ...(preconditions === undefined ? {} : { preconditions }),
    });
    return this.#object({
      method: 'DELETE',
      path: resourcePath(type, place),
      body,
      contentType: 'application/json',
      timeoutMs: CALL_MS,
    });
  }

  /** Who a bearer token belongs to; an unauthenticated token is an answer, not an error. */
  async reviewToken(token: string, audiences: readonly string[]): Promise<KubeResult<TokenStatus>> {
    const asked = await this.create(RESOURCES.tokenReviews, { metadata: { name: '' }, spec: { token, audiences } });
    if (!asked.ok) return asked;
    const status = (asked.value['status'] ?? {}) as {
      authenticated?: boolean;
      audiences?: string[];
      error?: string;
      user?: TokenStatus['user'];
    };
    return ok({
      authenticated: status.authenticated === true,
      audiences: status.audiences ?? [],
      error: status.error ?? '',
      user: status.user,
    });
  }

  async reviewAccess(
    user: string,
    groups: readonly string[],
    attributes: ResourceAttributes,
  ): Promise<KubeResult<boolean>> {
    const spec = { user, groups, resourceAttributes: attributes };
    const asked = await this.create(RESOURCES.subjectAccessReviews, { metadata: { name: '' }, spec });
    return asked.ok ? ok((asked.value['status'] as { allowed?: boolean } | undefined)?.allowed === true) : asked;
  }

  async #patch(
    type: ResourceType,
    place: ObjectPlace,
    patch: unknown,
    contentType: string,
  ): Promise<KubeResult<KubeObject>> {
    const path = resourcePath(type, place, { fieldManager: this.fieldManager });
    return this.#object({ method: 'PATCH', path, body: JSON.stringify(patch), contentType, timeoutMs: CALL_MS });
  }

  #text(type: ResourceType, object: KubeObject): string {
    const { name, ...rest } = object.metadata;
    const metadata = name === '' ? rest : { name, ...rest };
    return JSON.stringify({ ...object, apiVersion: apiVersionOf(type), kind: type.kind, metadata });
  }

  async #object(request: KubeRequest): Promise<KubeResult<KubeObject>> {
    const what = `${request.method} ${request.path}`;
    const answer = await this.transport.call(request);
    if (answer === undefined) return err(new KubeError('kube_unreachable', what));
    if (answer.status < 200 || answer.status > 299)
      return err(kubeErrorOf(answer.status, answer.body, what, answer.retryAfterMs));
    try {
      return ok(JSON.parse(answer.body) as KubeObject);
    } catch {
      return err(new KubeError('kube_answer_malformed', what, answer.status));
    }
  }
}

export interface TokenStatus {
  readonly authenticated: boolean;
  readonly audiences: readonly string[];
  readonly error: string;
  readonly user:
    | {
        readonly username?: string;
        readonly groups?: readonly string[];
        readonly extra?: Readonly<Record<string, readonly string[]>>;
      }
    | undefined;
}

export interface ResourceAttributes {
  readonly namespace?: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
}

function placeOf(object: KubeObject, subresource: string | undefined): ObjectPlace {
  const { namespace, name } = object.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}
