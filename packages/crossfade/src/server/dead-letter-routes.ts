import type { Hono } from 'hono';
import type { DeadLetters } from '../controller/dead-letters.ts';
import * as wire from '../wire/control.ts';
import { jsonBody } from './json-body.ts';

/** `/v1/dead-letters`: the notices that were given up. */
export function addDeadLetterRoutes(app: Hono, deadLetters: DeadLetters): void {
  const what = '{"actor": "...", "reason": "..."}, and "rollout" or "id"';
  app.get('/v1/dead-letters', async (context) =>
    context.json({ deadLetters: await deadLetters.list({ rollout: context.req.query('rollout') }) }),
  );
  for (const command of ['retry', 'drop'] as const) {
    app.post(`/v1/dead-letters/${command}`, async (context) => {
      const body = await jsonBody(context, wire.bodyMaxBytes.command);
      const { actor, reason, ...choice } = wire.parseMessage(wire.deadLettersSchema, body, what);
      return context.json({ count: await deadLetters[command](choice, `${actor}: ${reason}`) });
    });
  }
}
