// The Gateway API's kinds (gateway.networking.k8s.io) as far as they are converted; what is read may hold more.
import type { KubeMeta, KubeObject, ResourceType } from '#kube';

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';
/** Istio's names, so that existing GatewayClasses mean us where we are installed. */
export const GATEWAY_CONTROLLER = 'istio.io/gateway-controller';
export const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';

export type RouteKind = 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute';

function type(
  plural: string,
  kind: string,
  versions: readonly string[],
  namespaced = true,
): readonly [ResourceType, ...ResourceType[]] {
  return versions.map((version) => ({
    group: GATEWAY_GROUP,
    version,
    plural,
    kind,
    namespaced,
  })) as unknown as readonly [ResourceType, ...ResourceType[]];
}

export const GATEWAY_TYPES = {
  GatewayClass: type('gatewayclasses', 'GatewayClass', ['v1', 'v1beta1'], false),
  Gateway: type('gateways', 'Gateway', ['v1', 'v1beta1']),
  HTTPRoute: type('httproutes', 'HTTPRoute', ['v1', 'v1beta1']),
  GRPCRoute: type('grpcroutes', 'GRPCRoute', ['v1']),
  TLSRoute: type('tlsroutes', 'TLSRoute', ['v1', 'v1alpha3', 'v1alpha2']),
  TCPRoute: type('tcproutes', 'TCPRoute', ['v1', 'v1alpha2']),
  ReferenceGrant: type('referencegrants', 'ReferenceGrant', ['v1', 'v1beta1']),
  BackendTLSPolicy: type('backendtlspolicies', 'BackendTLSPolicy', ['v1', 'v1alpha3']),
} as const;

export interface Listener {
  readonly name: string;
  readonly hostname?: string;
  readonly port: number;
  readonly protocol: string;
  readonly tls?: {
    readonly mode?: 'Terminate' | 'Passthrough';
    readonly certificateRefs?: readonly Reference[];
    readonly options?: Readonly<Record<string, string>>;
  };
  readonly allowedRoutes?: {
    readonly namespaces?: {
      readonly from?: 'All' | 'Same' | 'Selector' | 'None';
      readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    };
    readonly kinds?: readonly { readonly group?: string; readonly kind: string }[];
  };
}

export interface KubernetesGateway extends KubeObject {
  readonly metadata: KubeMeta;
  readonly spec: {
    readonly gatewayClassName: string;
    readonly listeners: readonly Listener[];
    readonly infrastructure?: {
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
      readonly parametersRef?: { readonly group: string; readonly kind: string; readonly name: string };
    };
  };
}

export interface Reference {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface ParentRef extends Reference {
  readonly sectionName?: string;
  readonly port?: number;
}

export interface BackendRef extends Reference {
  readonly port?: number;
  readonly weight?: number;
  readonly filters?: readonly HttpRouteFilter[];
}

export interface HeaderChange {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

export interface PathChange {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

export interface HttpRouteFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderChange;
  readonly responseHeaderModifier?: HeaderChange;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly statusCode?: number;
    readonly path?: PathChange;
  };
  readonly cors?: {
    readonly allowOrigins?: readonly string[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly allowCredentials?: boolean;
    /** Seconds. */
    readonly maxAge?: number;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathChange };
  readonly requestMirror?: {
    readonly backendRef: BackendRef;
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
}

export interface ValueMatch {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

export interface RouteMatch {
  readonly path?: { readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value?: string };
  readonly headers?: readonly ValueMatch[];
  readonly queryParams?: readonly ValueMatch[];
  /** HTTPRoute: the HTTP method; GRPCRoute: service and method. */
  readonly method?:
    | string
    | { readonly type?: 'Exact' | 'RegularExpression'; readonly service?: string; readonly method?: string };
}

export interface RouteRule {
  readonly name?: string;
  readonly matches?: readonly RouteMatch[];
  readonly filters?: readonly HttpRouteFilter[];
  readonly backendRefs?: readonly BackendRef[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly retry?: { readonly codes?: readonly number[]; readonly attempts?: number; readonly backoff?: string };
}

export interface Route extends KubeObject {
  readonly kind: RouteKind;
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly RouteRule[];
  };
}

export interface ReferenceGrant extends KubeObject {
  readonly spec: {
    readonly from?: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    readonly to?: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
  };
}

export interface BackendTlsPolicy extends KubeObject {
  readonly spec: {
    readonly targetRefs: readonly {
      readonly group: string;
      readonly kind: string;
      readonly name: string;
      /** A port of the Service by its name. */
      readonly sectionName?: string;
    }[];
    readonly validation: {
      readonly caCertificateRefs?: readonly Reference[];
      readonly wellKnownCACertificates?: string;
      readonly hostname: string;
      readonly subjectAltNames?: readonly {
        readonly type: 'Hostname' | 'URI';
        readonly hostname?: string;
        readonly uri?: string;
      }[];
    };
    readonly options?: Readonly<Record<string, string>>;
  };
}

/** What of a DestinationRule is carried over. */
interface RuleBlocks {
  readonly loadBalancer?: object;
  readonly connectionPool?: object;
  readonly outlierDetection?: object;
}

export interface RulePolicy extends RuleBlocks {
  readonly portLevelSettings?: readonly (RuleBlocks & { readonly port?: { readonly number?: number } })[];
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** All that a conversion reads. */
export interface GatewayApiInput {
  readonly gateways: readonly KubernetesGateway[];
  readonly routes: readonly Route[];
  readonly grants: readonly ReferenceGrant[];
  readonly backendTlsPolicies: readonly BackendTlsPolicy[];
  /** GatewayClasses whose controller we are. */
  readonly classes: ReadonlySet<string>;
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>>;
  /** Port numbers of a Service; undefined when there is none. */
  readonly servicePorts: (namespace: string, name: string) => readonly number[] | undefined;
  readonly namedPort: (namespace: string, name: string, port: string) => number | undefined;
  /** `ca.crt` of a ConfigMap. */
  readonly caCertificates: (namespace: string, name: string) => string | undefined;
  /** The user's rule for the host, of the first of these namespaces that has one, or of the mesh's own. */
  readonly destinationRule: (
    host: string,
    namespaces: readonly string[],
  ) => { readonly trafficPolicy?: RulePolicy; readonly subsets?: readonly object[] } | undefined;
  /** Whether the Secret holds a usable certificate. */
  readonly hasCertificate: (namespace: string, name: string) => boolean;
  /** What the Secret holds, as the API server has it. */
  readonly secretData: (namespace: string, name: string) => Readonly<Record<string, string>>;
  readonly domain: string;
}
