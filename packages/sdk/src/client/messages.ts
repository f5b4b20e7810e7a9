/** What the gateway says to a client that asked for acknowledgements. Fields we do not use may be there. */
export type GatewayMessage =
  | {
      readonly type: 'Resume';
      readonly session: string;
      readonly next_sample: number;
      readonly ended?: boolean;
    }
  | { readonly type: 'AudioAck'; readonly through_sample: number }
  | {
      readonly type: 'Results';
      readonly start: number;
      readonly duration: number;
      readonly is_final: boolean;
      readonly segment_id: string;
      readonly channel: {
        readonly alternatives: readonly [
          {
            readonly transcript: string;
            readonly words: readonly {
              readonly word: string;
              readonly start: number;
              readonly end: number;
            }[];
          },
        ];
      };
    }
  | { readonly type: 'Metadata' }
  | { readonly type: 'Error'; readonly variant: string; readonly description: string };

/** Reads a text frame; null for anything that is not a message of the gateway. */
export function parseGatewayMessage(data: unknown): GatewayMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data) as { type?: unknown } | null;
    if (message === null || typeof message !== 'object') return null;
    switch (message.type) {
      case 'Resume':
      case 'AudioAck':
      case 'Results':
      case 'Metadata':
      case 'Error':
        return message as GatewayMessage;
      default:
        return null;
    }
  } catch {
    return null;
  }
}
