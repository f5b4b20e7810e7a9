/**
 * How texts are made comparable before words are counted: applied to the reference and to what was heard alike. English,
 * a subset of the rules that the field's benchmarks use for it; what it does not do is in docs/acceptance.md. Another
 * rule or another order is another version: rates of different versions are not compared.
 */
export const normalizerVersion = 'crossfade-en/1';

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly to: string;
}

const rule = (name: string, pattern: RegExp, to: string): Rule => ({ name, pattern, to });

/** In this order, on lower-case text. */
export const normalizerRules: readonly Rule[] = [
  rule('what stands in brackets is a note, not speech', /[<[][^<[>\]]{0,100}[>\]]|\([^()]{0,100}\)/g, ' '),
  rule('typographic apostrophes are apostrophes', /[’‘ʼ]/g, "'"),
  rule(
    'hesitations are not words',
    /\b(?:h{1,9}m{1,9}|m{1,9}h?m{1,9}|u{1,9}[hm]{1,9}|e{1,9}r{1,9}m?|a{1,9}h{1,9})\b/g,
    ' ',
  ),
  rule('blanks are one blank', /\s+/g, ' '),
  rule('a blank before an apostrophe goes', / '(?=(?:s|t|re|ve|ll|d|m)\b)/g, "'"),
  rule("won't", /\bwon't\b/g, 'will not'),
  rule("can't, cannot", /\bcan't\b|\bcannot\b/g, 'can not'),
  rule("let's", /\blet's\b/g, 'let us'),
  rule("y'all", /\by'all\b/g, 'you all'),
  rule("ma'am", /\bma'am\b/g, 'madam'),
  rule('wanna', /\bwanna\b/g, 'want to'),
  rule('gonna', /\bgonna\b/g, 'going to'),
  rule('gotta', /\bgotta\b/g, 'got to'),
  rule('woulda, coulda, shoulda', /\b(w|c|sh)oulda\b/g, '$1ould have'),
  rule('mr', /\bmr\b\.?/g, 'mister'),
  rule('mrs', /\bmrs\b\.?/g, 'missus'),
  rule('dr', /\bdr\b\.?/g, 'doctor'),
  rule('prof', /\bprof\b\.?/g, 'professor'),
  rule("'d been, 'd done, 'd gone", /'d (?=(?:been|done|gone)\b)/g, ' had '),
  rule("'s been, 's got, 's gone", /'s (?=(?:been|got|gone)\b)/g, ' has '),
  rule("n't", /n't\b/g, ' not'),
  rule("'re", /'re\b/g, ' are'),
  rule("'ve", /'ve\b/g, ' have'),
  rule("'ll", /'ll\b/g, ' will'),
  rule("'d", /'d\b/g, ' would'),
  rule("'m", /'m\b/g, ' am'),
  rule(
    "'s after a word that it makes a sentence of",
    /\b(he|she|it|that|there|here|what|who|where|how)'s\b/g,
    '$1 is',
  ),
  rule('a comma inside a number goes', /(?<=\d),(?=\d{3}\b)/g, ''),
  rule('per cent', /(?<=\d)\s*%|\bper ?cent\b/g, ' percent '),
  rule('accents go', /\p{M}/gu, ''),
  rule('a point counts inside a number alone', /\.(?!\d)|(?<!\d)\./g, ' '),
  rule(
    'an apostrophe inside a word goes, so that its spelling does not matter',
    /(?<=\p{L})'(?=\p{L})/gu,
    '',
  ),
  rule('every other sign is a blank', /[^\p{L}\p{N}.\s]/gu, ' '),
];

const ones = [
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven'],
  ...['twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen'],
];
const tens = ['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const scales: Readonly<Record<string, number>> = { thousand: 1e3, million: 1e6, billion: 1e9 };

/** Words of a text as they are compared. Whole numbers that are written as words are figures: "twenty one" is "21". */
export function normalizeWords(text: string): readonly string[] {
  const plain = normalizerRules.reduce(
    (so, { pattern, to }) => so.replace(pattern, to),
    text.normalize('NFKD').toLowerCase(),
  );
  return withFigures(plain.split(/\s+/).filter((word) => word !== ''));
}

/** Runs of number words as one figure each; a run that is no number (a year, a telephone number) stays in pieces. */
function withFigures(words: readonly string[]): readonly string[] {
  const out: string[] = [];
  let at = 0;
  while (at < words.length) {
    const number = numberAt(words, at);
    out.push(number === null ? (words[at] as string) : String(number.value));
    at += number?.words ?? 1;
  }
  return out;
}

/** The longest number that begins at `at`. */
function numberAt(
  words: readonly string[],
  at: number,
): { readonly value: number; readonly words: number } | null {
  let total = 0;
  let scaleLeft = Infinity;
  let next = at;
  for (;;) {
    const group = belowThousand(words, next);
    if (group === null) break;
    const scale = scales[words[group.next] ?? ''];
    if (scale === undefined) return { value: total + group.value, words: group.next - at };
    if (scale >= scaleLeft) break;
    total += group.value * scale;
    scaleLeft = scale;
    next = group.next + 1;
  }
  return next === at ? null : { value: total, words: next - at };
}

/** `[ones|teens] hundred [and] [tens] [ones]`, from `at`. */
function belowThousand(
  words: readonly string[],
  at: number,
): { readonly value: number; readonly next: number } | null {
  const first = belowHundred(words, at);
  if (first === null || words[first.next] !== 'hundred' || first.value === 0) return first;
  const value = first.value * 100;
  const and = words[first.next + 1] === 'and' ? 1 : 0;
  const rest = belowHundred(words, first.next + 1 + and);
  if (rest === null || rest.value === 0) return { value, next: first.next + 1 };
  return { value: value + rest.value, next: rest.next };
}

function belowHundred(
  words: readonly string[],
  at: number,
): { readonly value: number; readonly next: number } | null {
  const word = words[at] ?? '';
  const one = ones.indexOf(word);
  if (one >= 0) return { value: one, next: at + 1 };
  const ten = tens.indexOf(word);
  if (ten < 0) return null;
  const unit = ones.indexOf(words[at + 1] ?? '');
  return unit >= 1 && unit <= 9
    ? { value: (ten + 2) * 10 + unit, next: at + 2 }
    : { value: (ten + 2) * 10, next: at + 1 };
}
