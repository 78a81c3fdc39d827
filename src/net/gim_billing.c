/* SPDX-License-Identifier: MIT */
#include "gim_billing.h"

#include "gim_decimal.h"

#include <string.h>

gim_status gim_billing_open(gim_entry **entry, gim_hub *hub, const char *key,
                            int64_t price_micro, const gim_entry *instead,
                            gim_err *err) {
  gim_status status =
      gim_ledger_afford(&hub->ledger, price_micro, instead, err);
  if (status != GIM_OK) {
    if (err != NULL)
      gim_copy_text(err->field, sizeof(err->field),
                    gim_str_of(price_micro < 0 ? "prices" : "budget"));
    return status;
  }
  *entry = gim_ledger_open(&hub->ledger, key, price_micro);
  if (*entry == NULL)
    return gim_fail(err, GIM_E_NO_MEMORY, "No memory for a task.");
  return GIM_OK;
}

static gim_standing standing_of(gim_evidence evidence) {
  switch (evidence) {
  case GIM_EVIDENCE_UNSENT:
  case GIM_EVIDENCE_PARTIAL: return GIM_STANDING_NONE;
  case GIM_EVIDENCE_REFUSED: return GIM_STANDING_REFUSED;
  case GIM_EVIDENCE_FAILED: return GIM_STANDING_GIVEN_BACK;
  case GIM_EVIDENCE_PICTURES:
  case GIM_EVIDENCE_UNSAVED: return GIM_STANDING_PAID;
  case GIM_EVIDENCE_UNANSWERED:
  case GIM_EVIDENCE_UNCLEAR:
  case GIM_EVIDENCE_DOUBTFUL:
  case GIM_EVIDENCE_ACCEPTED:
  case GIM_EVIDENCE_ATTACHED:
  case GIM_EVIDENCE_NO_PICTURE: break;
  }
  return GIM_STANDING_AT_RISK;
}

/* "paid, 2.5 credits" or what else became of the money. */
static void log_change(gim_hub *hub, const gim_entry *entry, bool saved,
                       const char *reason) {
  static const char *const words[GIM_STANDING_COUNT] = {
      [GIM_STANDING_NONE] = "not sent",
      [GIM_STANDING_REFUSED] = "refused",
      [GIM_STANDING_AT_RISK] = "at risk",
      [GIM_STANDING_GIVEN_BACK] = "given back",
      [GIM_STANDING_PAID] = "paid"};
  const char *name = entry->id != NULL ? entry->id : entry->key;
  char credits[GIM_DECIMAL_SIZE] = "";
  int64_t micro =
      entry->said_micro >= 0 ? entry->said_micro : entry->price_micro;
  if (!hub->options.log) return;
  if (micro >= 0) (void)gim_decimal_write_micro(credits, micro);
  gim_hub_log(hub, "billing", name, 0, "%s%s%s%s%s: %s",
              words[entry->standing], saved ? " and saved" : "",
              micro >= 0 ? ", " : "", credits,
              micro < 0               ? ""
              : entry->said_micro < 0 ? " credits by the price list"
                                      : " credits",
              reason);
}

void gim_billing_note(gim_hub *hub, gim_entry *entry, const gim_task *task,
                      bool saved) {
  gim_entry_news news;
  memset(&news, 0, sizeof(news));
  news.id = task->id;
  news.standing = standing_of(task->evidence);
  news.live = !gim_task_is_done(task);
  news.saved = saved;
  news.said_micro = task->credits_used_micro >= 0
                        ? task->credits_used_micro
                        : task->credits_reserved_micro;
  if (gim_ledger_update(&hub->ledger, entry, &news))
    log_change(hub, entry, entry->saved, gim_evidence_text(task->evidence));
}

void gim_billing_end(gim_hub *hub, gim_entry *entry) {
  gim_entry_news news;
  memset(&news, 0, sizeof(news));
  news.standing = GIM_STANDING_GIVEN_BACK;
  news.said_micro = -1;
  if (gim_ledger_update(&hub->ledger, entry, &news))
    log_change(hub, entry, false, gim_evidence_text(GIM_EVIDENCE_FAILED));
  gim_ledger_leave(&hub->ledger, entry);
}

bool gim_billing_allows_again(const gim_hub *hub, const gim_entry *entry) {
  return gim_ledger_afford(&hub->ledger, entry->price_micro, entry, NULL) ==
         GIM_OK;
}
