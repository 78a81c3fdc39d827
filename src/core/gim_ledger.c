/* SPDX-License-Identifier: MIT */
#include "gim_ledger.h"

#include "gim_decimal.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY(item) GIM_CONTAINER(item, gim_entry, link)

const char *gim_standing_name(gim_standing standing) {
  static const char *const names[GIM_STANDING_COUNT] = {
      "none", "refused", "at_risk", "given_back", "paid"};
  return names[standing];
}

/* Sums stop at the largest number: no service is that expensive. */
static void add(int64_t *sum, int64_t amount) {
  if (amount > INT64_MAX - *sum)
    *sum = INT64_MAX;
  else
    *sum += amount;
}

static int64_t limited(int64_t micro) {
  return micro > GIM_LIMIT_CREDITS ? GIM_LIMIT_CREDITS : micro;
}

/* The sum that an entry's amount belongs to; NULL: it has none. */
static int64_t *place_of(gim_ledger *l, const gim_entry *e, int64_t *amount) {
  *amount = e->price_micro;
  switch (e->standing) {
  case GIM_STANDING_NONE:
  case GIM_STANDING_REFUSED:
    return e->live && *amount >= 0 ? &l->pending_micro : NULL;
  case GIM_STANDING_AT_RISK:
  case GIM_STANDING_PAID:
    if (e->said_micro < 0) return *amount >= 0 ? &l->estimated_micro : NULL;
    *amount = e->said_micro;
    return &l->spent_micro;
  case GIM_STANDING_GIVEN_BACK: break;
  }
  return NULL;
}

static void count(gim_ledger *l, const gim_entry *e, int step) {
  int64_t amount, *place = place_of(l, e, &amount);
  if (place != NULL && step > 0) add(place, amount);
  if (place != NULL && step < 0) *place -= amount;
  l->counts[e->standing] += step;
  if (e->key[0] == '\0')
    l->attached += step;
  else if (e->standing != GIM_STANDING_NONE)
    l->sent += step;
  if (e->saved) l->saved += step;
}

int64_t gim_ledger_committed_micro(const gim_ledger *ledger) {
  int64_t sum = ledger->spent_micro;
  add(&sum, ledger->estimated_micro);
  add(&sum, ledger->pending_micro);
  return sum;
}

gim_status gim_ledger_afford(const gim_ledger *ledger, int64_t price_micro,
                             const gim_entry *instead, gim_err *err) {
  gim_ledger copy = *ledger;
  int64_t taken, sum;
  char price[GIM_DECIMAL_SIZE], used[GIM_DECIMAL_SIZE],
      budget[GIM_DECIMAL_SIZE];
  if (ledger->budget_micro < 0) return GIM_OK;
  if (price_micro < 0)
    return gim_fail(err, GIM_E_QUOTA,
                    "Nobody knows what this request costs, so the budget "
                    "could not be kept: name its model in the option "
                    "`prices`, or give the request a `price`.");
  price_micro = limited(price_micro);
  if (instead != NULL) count(&copy, instead, -1);
  taken = sum = gim_ledger_committed_micro(&copy);
  add(&sum, price_micro);
  if (sum <= ledger->budget_micro) return GIM_OK;
  (void)gim_decimal_write_micro(price, price_micro);
  (void)gim_decimal_write_micro(used, taken);
  (void)gim_decimal_write_micro(budget, ledger->budget_micro);
  return gim_fail(err, GIM_E_QUOTA,
                  "It would cost %s credits, and %s of the budget of %s are "
                  "spent or reserved: raise the option `budget`, or ask for "
                  "less.",
                  price, used, budget);
}

/* Over the limit the oldest entry that nobody needs goes, the settled ones
   first; it stays in the counts and sums. Where all are needed, as by tens of
   thousands of tasks at once, none is looked at. */
static void trim(gim_ledger *l) {
  for (int pass = 0; pass < 2 && l->idle > 0; pass++)
    for (gim_list_item *i = gim_list_first(&l->entries); i != NULL;
         i = gim_list_after(&l->entries, i)) {
      gim_entry *e = ENTRY(i);
      if (l->count <= GIM_LIMIT_LEDGER) return;
      if (e->users > 0 || (pass == 0 && e->standing == GIM_STANDING_AT_RISK))
        continue;
      gim_list_remove(i);
      l->count--;
      l->idle--;
      free(e->id);
      free(e);
      break;
    }
}

static gim_entry *new_entry(gim_ledger *ledger, const char *key,
                            int64_t price_micro) {
  gim_entry *e = calloc(1, sizeof(*e));
  if (e == NULL) return NULL;
  gim_copy_text(e->key, sizeof(e->key), gim_str_of(key));
  e->price_micro = limited(price_micro);
  e->said_micro = -1;
  e->live = true;
  e->users = 1;
  gim_list_append(&ledger->entries, &e->link);
  ledger->count++;
  return e;
}

gim_entry *gim_ledger_open(gim_ledger *ledger, const char *key,
                           int64_t price_micro) {
  gim_entry *e = new_entry(ledger, key, price_micro);
  if (e == NULL) return NULL;
  count(ledger, e, 1);
  trim(ledger);
  return e;
}

gim_entry *gim_ledger_attach(gim_ledger *ledger, const char *id) {
  gim_entry *e;
  /* The newest first: that is what one attaches to. */
  for (gim_list_item *i = gim_list_last(&ledger->entries); i != NULL;
       i = gim_list_before(&ledger->entries, i)) {
    e = ENTRY(i);
    if (e->id == NULL || strcmp(e->id, id) != 0) continue;
    if (e->users++ == 0) ledger->idle--;
    return e;
  }
  e = new_entry(ledger, "", -1);
  if (e == NULL) return NULL;
  e->standing = GIM_STANDING_AT_RISK;
  e->id = gim_str_copy(gim_str_of(id));
  count(ledger, e, 1);
  if (e->id != NULL) {
    trim(ledger);
    return e;
  }
  count(ledger, e, -1);
  gim_list_remove(&e->link);
  ledger->count--;
  free(e);
  return NULL;
}

static bool is_final(gim_standing standing) {
  return standing == GIM_STANDING_GIVEN_BACK || standing == GIM_STANDING_PAID;
}

bool gim_ledger_update(gim_ledger *ledger, gim_entry *entry,
                       const gim_entry_news *news) {
  gim_standing standing = entry->standing;
  int64_t said_micro = entry->said_micro;
  bool saved, changed;
  /* What was sent once stays sent, also while it is about to be sent again. */
  if (news->standing != GIM_STANDING_NONE &&
      (!is_final(standing) || is_final(news->standing)))
    standing = news->standing;
  if (news->said_micro >= 0) said_micro = limited(news->said_micro);
  saved = standing == GIM_STANDING_PAID && (entry->saved || news->saved);
  changed = standing != entry->standing || saved != entry->saved ||
            said_micro != entry->said_micro;
  if (entry->id == NULL && news->id != NULL)
    entry->id = gim_str_copy(gim_str_of(news->id)); /* the key does, too */
  /* Most news of a task that waits are none. */
  if (!changed && news->live == entry->live) return false;
  count(ledger, entry, -1);
  entry->standing = standing;
  entry->said_micro = said_micro;
  entry->saved = saved;
  entry->live = news->live;
  count(ledger, entry, 1);
  return changed;
}

void gim_ledger_leave(gim_ledger *ledger, gim_entry *entry) {
  if (--entry->users == 0) ledger->idle++;
  trim(ledger);
}

const gim_entry *gim_ledger_next(const gim_ledger *ledger,
                                 const gim_entry *entry) {
  gim_list_item *next = entry == NULL
                            ? gim_list_first(&ledger->entries)
                            : gim_list_after(&ledger->entries, &entry->link);
  return next == NULL ? NULL : ENTRY(next);
}

void gim_ledger_free(gim_ledger *ledger) {
  gim_list_item *item;
  while ((item = gim_list_shift(&ledger->entries)) != NULL) {
    free(ENTRY(item)->id);
    free(ENTRY(item));
  }
  ledger->count = ledger->idle = 0;
}
