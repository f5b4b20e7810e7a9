import type { Hono } from 'hono';
import type { TestNotices } from '../controller/test-notice.ts';
import * as wire from '../wire/control.ts';
import { jsonBody } from './json-body.ts';

/** `/v1/test-notices`: one notice to a target of the configuration, and what came back. */
export function addTestNoticeRoute(app: Hono, testNotices: TestNotices): void {
  app.post('/v1/test-notices', async (context) => {
    const body = await jsonBody(context, wire.bodyMaxBytes.command);
    const what = '{"actor": "...", "reason": "...", "target": "..."}';
    return context.json(await testNotices.send(wire.parseMessage(wire.testNoticeSchema, body, what)));
  });
}
