import { describe, expect, test } from 'vitest';
import { checkRule, MAX_RULE_LENGTH, readRule } from './recurrence.ts';

describe('a rule that can be read', () => {
  test.each([
    'FREQ=WEEKLY;BYDAY=TU',
    'RRULE:FREQ=MONTHLY;BYDAY=1MO,-1FR;BYHOUR=9,14',
    'freq=yearly;byweekno=-1,1;byday=mo;wkst=su',
    'FREQ=HOURLY;INTERVAL=6;BYMINUTE=30;BYSECOND=0;BYYEARDAY=-1',
    'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;UNTIL=20261231T160000Z',
    'FREQ=DAILY;COUNT=10000\nEXDATE:20261001,20261002T090000\nEXDATE:20261003T010000Z\n',
  ])('%j', (text) => {
    expect(checkRule(text)).toBeUndefined();
  });

  test('is taken apart', () => {
    const text =
      ' RRULE: FREQ=MONTHLY ; INTERVAL=2; BYMONTHDAY=1,-1,1; BYDAY = MO,+2TU ;UNTIL=20261231\n EXDATE:20260701T0900' +
      '00 ';
    expect(readRule(text)).toEqual({
      ok: true,
      rule: {
        frequency: 'MONTHLY',
        interval: 2,
        count: undefined,
        until: { clock: 'date', ms: Date.UTC(2026, 11, 31) },
        weekStart: undefined,
        byDay: ['MO', '+2TU'],
        by: { BYMONTHDAY: [1, -1] },
        exceptions: [{ clock: 'local', ms: Date.UTC(2026, 6, 1, 9) }],
      },
    });
  });
});

describe('a rule with a mistake', () => {
  test.each([
    ['', 0, 'the rule is empty'],
    [' \n', 0, 'the rule is empty'],
    ['x'.repeat(MAX_RULE_LENGTH + 1), 0, 'the rule is longer than 2000 characters'],
    ['every Tuesday', 0, '"every Tuesday" is not NAME=VALUE; parts stand between semicolons: FREQ=WEEKLY;BYDAY=TU'],
    ['FREQ=WEEKLY;', 12, '"" is not NAME=VALUE; parts stand between semicolons: FREQ=WEEKLY;BYDAY=TU'],
    ['BYDAY=TU', 0, 'FREQ is missing, e.g. FREQ=WEEKLY'],
    ['FREQ=DAILY;EVERY=2', 11, 'a rule has no part "EVERY"'],
    ['FREQ=DAILY;FREQ=DAILY', 11, 'FREQ is written twice'],
    ['RSCALE=CHINESE;FREQ=YEARLY', 0, 'RSCALE is not supported: rules follow the Gregorian calendar'],
    ['FREQ=YEARLY;SKIP=OMIT', 12, 'SKIP is not supported: rules follow the Gregorian calendar'],
    ['FREQ=DAILY;INTERVAL=0', 20, 'INTERVAL is a whole number from 1 to 1000'],
    ['FREQ=DAILY;COUNT=10001', 17, 'COUNT is a whole number from 1 to 10000'],
    ['FREQ=DAILY;COUNT=1e3', 17, 'COUNT is a whole number from 1 to 10000'],
    ['FREQ=DAILY;BYMONTH=1,13', 21, 'BYMONTH is 1 to 12'],
    ['FREQ=DAILY;BYHOUR=-1', 18, 'BYHOUR is 0 to 23'],
    ['FREQ=MONTHLY;BYMONTHDAY=0', 24, 'BYMONTHDAY is 1 to 31, or -1 to -31 from the end'],
    ['FREQ=MONTHLY;BYMONTHDAY=1,,2', 26, 'BYMONTHDAY is 1 to 31, or -1 to -31 from the end'],
    ['FREQ=WEEKLY;BYMONTHDAY=1', 12, 'BYMONTHDAY does not go with FREQ=WEEKLY'],
    ['FREQ=DAILY;BYWEEKNO=1', 11, 'BYWEEKNO does not go with FREQ=DAILY'],
    ['FREQ=MONTHLY;BYYEARDAY=1', 13, 'BYYEARDAY does not go with FREQ=MONTHLY'],
    ['FREQ=DAILY;BYSECOND=30', 20, 'BYSECOND is 0: planned work starts on the minute'],
    [
      'FREQ=WEEKLY;BYDAY=TUE',
      18,
      'days are MO TU WE TH FR SA SU, with a number 1MO the first Monday, -1FR the last Friday',
    ],
    [
      'FREQ=MONTHLY;BYDAY=0MO',
      19,
      'days are MO TU WE TH FR SA SU, with a number 1MO the first Monday, -1FR the last Friday',
    ],
    ['FREQ=WEEKLY;BYDAY=MO, 1TU', 22, 'the number in 1TU goes with FREQ=MONTHLY or YEARLY only, without BYWEEKNO'],
    [
      'FREQ=YEARLY;BYWEEKNO=1;BYDAY=1TU',
      29,
      'the number in 1TU goes with FREQ=MONTHLY or YEARLY only, without BYWEEKNO',
    ],
    ['FREQ=WEEKLY;WKST=0', 17, 'WKST is one of MO TU WE TH FR SA SU'],
    ['FREQ=DAILY;COUNT=2;UNTIL=20261231', 19, 'COUNT and UNTIL do not go together'],
    ['FREQ=YEARLY;BYWEEKNO=1;BYYEARDAY=1', 23, 'BYYEARDAY does not go with BYWEEKNO'],
    ['FREQ=DAILY;BYHOUR=9,14;BYSETPOS=1', 23, 'BYSETPOS does not go with FREQ=DAILY'],
    ['FREQ=MONTHLY;BYSETPOS=1', 13, 'BYSETPOS needs another BY… part to choose from, e.g. BYDAY'],
    [
      'FREQ=DAILY;UNTIL=20260231',
      17,
      '"20260231" is not a date or time; the forms are 20261231, 20261231T090000, 20261231T010000Z',
    ],
    [
      'FREQ=DAILY;UNTIL=20261231T250000',
      17,
      '"20261231T250000" is not a date or time; the forms are 20261231, 20261231T090000, 20261231T010000Z',
    ],
    [
      'FREQ=DAILY\nDTSTART:20260701T090000',
      11,
      'only EXDATE:dates may follow a rule, not "DTSTART"; its start is given by start',
    ],
    [
      'FREQ=DAILY\n  RDATE:20260701',
      13,
      'only EXDATE:dates may follow a rule, not "RDATE"; its start is given by start',
    ],
    ['FREQ=DAILY\nEXDATE;VALUE=DATE:20260701', 11, 'the form is EXDATE:20261001,20270101'],
    [
      'FREQ=DAILY\nEXDATE:20260701, 2026',
      28,
      '"2026" is not a date or time; the forms are 20261231, 20261231T090000, 20261231T010000Z',
    ],
  ])('%j is told at %d', (text, offset, en) => {
    const problem = checkRule(text);
    expect(problem).toMatchObject({ kind: 'malformed', offset, text: { en } });
    expect(problem?.text.zh).toMatch(/\p{Script=Han}/u);
  });

  test.each([
    ['FREQ=MINUTELY', 5],
    ['FREQ=SECONDLY;INTERVAL=7200', 5],
    ['FREQ=DAILY;BYMINUTE=0,30', 20],
  ])('%j comes more often than once an hour', (text, offset) => {
    expect(checkRule(text)).toMatchObject({ kind: 'too-often', offset });
  });

  test('BYMINUTE that says the same twice is once an hour', () => {
    expect(checkRule('FREQ=HOURLY;BYMINUTE=30,30')).toBeUndefined();
  });

  test.each([
    ['FREQ=WEEKY', 'WEEKLY'],
    ['FREQ=WEEKLY;BYDAYS=TU', 'BYDAY'],
    ['FREQ=WEEKLY\nEXDATES:20260701', 'EXDATE'],
  ])('%j: what was probably meant', (text, suggestion) => {
    expect(checkRule(text)?.suggestion).toBe(suggestion);
  });
});
