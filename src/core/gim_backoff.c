/* SPDX-License-Identifier: MIT */
#include "gim_backoff.h"

#define DAY_MS (24LL * 60 * 60 * 1000)

/* An even draw from 0 to `most`, both included; exact for any `most`. */
static int64_t draw(int64_t most, uint32_t random) {
  uint64_t span = (uint64_t)most + 1;
  if (most <= 0) return 0;
  return (int64_t)((span >> 32) * random +
                   (((span & 0xFFFFFFFF) * random) >> 32));
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t within(int64_t value, int64_t least, int64_t most) {
  if (value > most) value = most;
  return value < least ? least : value;
}

int64_t gim_backoff_retry_ms(const gim_retry *retry, int attempt,
                             int64_t retry_after_ms, uint32_t random) {
  int64_t span = retry->base_ms;
  if (retry_after_ms >= 0) {
    int64_t jitter = draw(smaller(retry_after_ms / 10, 1000), random);
    return retry_after_ms > INT64_MAX - jitter ? retry_after_ms
                                               : retry_after_ms + jitter;
  }
  while (--attempt > 0 && span < retry->cap_ms)
    span = span > INT64_MAX / 2 ? INT64_MAX : span * 2;
  return draw(smaller(span, retry->cap_ms), random);
}

int64_t gim_backoff_poll_ms(const gim_poll *poll, int polls,
                            int64_t elapsed_ms, int64_t estimated_ms,
                            uint32_t random) {
  int64_t delay, jitter, least;
  if (polls == 0 && poll->first_ms >= 0)
    delay = poll->first_ms - elapsed_ms;
  else if (polls == 0 && estimated_ms >= 0)
    delay = estimated_ms / 4 - elapsed_ms;
  else if (estimated_ms > elapsed_ms)
    delay = (estimated_ms - elapsed_ms) / 2;
  else
    delay = (elapsed_ms - within(estimated_ms, 0, elapsed_ms)) / 10;
  delay = within(delay, poll->min_ms, poll->max_ms);
  jitter = delay / 1000 * poll->jitter_permille +
           delay % 1000 * poll->jitter_permille / 1000;
  least = delay - jitter < poll->min_ms ? poll->min_ms : delay - jitter;
  return least + draw(delay + jitter - least, random);
}

/* ---- Retry-After ---- */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static gim_str trim(gim_str s) {
  while (s.n > 0 && (*s.p == ' ' || *s.p == '\t')) {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
  return s;
}

/*
** Digits with or without a fraction, times `scale`, rounded up: to come too
** early is to be refused again. At most a day; -1: something else.
*/
static int64_t read_number(gim_str s, int64_t scale) {
  int64_t value = 0, unit = scale;
  bool more = false;
  size_t i = 0;
  if (s.n == 0 || !is_digit(s.p[0])) return -1;
  for (; i < s.n && is_digit(s.p[i]); i++)
    value = smaller(value * 10 + (s.p[i] - '0') * scale, DAY_MS);
  if (i < s.n && s.p[i] == '.')
    for (i++; i < s.n && is_digit(s.p[i]); i++) {
      int64_t digit = s.p[i] - '0';
      unit /= 10;
      value += digit * unit;
      more = more || (unit == 0 && digit > 0);
    }
  if (i < s.n) return -1;
  if (more) value++;
  return smaller(value, DAY_MS);
}

/*
** The parts of a date in any of the three forms of HTTP. `p` walks over them;
** a reader that does not find its part clears `good`.
*/
typedef struct date {
  const char *p;
  const char *end;
  bool good;
} date;

static bool take(date *d, char c) {
  if (d->p >= d->end || *d->p != c) return false;
  d->p++;
  return true;
}

static void expect(date *d, char c) {
  if (!take(d, c)) d->good = false;
}

static int take_digits(date *d, int count) {
  int value = 0;
  for (int i = 0; i < count; i++, d->p++) {
    if (d->p >= d->end || !is_digit(*d->p)) {
      d->good = false;
      return 0;
    }
    value = value * 10 + (*d->p - '0');
  }
  return value;
}

/* 1 to 12. */
static int take_month(date *d) {
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  gim_str name = {d->p, 3}, month = {names, 3};
  if (d->end - d->p >= 3)
    for (int i = 1; i <= 12; i++, month.p += 3)
      if (gim_str_equal_nocase(name, month)) {
        d->p += 3;
        return i;
      }
  d->good = false;
  return 1;
}

int64_t gim_backoff_days(int64_t year, int month, int day) {
  int64_t shifted = year - (month <= 2); /* years begin in March */
  int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 +
         in_year - 719468;
}

/* Two digits mean the year that is not over 50 years ahead (RFC 9110). */
static int64_t full_year(int two, int64_t now_unix_s) {
  int64_t now_year = 1970 + now_unix_s / 31556952;
  int64_t year = now_year - now_year % 100 + two;
  return year > now_year + 50 ? year - 100 : year;
}

/* Unix seconds of an HTTP date, or INT64_MIN. */
static int64_t read_date(gim_str s, int64_t now_unix_s) {
  date d = {s.p, s.p + s.n, true};
  int64_t year = 0;
  int month, day, hour, minute, second;
  bool asctime = false;
  while (d.p < d.end && ((*d.p | 32) >= 'a' && (*d.p | 32) <= 'z')) d.p++;
  if (d.p == s.p) return INT64_MIN;
  if (take(&d, ',')) {
    bool old;
    expect(&d, ' ');
    day = take_digits(&d, 2);
    old = take(&d, '-'); /* Sunday, 06-Nov-94 */
    if (!old) expect(&d, ' ');
    month = take_month(&d);
    expect(&d, old ? '-' : ' ');
    year =
        old ? full_year(take_digits(&d, 2), now_unix_s) : take_digits(&d, 4);
    expect(&d, ' ');
  }
  else { /* Sun Nov  6 08:49:37 1994 */
    asctime = true;
    expect(&d, ' ');
    month = take_month(&d);
    expect(&d, ' ');
    day = take_digits(&d, take(&d, ' ') ? 1 : 2);
    expect(&d, ' ');
  }
  hour = take_digits(&d, 2);
  expect(&d, ':');
  minute = take_digits(&d, 2);
  expect(&d, ':');
  second = take_digits(&d, 2);
  expect(&d, ' ');
  if (asctime)
    year = take_digits(&d, 4);
  else {
    expect(&d, 'G');
    expect(&d, 'M');
    expect(&d, 'T');
  }
  if (!d.good || d.p != d.end || year < 1601 || day < 1 || day > 31 ||
      hour > 23 || minute > 59 || second > 60)
    return INT64_MIN;
  return gim_backoff_days(year, month, day) * 86400 + hour * 3600 +
         minute * 60 + second;
}

int64_t gim_backoff_retry_after_ms(gim_str value, int64_t now_unix_s) {
  int64_t when, wait_s;
  value = trim(value);
  if (value.n == 0) return -1;
  if (is_digit(value.p[0])) return read_number(value, 1000);
  when = read_date(value, now_unix_s);
  if (when == INT64_MIN) return -1;
  if (when <= now_unix_s) return 0;
  wait_s = when - now_unix_s;
  return wait_s > DAY_MS / 1000 ? -1 : wait_s * 1000;
}

int64_t gim_backoff_retry_after_millis(gim_str value) {
  return read_number(trim(value), 1);
}

int64_t gim_backoff_told_ms(gim_str millis, gim_str value,
                            int64_t now_unix_s) {
  int64_t told_ms = gim_backoff_retry_after_millis(millis);
  return told_ms >= 0 ? told_ms
                      : gim_backoff_retry_after_ms(value, now_unix_s);
}
