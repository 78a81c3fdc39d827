/* SPDX-License-Identifier: MIT */
#include "gim_brake.h"

#include "gim_clock.h"

/* What is under way when the budget ends (the rest of a buffer, a write of
   gathered bytes) still has to fit in. */
#define AIM_PERCENT 70

void gim_brake_release(gim_brake *brake, int64_t budget_us) {
  gim_brake_loosen(brake);
  brake->pieces = 0;
  brake->pulled = false;
  brake->last_served = NULL;
  brake->until_us = -1;
  if (budget_us <= 0) return;
  brake->budgeted = true;
  brake->until_us = gim_clock_us() + budget_us / 100 * AIM_PERCENT +
                    budget_us % 100 * AIM_PERCENT / 100;
}

bool gim_brake_is_over(gim_brake *brake) {
  if (brake->pulled) return true;
  return brake->until_us >= 0 && gim_clock_us() >= brake->until_us;
}

static void hold_up(gim_brake *brake, gim_list_item *waiter) {
  brake->pulled = true;
  gim_list_append(&brake->waiting, waiter);
}

bool gim_brake_lets(gim_brake *brake, gim_list_item *waiter) {
  if (!brake->pulled && (brake->pieces == 0 || !gim_brake_is_over(brake))) {
    brake->pieces++;
    return true;
  }
  if (!brake->pulled) brake->last_served = waiter;
  hold_up(brake, waiter);
  return false;
}

void gim_brake_pull(gim_brake *brake, gim_list_item *waiter) {
  if (!brake->stuck) brake->stuck_us = gim_clock_us();
  brake->stuck = true;
  hold_up(brake, waiter);
}

void gim_brake_loosen(gim_brake *brake) {
  if (brake->stuck) brake->stood_us += gim_clock_us() - brake->stuck_us;
  brake->stuck = false;
}

int64_t gim_brake_stood_ms(const gim_brake *brake) {
  int64_t us = brake->stood_us;
  if (brake->stuck) us += gim_clock_us() - brake->stuck_us;
  return us / 1000;
}

gim_list_item *gim_brake_resume(gim_brake *brake) {
  if (brake->pulled || gim_list_first(&brake->waiting) == NULL) return NULL;
  if (brake->pieces > 0 && gim_brake_is_over(brake)) return NULL;
  return gim_list_shift(&brake->waiting);
}

bool gim_brake_settle(gim_brake *brake) {
  gim_list_item *item = brake->last_served;
  brake->last_served = NULL;
  if (item != NULL && gim_list_is_in(item)) {
    gim_list_remove(item);
    gim_list_append(&brake->waiting, item);
  }
  return gim_list_first(&brake->waiting) != NULL;
}
