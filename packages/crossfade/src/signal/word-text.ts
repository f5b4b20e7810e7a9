import { gatherWord, spreadWord } from './tone-code.ts';

/** 16 consonants and 4 vowels: consonant-vowel-consonant-vowel-consonant carries exactly 16 bits. */
const consonants = 'bdfghjklmnprstvz';
const vowels = 'aiou';
const shape = /^[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]$/;

/** The pseudo-word of a counter value, such as `lusab`: five letters that can be said, one word per value. */
export function wordText(index: number): string {
  const bits = spreadWord(index);
  return (
    letter(consonants, bits >> 12) +
    letter(vowels, (bits >> 10) & 3) +
    letter(consonants, (bits >> 6) & 15) +
    letter(vowels, (bits >> 4) & 3) +
    letter(consonants, bits & 15)
  );
}

/** The counter value of a pseudo-word, or null when it is none of ours. */
export function wordIndex(text: string): number | null {
  if (!shape.test(text)) return null;
  const [c1, v1, c2, v2, c3] = [...text] as [string, string, string, string, string];
  const bits =
    (consonants.indexOf(c1) << 12) |
    (vowels.indexOf(v1) << 10) |
    (consonants.indexOf(c2) << 6) |
    (vowels.indexOf(v2) << 4) |
    consonants.indexOf(c3);
  return gatherWord(bits);
}

function letter(letters: string, place: number): string {
  return letters[place] as string;
}
