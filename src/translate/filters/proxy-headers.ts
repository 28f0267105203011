// Headers that proxies add by themselves, and which of them ProxyConfig.proxyHeaders turns off or changes (Istio's GetProxyHeaders).

import type { ClientCertHandling } from '#config';
import {
  type HttpConnectionManagerSchema,
  HttpConnectionManager_ForwardClientCertDetails as Forward,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '#proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { MeshSettings } from '#registry';
import type { Init } from '../encode.ts';

const SERVER = 'istio-envoy';

const settings = (mesh: MeshSettings) => mesh.spec.defaultConfig?.proxyHeaders;

/** Endpoints are told how often was tried (x-envoy-attempt-count). */
export function tellsAttempts(mesh: MeshSettings): boolean {
  return settings(mesh)?.attemptCount?.disabled !== true;
}

/** No x-envoy-upstream-service-time, x-envoy-expected-rq-timeout-ms and the like. */
export function hidesDebugHeaders(mesh: MeshSettings): boolean {
  return settings(mesh)?.envoyDebugHeaders?.disabled === true;
}

export function headerSettings(
  mesh: MeshSettings,
  direction: 'inbound' | 'outbound' | 'gateway',
): Init<typeof HttpConnectionManagerSchema> {
  const { server, requestId, xForwardedPort } = settings(mesh) ?? {};
  return {
    ...clientCertificate(mesh, direction),
    ...(server?.disabled === true
      ? { serverHeaderTransformation: ServerHeader.PASS_THROUGH }
      : { serverName: server?.value === undefined || server.value === '' ? SERVER : server.value }),
    ...(requestId?.disabled === true ? { generateRequestId: false } : {}),
    ...(xForwardedPort?.enabled === true ? { appendXForwardedPort: true } : {}),
  };
}

/** A gateway has its own setting, and says the certificate itself, as Istio's do; who sends on has nobody to speak of. */
function clientCertificate(
  mesh: MeshSettings,
  direction: 'inbound' | 'outbound' | 'gateway',
): Init<typeof HttpConnectionManagerSchema> {
  if (direction === 'outbound') return {};
  if (direction === 'gateway') {
    const handling = mesh.spec.defaultConfig?.gatewayTopology?.forwardClientCertDetails;
    return {
      forwardClientCertDetails: modeOf(handling, Forward.SANITIZE_SET),
      setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
    };
  }
  const { forwardedClientCert, setCurrentClientCertDetails: parts } = settings(mesh) ?? {};
  return {
    forwardClientCertDetails: modeOf(forwardedClientCert, Forward.APPEND_FORWARD),
    setCurrentClientCertDetails: {
      subject: parts?.subject ?? true,
      cert: parts?.cert ?? false,
      dns: parts?.dns ?? true,
      uri: parts?.uri ?? true,
    },
  };
}

function modeOf(handling: ClientCertHandling = 'UNDEFINED', fallback: Forward): Forward {
  return handling === 'UNDEFINED' ? fallback : Forward[handling];
}
