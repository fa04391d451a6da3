import type { Grade } from './grade.ts';

export const GENDERS = ['M', 'F'] as const;
export type Gender = (typeof GENDERS)[number];

export const USER_STATUSES = ['ACTIVE', 'DORMANT'] as const;
export type UserStatus = (typeof USER_STATUSES)[number];

/** One customer, a row of `users`. Times are ms since the epoch. */
export type User = {
  userId: string; // U_00000001: numbers are handed out by the database, in sign-up order
  name: string;
  gender: Gender;
  age: number; // whole years
  birthYear: number;
  address: string; // <district> <street>
  addressDistrict: string; // one of the 17 regions
  email: string;
  grade: Grade;
  status: UserStatus;
  lastLoginAtMs: number;
  lastOrderedAtMs: number | null; // null: never bought
  marketingAgree: boolean;
  randomSeed: number; // [0, 1)
  createdAtMs: number; // sign-up
};

/** The five groups of the propensity tables. */
export const AGE_GROUPS = ['10대', '20대', '30대', '40대', '50대이상'] as const;
export type AgeGroup = (typeof AGE_GROUPS)[number];

/** Index into AGE_GROUPS of an age in years; an unknown age counts as the thirties (seed 001). */
export function ageGroupIndex(age: number | null | undefined): number {
  if (age === null || age === undefined || !(age >= 0)) return 2;
  return Math.min(Math.max(Math.floor(age / 10) - 1, 0), AGE_GROUPS.length - 1);
}

/** The age group as an order stores it: the decade, `50대` and `60대` apart (seed 000). */
export function orderAgeGroup(age: number): string {
  return `${Math.floor(age / 10) * 10}대`;
}
