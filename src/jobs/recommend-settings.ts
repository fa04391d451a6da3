import { setting } from '../base/config.ts';
import { Timetable } from '../base/timetable.ts';

/** What the scheduled recommender needs besides the database. The URLs may hold passwords. */
export type RecommendSettings = {
  cron: string; // five parts, Asia/Seoul
  rodbUrl?: string; // default: the database itself
  bidbUrl?: string;
  modelsDir?: string; // default: where `recommend train` keeps them
};

const CRON = '0 2 1 * *'; // seed 004: the first of every month at 02:00
const CRON_SETTING = 'MILLRACE_RECOMMEND_CRON';

/** MILLRACE_RECOMMEND_CRON, RODB_URL and BIDB_URL; USAGE if the first cannot be read. */
export function recommendSettings(): RecommendSettings {
  const { cron } = recommendTimetable(setting(CRON_SETTING) ?? CRON);
  return { cron, rodbUrl: setting('RODB_URL'), bidbUrl: setting('BIDB_URL') };
}

export const recommendTimetable = (cron: string): Timetable => Timetable.parse(cron, CRON_SETTING);
