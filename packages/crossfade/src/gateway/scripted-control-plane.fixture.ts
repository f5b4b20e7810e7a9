import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that speaks the stream as it is told: what a control plane must never do. */
export class ScriptedServer {
  readonly #streams: ServerResponse[] = [];
  readonly #server: Server;
  readonly posts: { readonly url: string; readonly body: string }[] = [];
  connections = 0;

  constructor(say: (connection: number) => readonly { readonly event: string; readonly data: unknown }[]) {
    this.#server = createServer((request, response) => {
      if (request.method === 'POST') {
        let body = '';
        request.on('data', (chunk) => (body += String(chunk)));
        request.on('end', () => {
          this.posts.push({ url: request.url ?? '', body });
          response.end('{}');
        });
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      this.#streams.push(response);
      for (const event of say(++this.connections)) this.say(event, response);
    });
  }

  /** To one stream, or to all that were opened. */
  say({ event, data }: { readonly event: string; readonly data: unknown }, stream?: ServerResponse): void {
    const text = `event: ${event}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
    for (const each of stream === undefined ? this.#streams : [stream]) each.write(text);
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
