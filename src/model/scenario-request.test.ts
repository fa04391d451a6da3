import { expect, test } from 'bun:test';
import { PipelineError } from '../base/errors.ts';
import { formatScenarioRequest, ScenarioWatch } from './scenario-request.ts';

const NOW = 1_795_000_000_000;

test('a request comes back as it was written, once', () => {
  for (let number = 0; number <= 20; number++) {
    const watch = new ScenarioWatch();
    const text = formatScenarioRequest({ number, atMs: NOW - number });
    expect(watch.see(text, NOW)).toEqual({ number, atMs: NOW - number });
    expect(watch.see(text, NOW + 2_000)).toBeNull();
  }
  expect(formatScenarioRequest({ number: 3, atMs: NOW })).toBe('3@1795000000000');
  expect(() => formatScenarioRequest({ number: 21, atMs: NOW })).toThrow('scenario 21');
});

test('the same number chosen again is another request', () => {
  const watch = new ScenarioWatch();
  expect(watch.see(`3@${NOW}`, NOW)).not.toBeNull();
  expect(watch.see(`3@${NOW + 1}`, NOW + 1)).toEqual({ number: 3, atMs: NOW + 1 });
});

test('a number alone was chosen when it was first seen, but not before the first look', () => {
  const watch = new ScenarioWatch();
  expect(watch.see('7', NOW)).toBeNull(); // may have lain there for a year
  expect(watch.see('7', NOW + 1)).toBeNull();
  expect(watch.see('8', NOW + 2)).toEqual({ number: 8, atMs: NOW + 2 });
  expect(watch.see('8', NOW + 3)).toBeNull();
  expect(watch.see(null, NOW + 4)).toBeNull();
  expect(watch.see(' 08\n', NOW + 5)).toEqual({ number: 8, atMs: NOW + 5 });
  const empty = new ScenarioWatch();
  expect(empty.see(null, NOW)).toBeNull();
  expect(empty.see('7', NOW + 1)).toEqual({ number: 7, atMs: NOW + 1 });
});

test('what is no request is refused once, whoever wrote it', () => {
  const texts = ['', 'x', '-1', '21', '3.5', '3@', '3@-5', '@5', '3@x', '333', '3@1@2', '٣', '1e1'];
  for (const text of texts) {
    const watch = new ScenarioWatch();
    expect(() => watch.see(text, NOW)).toThrow(PipelineError);
    expect(watch.see(text, NOW)).toBeNull();
    expect(watch.see(`4@${NOW}`, NOW)).toEqual({ number: 4, atMs: NOW });
  }
  const long = 'x'.repeat(1_000_000);
  const message = `"${'x'.repeat(40)}" is no scenario: choose one by its number, 0 to 20`;
  expect(() => new ScenarioWatch().see(long, NOW)).toThrow(new PipelineError('USAGE', message));
});
