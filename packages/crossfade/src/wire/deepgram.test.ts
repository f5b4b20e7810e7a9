import fc from 'fast-check';
import { hasCode } from '@crossfade/sdk/core/errors';
import { expect, test } from 'vitest';
import { parseClientMessage, parseUpstreamMessage } from './deepgram.ts';
import { encodeMessage, metadataOf, resultsOf, utteranceEndOf } from './deepgram-build.ts';

const identity = { requestId: 'r1', model: 'tone', version: '1', sampleRate: 44_100 };

test('sample positions survive the way through seconds, at any rate and far into a day', () => {
  const position = fc.nat(44_100 * 86_400);
  fc.assert(
    fc.property(position, fc.nat(1_000_000), (start, length) => {
      const message = parseUpstreamMessage(
        encodeMessage(
          resultsOf(identity, {
            start,
            end: start + length,
            words: [{ text: 'x', start, end: start + length, confidence: 1 }],
            isFinal: true,
            speechFinal: false,
            fromFinalize: false,
          }),
        ),
      );
      if (message?.type !== 'Results') throw new Error('Expected Results.');
      expect(Math.round(message.start * 44_100)).toBe(start);
      expect(Math.round((message.start + message.duration) * 44_100)).toBe(start + length);
    }),
  );
});

test('a final of silence has an empty transcript and no words', () => {
  const results = resultsOf(identity, {
    start: 0,
    end: 10,
    words: [],
    isFinal: true,
    speechFinal: false,
    fromFinalize: false,
  });
  expect(results.channel.alternatives[0]).toEqual({ transcript: '', confidence: 0, words: [] });
});

test('messages of a vendor with fields we do not know, or without those we do not need, are read', () => {
  expect(
    parseUpstreamMessage(
      '{"type":"Results","start":1.5,"duration":0.5,"is_final":true,"channel":{"alternatives":[{"transcript":"hi","languages":["en"]}]},"entities":[]}',
    ),
  ).toMatchObject({ type: 'Results', is_final: true, speech_final: false });
  expect(parseUpstreamMessage('{"type":"Warning","message":"soon"}')).toBeNull();
  expect(parseUpstreamMessage(encodeMessage(metadataOf(identity, 44_100, 0)))).toMatchObject({ duration: 1 });
  expect(parseUpstreamMessage(encodeMessage(utteranceEndOf(identity, 44_100)))).toMatchObject({
    last_word_end: 1,
  });
});

test.each([
  '{"type":"Results","start":-1,"duration":0,"channel":{"alternatives":[{"transcript":""}]}}',
  '{"type":"Results","start":0,"duration":null,"channel":{"alternatives":[{"transcript":""}]}}',
  '{"type":"Results","start":0,"duration":1,"channel":{"alternatives":[]}}',
  '{"start":0}',
  'null',
  '[]',
  '<html>',
])('%s is refused', (text) => {
  expect(() => parseUpstreamMessage(text)).toThrow(/^Expected /);
});

test('any text of a client is a message or refused, never anything else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('{"type":"KeepAlive"}')), (text) => {
      try {
        expect(parseClientMessage(text).type).toMatch(/^(KeepAlive|Finalize|CloseStream)$/);
      } catch (error) {
        expect(hasCode(error, 'MESSAGE_INVALID')).toBe(true);
      }
    }),
  );
});
