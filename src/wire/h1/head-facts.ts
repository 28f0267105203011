// What the fields of a head say about framing and connection; one per connection, reset for each message.

export class HeadFacts {
  /** -1 = no Content-Length. */
  contentLength = -1;
  chunked = false;
  close = false;
  keepAlive = false;
  /** Lower-case Upgrade value that Connection names; '' = none. */
  upgrade = '';
  hostCount = 0;
  host = '';
  /** Fields that Connection names besides the well-known ones; undefined = none. */
  nominated: string[] | undefined = undefined;
  connectionUpgrade = false;
  transferEncodings = 0;
  /** Parameters of Keep-Alive, as sent; '' = none. */
  keepAliveParameters = '';

  reset(): void {
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = '';
    this.hostCount = 0;
    this.host = '';
    this.nominated = undefined;
    this.connectionUpgrade = false;
    this.transferEncodings = 0;
    this.keepAliveParameters = '';
  }
}
