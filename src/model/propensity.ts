import type { Random } from '../base/random.ts';
import type { Grade } from './grade.ts';
import {
  AGE_GROUPS,
  type AgeGroup,
  ageGroupIndex,
  type Gender,
  type User,
  type UserStatus,
} from './user.ts';

/** How likely somebody is to buy now: a score from who they are, times three factors. */
export type PropensitySettings = {
  age: Readonly<Record<AgeGroup, number>>;
  gender: Readonly<Record<Gender, number>>;
  status: Readonly<Record<UserStatus, number>>;
  marketing: { agreed: number; declined: number };
  grade: Readonly<Record<Grade, number>>;
  unknown: { age: number; gender: number; status: number; grade: number };
  timeVariation: Readonly<Record<AgeGroup, readonly number[]>>; // hours 0..23
  promotion: { chance: number; factor: number }; // for those who agreed to marketing
  life: { weights: readonly number[]; factors: readonly number[] };
};

/** Multiplier of each hour, 0..23, by age group. */
export const TIME_VARIATION: Readonly<Record<AgeGroup, readonly number[]>> = {
  '10대': [
    0.8, 0.5, 0.2, 0.1, 0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 0.8, 0.7, 0.8, 0.9, 1, 1.2,
    1.4, 1.6, 1.8, 1.5, 1.2,
  ],
  '20대': [
    0.7, 0.4, 0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 1, 1.3, 1.1, 0.9, 0.8, 0.9, 1, 1.3, 1.5,
    1.7, 1.8, 1.5, 1,
  ],
  '30대': [
    0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.2, 1.4, 1.2, 1, 0.9, 0.8, 0.9, 1.1, 1.5,
    1.8, 1.6, 1, 0.5,
  ],
  '40대': [
    0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.3, 1.4, 1.2, 1, 0.9, 0.8, 0.9, 1.1, 1.4,
    1.6, 1.3, 0.8, 0.4,
  ],
  '50대이상': [
    0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.5, 0.8, 1, 1.3, 1.5, 1.6, 1.4, 1.2, 1, 0.9, 0.8, 0.7, 0.8, 1,
    1.1, 0.8, 0.5, 0.2,
  ],
};

export const DEFAULT_PROPENSITY: PropensitySettings = {
  age: { '10대': 12, '20대': 20, '30대': 25, '40대': 22, '50대이상': 18 },
  gender: { M: 12, F: 15 },
  status: { ACTIVE: 20, DORMANT: 5 },
  marketing: { agreed: 15, declined: 8 },
  grade: { BRONZE: 10, SILVER: 15, GOLD: 20, VIP: 25 },
  unknown: { age: 15, gender: 12, status: 10, grade: 10 },
  timeVariation: TIME_VARIATION,
  promotion: { chance: 0.2, factor: 1.3 },
  life: { weights: [85, 12, 3], factors: [1, 1.5, 3] },
};

/** What a score needs to know of a customer. */
export type Scored = Pick<User, 'age' | 'gender' | 'status' | 'marketingAgree' | 'grade'>;

const WEIGHT_MIN = 0.1; // nobody and nothing in a pool is out of the question

/** The sum of five scores, 47 to 100. A value outside the tables gets the score of the unknown. */
export function calculateBaseScore(user: Scored, settings = DEFAULT_PROPENSITY): number {
  return (
    ageScore(AGE_GROUPS[ageGroupIndex(user.age)], settings) +
    (settings.gender[user.gender] ?? settings.unknown.gender) +
    (settings.status[user.status] ?? settings.unknown.status) +
    (user.marketingAgree ? settings.marketing.agreed : settings.marketing.declined) +
    (settings.grade[user.grade] ?? settings.unknown.grade)
  );
}

export function ageScore(ageGroup: AgeGroup, settings = DEFAULT_PROPENSITY): number {
  return settings.age[ageGroup] ?? settings.unknown.age;
}

/** `hour` is 0..23 in Seoul. */
export function applyTimeVariation(
  score: number,
  ageGroup: AgeGroup,
  hour: number,
  settings = DEFAULT_PROPENSITY,
): number {
  return score * (settings.timeVariation[ageGroup] ?? settings.timeVariation['30대'])[hour];
}

/** `u` is uniform in [0, 1): a promotion reaches one in five of those who agreed to marketing. */
export function applyMarketingBoost(
  score: number,
  marketingAgree: boolean,
  u: number,
  settings = DEFAULT_PROPENSITY,
): number {
  const { chance, factor } = settings.promotion;
  return marketingAgree && u < chance ? score * factor : score;
}

/** `u` is uniform in [0, 1): an ordinary day, a pay day, or a move, a wedding, a birth. */
export function applyLifeEvent(score: number, u: number, settings = DEFAULT_PROPENSITY): number {
  const { weights, factors } = settings.life;
  let left = u * sumOf(weights);
  let event = 0;
  while (event < weights.length - 1 && left >= weights[event]) left -= weights[event++];
  return score * factors[event];
}

/** The whole score. Takes two draws from `random`, whoever the user is. */
export function calculatePropensity(
  user: Scored,
  hour: number,
  random: Random,
  settings = DEFAULT_PROPENSITY,
): number {
  const promotion = random.next();
  const life = random.next();
  const base = calculateBaseScore(user, settings);
  const timed = applyTimeVariation(base, AGE_GROUPS[ageGroupIndex(user.age)], hour, settings);
  const boosted = applyMarketingBoost(timed, user.marketingAgree, promotion, settings);
  return applyLifeEvent(boosted, life, settings);
}

/** The users with the highest scores, falling, ties by user id. Draws in the order of the list. */
export function selectTopBuyers<Buyer extends Scored & Pick<User, 'userId'>>(
  users: readonly Buyer[],
  topN: number | undefined, // 200 unless told
  hour: number,
  random: Random,
  settings = DEFAULT_PROPENSITY,
): { user: Buyer; score: number }[] {
  const scored = users.map((user) => ({
    user,
    score: calculatePropensity(user, hour, random, settings),
  }));
  scored.sort((a, b) => b.score - a.score || (a.user.userId < b.user.userId ? -1 : 1));
  return scored.slice(0, topN ?? TOP_BUYERS);
}

export const TOP_BUYERS = 200;

/** What the two chances multiply a score by in the mean: 1.06 x 1.12 for those who agreed. */
export function meanBoost(marketingAgree: boolean, settings = DEFAULT_PROPENSITY): number {
  const { chance, factor } = settings.promotion;
  const { weights, factors } = settings.life;
  const promotion = marketingAgree ? 1 + chance * (factor - 1) : 1;
  const life = weights.reduce((sum, weight, event) => sum + weight * factors[event], 0);
  return (promotion * life) / sumOf(weights);
}

/** Weight in the choice of a buyer; a scenario's weights of gender and age are 50 and 20 in the mean. */
export function buyerWeight(propensity: number, genderWeight: number, ageWeight: number): number {
  return Math.max(WEIGHT_MIN, propensity * (genderWeight / 50) * (ageWeight / 20));
}

/** Weight in the choice of an article: the scenario's for its category, times how often it is bought. */
export function productWeight(categoryWeight: number, frequency: number): number {
  return Math.max(WEIGHT_MIN, (categoryWeight * frequency) / 10);
}

function sumOf(values: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}
