import type { User } from '../model/user.ts';
import type { CopyBuffer } from './copy-buffer.ts';

/** What a customer is, by column: all of a row but what happens to it later. */
export const USER_FACTS = [
  'user_id',
  'name',
  'gender',
  'age',
  'birth_year',
  'address',
  'address_district',
  'email',
  'grade',
  'status',
  'last_login_at',
  'marketing_agree',
  'random_seed',
  'created_at',
] as const;

/** Writes the fields of USER_FACTS. */
export function writeUserFacts(to: CopyBuffer, user: User): void {
  to.text(user.userId);
  to.text(user.name);
  to.text(user.gender);
  to.int16(user.age);
  to.int16(user.birthYear);
  to.text(user.address);
  to.text(user.addressDistrict);
  to.text(user.email);
  to.text(user.grade);
  to.text(user.status);
  to.timestamp(user.lastLoginAtMs);
  to.boolean(user.marketingAgree);
  to.float64(user.randomSeed);
  to.timestamp(user.createdAtMs);
}
