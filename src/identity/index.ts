// Who is who: certificates, trust, tokens and the mesh's certificate authority.
export { AgentSecrets } from './agent/agent-secrets.ts';
export type { AgentSecretsOptions } from './agent/agent-secrets.ts';
export { CertificateManager, makeCsr } from './agent/certificate-manager.ts';
export type { CertificateManagerOptions, SignCsr } from './agent/certificate-manager.ts';
export { fileCertificateName, fileRootsName, FileSecrets } from './agent/file-secrets.ts';
export { makeSdsMethods } from './agent/sds-service.ts';
export { SecretSlots } from './agent/secret-slots.ts';
export { CertificateAuthority } from './ca/certificate-authority.ts';
export type {
  AuthorityStatus,
  CertificateAuthorityOptions,
  IssuedCertificate,
  MeshTrust,
} from './ca/certificate-authority.ts';
export { CREATE_CERTIFICATE_PATH, makeCertificateService } from './ca/certificate-service.ts';
export type { CertificateServiceOptions, CreateCertificate } from './ca/certificate-service.ts';
export type { ElsewhereFiles } from './ca/elsewhere-root.ts';
export type { ExternalSigner } from './ca/external-signer.ts';
export { issueLeaf, makeIntermediate, makeRoot } from './ca/signing-authority.ts';
export type { Leaf, LeafRequest, SigningAuthority } from './ca/signing-authority.ts';
export { boundRoots, wholeBundles } from './domain-roots.ts';
export type { DomainRoots, ExtraRoots } from './domain-roots.ts';
export * from './errors.ts';
export { Intermediates } from './intermediates.ts';
export { generateKeyPair, privateKeyPem, readKeyPair } from './key-pair.ts';
export type { KeyKind, KeyPair } from './key-pair.ts';
export * from './limits.ts';
export { makePeerCheck, refusalCode } from './peer-check.ts';
export type { PeerCheckOptions } from './peer-check.ts';
export type { CertificatePins } from './certificate-pins.ts';
export { certificatePins, pinsKey } from './certificate-pins.ts';
export { rootsWithoutList } from './revocation.ts';
export { readCertificateSecret, readTrustSecret } from './read-certificate-secret.ts';
export { matchesDnsName, matchesSan, sanMatchersKey } from './san-matcher.ts';
export type { SanMatcher } from './san-matcher.ts';
export { decodeSecret, encodeSecret } from './secret-message.ts';
export * from './secret-source.ts';
export * from './spiffe-id.ts';
export { readSpiffeValidator } from './spiffe-validator.ts';
export { authenticateCaller } from './token/caller.ts';
export type { Caller, CallerCredentials } from './token/caller.ts';
export { TOKEN_AUDIENCE, WorkloadTokens } from './token/workload-token.ts';
export type { TokenVerifier, WorkloadClaims, WorkloadTokensOptions } from './token/workload-token.ts';
export { parseTrustBundle } from './trust-bundle.ts';
export type { TrustBundle } from './trust-bundle.ts';
export { classifyAddress, mayFetchFrom } from './jwt/address-policy.ts';
export type { AddressClass } from './jwt/address-policy.ts';
export { KeySetKeeper, keySetKey } from './jwt/key-set-keeper.ts';
export type { FetchText, KeySetSource } from './jwt/key-set-keeper.ts';
export { parseKeySet } from './jwt/parse-key-set.ts';
export { JwtVerifier } from './jwt/jwt-verifier.ts';
export type { JwtRule } from './jwt/jwt-verifier.ts';
export { readToken } from './jwt/read-token.ts';
export type { ReadToken } from './jwt/read-token.ts';
