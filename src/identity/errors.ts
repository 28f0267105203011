// Every way in which identity work fails: code, message, remedy. Refusals of peers have their own code each.

const TABLE = {
  // Refusals of a peer (design 12).
  peer_no_certificate: [
    'the peer showed no certificate and one is required',
    'put the peer into the mesh, or make its port PERMISSIVE',
  ],
  peer_malformed: ['the peer certificate is not strict X.509', 'issue it again with a standard tool'],
  peer_san_malformed: [
    'a subject alternative name of the peer holds a forbidden character',
    'treat the certificate as hostile',
  ],
  peer_chain_too_long: [
    'the peer showed too many certificates, or its path to a root is too long',
    'send only the intermediates that are needed',
  ],
  peer_not_yet_valid: ['the peer certificate is not valid yet', 'check the clocks of both machines'],
  peer_expired: ['the peer certificate has expired', 'check why the peer does not renew it'],
  peer_issuer_expired: ['a certificate on the path to the root is not valid now', 'rotate the intermediate or root'],
  peer_unknown_root: [
    'no path leads from the peer certificate to a trusted root',
    'check that both sides trust the same authority',
  ],
  peer_bad_signature: ['a signature on the path to the root is wrong', 'treat the certificate as forged'],
  peer_weak_key: ['a key on the path is too weak or of an unknown kind', 'use ECDSA P-256 or RSA of 2048 bits or more'],
  peer_weak_signature: [
    'a signature on the path uses an algorithm that is weak or unknown',
    'sign with SHA-256 or better',
  ],
  peer_wrong_usage: [
    'the peer certificate may not be used for this side of TLS',
    'issue it with clientAuth and serverAuth',
  ],
  peer_is_ca: ['the peer shows a certificate authority as its leaf', 'issue a leaf certificate'],
  peer_issuer_not_ca: ['a certificate on the path may not sign others', 'sign with a certificate authority'],
  peer_critical_extension: ['a certificate has a critical extension that is not understood', 'issue it without'],
  peer_revoked: ['a certificate on the path is revoked', 'issue a new one if this is a mistake'],
  peer_revocation_unknown: [
    'revocation lists are configured and none covers the issuer',
    'add the list of every issuer',
  ],
  peer_revocation_stale: ['the revocation list is out of date', 'publish a new list'],
  peer_several_identities: ['the peer certificate has more than one URI name', 'issue it with exactly one SPIFFE id'],
  peer_no_identity: ['the peer certificate carries no SPIFFE id', 'issue it through the mesh authority'],
  peer_bad_identity: ['the SPIFFE id of the peer is malformed', 'issue it as spiffe://TRUST-DOMAIN/ns/NS/sa/SA'],
  peer_wrong_trust_domain: [
    'the peer belongs to a trust domain that is not accepted',
    'add the domain to trustDomainAliases',
  ],
  peer_san_mismatch: [
    'no name of the peer certificate is among the expected ones',
    'check subjectAltNames and the service accounts',
  ],
  peer_not_pinned: [
    'the peer certificate is none of those that are named by their hash',
    'check verifyCertificateHash and verifyCertificateSpki',
  ],
  trust_bundle_empty: ['there is no usable root in the trust bundle', 'check ROOTCA'],
  revocation_list_unusable: [
    'the revocation list cannot be used',
    'check its encoding; scoped and delta lists are not taken',
  ],
  // Keys, certificates, authority.
  key_unusable: [
    'the private key cannot be read or is of an unknown kind',
    'use PKCS #8 PEM, ECDSA P-256 or P-384, or RSA',
  ],
  key_mismatch: ['the private key does not belong to the certificate', 'check that both come from the same pair'],
  certificate_unusable: ['the certificate cannot be used', 'check that it is one or more PEM certificates, leaf first'],
  authority_files_incomplete: [
    'some of the authority files are there and some are missing',
    'provide ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem',
  ],
  authority_files_open: ['the private key of the authority can be read by others', 'chmod 600 the file'],
  authority_unusable: [
    'the authority certificate cannot sign',
    'use a CA certificate that is valid now, with keyCertSign, leading to the root',
  ],
  rotation_under_way: [
    'the root is being replaced already',
    'look at `topsail ca status`; `topsail ca rotate --now` takes the next step at once',
  ],
  rotation_not_under_way: ['no root is being replaced', 'begin with `topsail ca rotate`'],
  authority_is_plugged_in: [
    'the authority is plugged in by files',
    'replace its files; revoked certificates belong into ca-crl.pem there',
  ],
  authority_is_elsewhere: [
    'certificates are signed by another authority (ENABLE_CA_SERVER=false)',
    'ask that authority; pods find it by CA_ADDR (values.global.caAddress)',
  ],
  leaf_unknown: [
    'no valid certificate is known by that serial or identity',
    'take the serial from the log line `certificate issued`',
  ],
  // Signing requests.
  caller_unauthenticated: [
    'the caller showed neither a valid token nor a verified client certificate',
    'check the token and the clocks',
  ],
  csr_too_large: ['the certificate request is larger than the limit', 'send one PEM request'],
  csr_malformed: ['the certificate request is not PKCS #10 in PEM', 'send one PEM request'],
  csr_no_possession: [
    'the request is not signed by its own key',
    'sign the request with the private key of its public key',
  ],
  csr_weak_key: [
    'the key of the request is too weak or of an unknown kind',
    'use ECDSA P-256 or RSA of 2048 bits or more',
  ],
  csr_rate_limited: ['too many certificates asked for by one identity', 'wait, and keep the certificate you have'],
  csr_impersonation: ['the caller may not ask for another identity', 'remove ImpersonatedIdentity'],
  csr_wrong_identity: [
    'the request does not ask for exactly the identity of the caller, and the signer signs it as it is',
    'put the SPIFFE id of the workload into the request, and no other name',
  ],
  signer_unknown: [
    'the signer cannot be used',
    'set K8S_SIGNER, or CERT_SIGNER_DOMAIN for signers that workloads name, and list its root under caCertificates of MeshConfig',
  ],
  signer_failed: ['the signer issued no certificate', 'look at the CertificateSigningRequest and at the signer'],
  signer_wrong_certificate: [
    'the signer issued another certificate than the one asked for',
    'correct the signer: the certificate carries the names and the key of the request and leads to its root in caCertificates',
  ],
  authority_not_ready: ['the authority has no usable key at the moment', 'look at the control plane log'],
  // Tokens.
  token_malformed: ['the token is no signed JWT of this mesh', 'ask the control plane for a new one'],
  token_signature: ['the signature of the token is wrong', 'ask the control plane for a new one'],
  token_expired: ['the token has expired or is not valid yet', 'ask the control plane for a new one, check the clocks'],
  token_audience: ['the token is meant for another audience', 'use a token with audience istio-ca'],
  // Secrets.
  secret_not_found: ['there is no such secret', 'create it, or correct the name'],
  secret_incomplete: [
    'the secret lacks a key or certificate',
    'use tls.crt and tls.key, or cert and key; ca.crt or cacert for the bundle',
  ],
  certificate_not_issued: ['no certificate could be fetched yet', 'check that the control plane is reachable'],
  // SPIFFE.
  spiffe_malformed: ['not a SPIFFE id', 'write it as spiffe://TRUST-DOMAIN/ns/NS/sa/SA'],
  // JSON Web Keys.
  jwks_address_refused: [
    'the address of the key set is private, link-local or a metadata service',
    'allow it explicitly if it is yours',
  ],
  jwks_fetch_failed: ['the key set could not be fetched', 'check jwksUri from the control plane host'],
  spiffe_bundle_malformed: [
    'the SPIFFE bundle is not valid',
    'check what caCertificates[].spiffeBundleUrl of MeshConfig returns',
  ],
  jwks_malformed: ['the key set is not valid', 'check what jwksUri returns'],
  jwt_too_long: ['the token is longer than the limit', 'put less into the token'],
  jwt_bad_form: ['the token is not three parts with dots between', 'send a compact JWS'],
  jwt_header_base64: ['the header of the token is not base64url', 'send a compact JWS'],
  jwt_header_json: ['the header of the token is no JSON object', 'send a compact JWS'],
  jwt_algorithm_missing: ['the header of the token names no algorithm', 'sign the token'],
  jwt_algorithm_refused: [
    'the token is unsigned, or signed by an algorithm that is not taken',
    'sign with RS, PS, ES or EdDSA; shared secrets are not taken',
  ],
  jwt_key_id: ['the key id of the token is no text, or too long', 'use the kid of the key set'],
  jwt_critical_header: ['the token demands an extension that is not understood', 'sign without crit, b64, zip and enc'],
  jwt_payload_base64: ['the payload of the token is not base64url', 'send a compact JWS'],
  jwt_payload_json: ['the payload of the token is no JSON object', 'send a compact JWS'],
  jwt_claim_type: ['a claim of the token has the wrong type', 'follow RFC 7519 §4.1'],
  jwt_signature_base64: ['the signature of the token is missing or not base64url', 'sign the token'],
  jwt_no_keys: ['the issuer has no usable key', 'check jwks and jwksUri; without keys every token is refused'],
  jwt_no_such_key: ['no key of the issuer has the key id and algorithm of the token', 'check key rotation'],
  jwt_untrusted: ['no key of the issuer verifies the token', 'check issuer and key rotation'],
  jwt_not_yet_valid: ['the token is not valid yet', 'check the clocks'],
  jwt_expired: ['the token has expired', 'send a fresh token'],
  jwt_audience: ['the token is meant for another audience', 'check audiences'],
  jwt_issuer: ['the issuer of the token is not accepted', 'check issuer'],
} as const satisfies Record<string, readonly [message: string, remedy: string]>;

export type IdentityErrorCode = keyof typeof TABLE;

export class IdentityError extends Error {
  readonly code: IdentityErrorCode;
  readonly remedy: string;

  /** `detail` names the object and what was found. */
  constructor(code: IdentityErrorCode, detail = '') {
    const [message, remedy] = TABLE[code];
    super(detail === '' ? message : `${message}: ${detail}`);
    this.name = 'IdentityError';
    this.code = code;
    this.remedy = remedy;
  }
}

export const IDENTITY_ERROR_CODES = Object.keys(TABLE) as readonly IdentityErrorCode[];
