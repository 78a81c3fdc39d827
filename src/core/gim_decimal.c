/* SPDX-License-Identifier: MIT */
#include "gim_decimal.h"

#include <stdio.h>

/* Past this an exponent only says "nothing" or "far too much". */
#define EXPONENT_MAX 1000000000
/* Digits that cannot pass INT64_MAX, whatever the scale: 6 is the most. */
#define SHORT 12

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The exponent behind `e`, held within EXPONENT_MAX. */
static int64_t read_exponent(const char *p, const char *end) {
  bool negative = p < end && *p == '-';
  int64_t value = 0;
  if (p < end && (*p == '-' || *p == '+')) p++;
  for (; p < end && is_digit(*p); p++)
    if (value < EXPONENT_MAX) value = value * 10 + (*p - '0');
  return negative ? -value : value;
}

/* *to = *to * 10 + digit, unless that passes `most`. */
static bool push_digit(uint64_t *to, unsigned digit, uint64_t most) {
  if (*to > (most - digit) / 10) return false;
  *to = *to * 10 + digit;
  return true;
}

/* The usual number: a few digits, and no more behind a point than count. */
static bool read_short(gim_str text, int scale, int64_t *to) {
  const char *p = text.p, *end = text.p + text.n;
  int64_t value = 0;
  if (text.n == 0 || text.n > SHORT) return false;
  for (; p < end && is_digit(*p); p++) value = value * 10 + (*p - '0');
  if (p < end && *p == '.') {
    for (p++; p < end && scale > 0 && is_digit(*p); p++, scale--)
      value = value * 10 + (*p - '0');
  }
  if (p < end) return false;
  while (scale-- > 0) value *= 10;
  *to = value;
  return true;
}

bool gim_decimal_read(gim_str text, int scale, int64_t *to, bool *exact) {
  const char *p = text.p, *end = text.p + text.n, *digits, *q;
  bool negative = p < end && *p == '-';
  uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
  uint64_t value = 0;
  int64_t whole = 0; /* how many of the digits stand before the point */
  int64_t i = 0;
  bool lost = false, up = false;
  if (read_short(text, scale, to)) return *exact = true;
  if (negative) p++;
  digits = p;
  while (p < end && is_digit(*p)) p++;
  whole = p - digits;
  if (p < end && *p == '.') do
      p++;
    while (p < end && is_digit(*p));
  whole += scale;
  if (p < end) whole += read_exponent(p + 1, end);
  /* Digits up to `whole` count, the next one rounds, others are lost. */
  for (q = digits; q < p; q++) {
    unsigned digit;
    if (*q == '.') continue;
    digit = (unsigned)(*q - '0');
    if (i < whole) {
      if (!push_digit(&value, digit, most)) return false;
    }
    else {
      if (digit != 0) lost = true;
      if (i == whole) up = digit >= 5;
    }
    i++;
  }
  /* Zeros that the exponent asks for: at most 19 fit. */
  for (; i < whole && value != 0; i++)
    if (!push_digit(&value, 0, most)) return false;
  if (up && ++value > most) return false;
  *exact = !lost;
  if (!negative)
    *to = (int64_t)value;
  else
    *to = value == most ? INT64_MIN : -(int64_t)value;
  return true;
}

size_t gim_decimal_write_micro(char to[GIM_DECIMAL_SIZE], int64_t micro) {
  uint64_t size = micro < 0 ? (uint64_t)0 - (uint64_t)micro : (uint64_t)micro;
  int n = snprintf(to, GIM_DECIMAL_SIZE, "%s%llu.%06llu", micro < 0 ? "-" : "",
                   (unsigned long long)(size / 1000000),
                   (unsigned long long)(size % 1000000));
  while (to[n - 1] == '0') n--;
  if (to[n - 1] == '.') n--;
  to[n] = '\0';
  return (size_t)n;
}
