import { serve, type ServerType } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { createControlApp, type ControlAppOptions } from './control-app.ts';
import { forgetAddress, loadToken, writeAddress } from './control-token.ts';

export interface ControlServerOptions extends Omit<ControlAppOptions, 'token' | 'closing'> {
  /** Holds the token, and while the server listens its address. */
  readonly dataFolder: string;
  /** 0: the system chooses. */
  readonly port: number;
}

export interface ControlServer {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  close(): Promise<void>;
}

/** Only this machine reaches the control plane. */
const host = '127.0.0.1';

/** Serves the control plane on the loopback address. PORT_IN_USE when somebody else has the port. */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const token = await loadToken(options.dataFolder);
  const closing = new AbortController();
  const app = createControlApp({ ...options, token, closing: closing.signal });
  const { server, port } = await listen(app.fetch, options.port);
  const url = `http://${host}:${port}`;
  await writeAddress(options.dataFolder, url);
  return {
    url,
    port,
    token,
    async close() {
      await forgetAddress(options.dataFolder);
      closing.abort();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        // Idle keep-alive connections and streams would hold the port for minutes.
        if ('closeAllConnections' in server) server.closeAllConnections();
      });
    },
  };
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  port: number,
): Promise<{ server: ServerType; port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: host }, (info: AddressInfo) =>
      resolve({ server, port: info.port }),
    );
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const inUse = cause.code === 'EADDRINUSE';
      reject(
        inUse
          ? new CrossfadeError(
              'PORT_IN_USE',
              `Expected port ${port} to be free, got another program on it. Choose another port, or 0 for any.`,
              { cause, detail: { port } },
            )
          : new CrossfadeError('INTERNAL', `The control plane could not listen: ${messageOf(cause)}`, {
              cause,
            }),
      );
    });
  });
}
