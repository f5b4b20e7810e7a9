/** How raw mono audio is written on the wire and in the journal. */
export type AudioEncoding = 'linear16' | 'mulaw' | 'alaw';

export const audioEncodings: readonly AudioEncoding[] = ['linear16', 'mulaw', 'alaw'];

/** Bytes of one mono sample. */
export const bytesPerSample: Readonly<Record<AudioEncoding, number>> = { linear16: 2, mulaw: 1, alaw: 1 };
