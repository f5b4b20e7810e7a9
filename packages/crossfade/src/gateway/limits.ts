/** Every limit of the gateway, with its default. All times in milliseconds. */
export interface GatewayLimits {
  /** Sessions at once, those being finished included; one more is refused with 503. */
  readonly sessionsMax: number;
  /** Connections of one address at once. High: behind a proxy everybody has one address. */
  readonly connectionsPerAddressMax: number;
  /** New connections of one address a second, after a burst of as many as it may have. */
  readonly connectsPerSecondMax: number;
  /** An upgrade that is not complete by then is refused. */
  readonly handshakeMs: number;
  /** A client that sends neither audio nor KeepAlive this long is told goodbye, as the protocol says. */
  readonly idleMs: number;
  /** How long a client may take to answer our close; then it is cut off. */
  readonly closeHandshakeMs: number;
  /** How long a session whose client can resume waits for it. */
  readonly resumeGraceMs: number;
  /** An upstream that was sent audio and said nothing this long has stalled. */
  readonly stallMs: number;
  /** An upstream that is not open by then refused. */
  readonly connectMs: number;
  /** Faults of the assigned upstream that a session bears before control takes over. */
  readonly retriesMax: number;
  /** How long a session is kept trying after its client left, when no upstream answers. */
  readonly finishMs: number;
  /** A migration waits this long for a final; then it moves where it is. */
  readonly boundaryMs: number;
  /** Unsent bytes to an upstream; beyond it audio waits in the journal. */
  readonly upstreamBufferBytesMax: number;
  /** Unsent bytes to a client; beyond it the client is too slow and must resume. */
  readonly clientBufferBytesMax: number;
  /** Unsent bytes to all upstreams and to all clients, each; beyond it nobody has more than an equal share. */
  readonly bufferBytesTotalMax: number;
  /** Audio of one session that the disk has not confirmed; beyond it its client is not read until half is. */
  readonly undurableBytesMax: number;
  /** Sessions being finished from the journal at once, so that a restart does not trample the pipelines. */
  readonly recoveryConcurrency: number;
}

export const defaultLimits: GatewayLimits = {
  sessionsMax: 2_000,
  connectionsPerAddressMax: 4_000,
  connectsPerSecondMax: 500,
  handshakeMs: 10_000,
  idleMs: 10_000,
  closeHandshakeMs: 5_000,
  resumeGraceMs: 15_000,
  stallMs: 8_000,
  connectMs: 10_000,
  retriesMax: 2,
  finishMs: 600_000,
  boundaryMs: 2_000,
  upstreamBufferBytesMax: 1_048_576,
  clientBufferBytesMax: 4_194_304,
  bufferBytesTotalMax: 134_217_728,
  // Half a minute of 16 kHz, and 10 MB a second for one that uploads: three hundred times real time.
  undurableBytesMax: 1_048_576,
  recoveryConcurrency: 32,
};
