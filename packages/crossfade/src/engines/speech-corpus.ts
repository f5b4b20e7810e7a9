/**
 * What the demo says: twenty plain sentences, each word of them in the CMU dictionary, so that a recognizer
 * can know them all and a transcript can be scored.
 */
export const corpus: readonly string[] = [
  'the meeting starts at nine tomorrow morning',
  'please send the report before lunch',
  'she opened the window and looked outside',
  'the train to the city was twenty minutes late',
  'we need more coffee for the kitchen',
  'he left his keys on the table again',
  'the doctor will call you this afternoon',
  'our team finished the project last week',
  'turn left at the bank and walk two blocks',
  'the children played in the garden all day',
  'nobody answered the phone this morning',
  'i would like a table for four people',
  'the price of bread went up in january',
  'my brother bought a small green car',
  'it rained so hard that the road was closed',
  'the library opens early on monday',
  'can you repeat the last number slowly',
  'they moved to a quiet house near the river',
  'the new version is ready for testing',
  'winter evenings are long and cold here',
];

/**
 * The closed grammar of these sentences in JSGF. An utterance may also begin or end inside a sentence (a
 * recording that stops mid-word, audio replayed from the last final), which is why each rule is one word
 * and, optionally, the rest: a grammar of whole sentences alone answers nothing at all for a part of one.
 */
export function grammarOf(sentences: readonly string[], name = 'corpus'): string {
  const rules: string[] = [];
  const starts: string[] = [];
  sentences.forEach((sentence, s) => {
    const words = sentence.split(' ');
    words.forEach((word, w) => {
      const rest = w + 1 < words.length ? ` [ <s${s}w${w + 1}> ]` : '';
      rules.push(`<s${s}w${w}> = ${word}${rest};`);
      starts.push(`/${w === 0 ? wholeSentenceWeight : 1}/ <s${s}w${w}>`);
    });
  });
  return [
    '#JSGF V1.0;',
    `grammar ${name};`,
    `public <utterance> = ${starts.join(' | ')};`,
    ...rules,
    '',
  ].join('\n');
}

/** A sentence from its first word is this many times as likely as one entered midway. */
const wholeSentenceWeight = 100;
