/**
 * Korean people: family and given names, streets and mail names. The lists are the ko locale of
 * @faker-js/faker, taken as data (only this subpath: the whole library takes 165 ms to import, this
 * 20 to 40); the choice among them is ours, so rows follow our seed and not the library's chance.
 */
import { faker } from '@faker-js/faker/locale/ko';
import type { Random } from '../base/random.ts';
import { AliasTable } from '../model/alias.ts';
import type { Gender } from '../model/user.ts';

type PersonName = { full: string; mail: string };

type Part = { text: string; latin: string };

/** The commonest families in per mille of the people, and how they write themselves in Latin. */
const COMMON: readonly (readonly [text: string, latin: string, perMille: number])[] = [
  ['김', 'kim', 215],
  ['이', 'lee', 147],
  ['박', 'park', 84],
  ['최', 'choi', 47],
  ['정', 'jung', 43],
  ['강', 'kang', 24],
  ['조', 'cho', 21],
  ['윤', 'yoon', 21],
  ['장', 'jang', 20],
  ['임', 'lim', 17],
  ['한', 'han', 16],
  ['오', 'oh', 15],
  ['서', 'seo', 15],
  ['신', 'shin', 15],
  ['권', 'kwon', 14],
  ['황', 'hwang', 14],
  ['안', 'ahn', 14],
  ['송', 'song', 14],
  ['류', 'ryu', 13],
  ['홍', 'hong', 11],
];

const INITIALS = 'g kk n d tt r m b pp s ss  j jj ch k t p h'.split(' ');
const VOWELS = 'a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i'.split(' ');
const FINALS = ' k k k n n n t l k m l l l p l m p p t t ng t t k t p t'.split(' ');
const FIRST_SYLLABLE = 0xac00;
const SYLLABLES = INITIALS.length * VOWELS.length * FINALS.length;

const { person, location } = faker.rawDefinitions;
const RARE = parts(person?.last_name?.generic).filter(
  (part) => !COMMON.some(([text]) => text === part.text),
);
const FAMILIES: readonly Part[] = [...COMMON.map(([text, latin]) => ({ text, latin })), ...RARE];
const FAMILY_TABLE = AliasTable.of(familyWeights());
const GIVEN: Readonly<Record<Gender, readonly Part[]>> = {
  M: parts(person?.first_name?.male, person?.first_name?.generic),
  F: parts(person?.first_name?.female, person?.first_name?.generic),
};
const ROADS = parts(location?.street_name_part).map((part) => part.text);
const MAIL_HOSTS = ['naver.com', 'gmail.com', 'daum.net', 'kakao.com', 'icloud.com'] as const;

export function personName(random: Random, gender: Gender): PersonName {
  const family = FAMILIES[FAMILY_TABLE.pick(random.next())];
  const given = random.pick(GIVEN[gender]);
  return { full: family.text + given.text, mail: mailName(random.below(4), family, given) };
}

/** `나팔꽃로 12`, or for one in three `나팔꽃로7번길 12`. */
export function street(random: Random): string {
  const road = random.pick(ROADS);
  const wide = random.below(6);
  const house = 1 + random.below(240);
  if (wide === 0) return `${road}대로 ${house}`;
  if (wide < 4) return `${road}로 ${house}`;
  return `${road}로${1 + random.below(90)}번길 ${house}`;
}

/** Unique by the number: a mail name has no digits of its own. */
export function mailAddress(random: Random, mail: string, number: number): string {
  return `${mail}${number}@${random.pick(MAIL_HOSTS)}`;
}

/** Revised Romanization, syllable by syllable and without assimilation. Other letters drop out. */
export function romanise(text: string): string {
  let latin = '';
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at) - FIRST_SYLLABLE;
    if (code < 0 || code >= SYLLABLES) continue;
    const final = code % FINALS.length;
    const vowel = Math.floor(code / FINALS.length) % VOWELS.length;
    const initial = Math.floor(code / (FINALS.length * VOWELS.length));
    latin += INITIALS[initial] + VOWELS[vowel] + FINALS[final];
  }
  return latin;
}

function mailName(habit: number, family: Part, given: Part): string {
  if (habit === 0) return given.latin;
  if (habit === 1) return `${given.latin}.${family.latin}`;
  if (habit === 2) return `${family.latin}_${given.latin}`;
  return family.latin + given.latin;
}

/** The rarer families share what the common ones leave, evenly. */
function familyWeights(): number[] {
  const weights = COMMON.map(([, , perMille]) => perMille);
  const left = 1000 - weights.reduce((sum, weight) => sum + weight, 0);
  return [...weights, ...RARE.map(() => left / RARE.length)];
}

function parts(...lists: (readonly string[] | null | undefined)[]): readonly Part[] {
  const texts = lists.flatMap((list) => list ?? []);
  if (texts.length === 0) throw new Error('the ko locale has lost a list that names need');
  return texts.map((text) => ({ text, latin: romanise(text) }));
}
