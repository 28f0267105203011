// Bounds on what a DNS message may make us parse, each with its unit and its argument.

/** Bytes of one name on the wire, length bytes included (RFC 1035 §2.3.4). */
export const NAME_BYTES_MAX = 255;
/** Bytes of one label (RFC 1035 §2.3.4). */
export const LABEL_BYTES_MAX = 63;
/** Questions of one message. Resolvers send one; more have no defined answer (RFC 9619). */
export const QUESTIONS_MAX = 1;
/** Records of one message: 64 KiB of the shortest useful ones are about 4,000; a headless service of 1,000 is large. */
export const RECORDS_MAX = 4096;
/** Bytes over TCP (RFC 1035 §4.2.2). */
export const TCP_MESSAGE_BYTES_MAX = 65_535;
/** Bytes over UDP where the client does not say more (RFC 1035 §4.2.1). */
export const UDP_MESSAGE_BYTES = 512;
/** Bytes over UDP at most, whatever the client says: the DNS flag day's size, which no path fragments. */
export const UDP_MESSAGE_BYTES_MAX = 1232;
