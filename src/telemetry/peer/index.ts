export {
  decodeEndpointWorkload,
  decodePeerMetadata,
  encodeEndpointWorkload,
  encodePeerMetadata,
  localPeer,
  PEER_METADATA_HEADER,
  PEER_METADATA_ID_HEADER,
  PeerCache,
  peerFromNodeId,
} from './peer-metadata.ts';
