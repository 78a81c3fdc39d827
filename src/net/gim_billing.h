/* SPDX-License-Identifier: MIT */
/*
** gim_billing.h - what a client's tasks say to its ledger   [floor 9]
**
** Opens an entry for each paid request, if the budget allows, and brings it up
** to date with what the task knows. Every change is a line of the log, event
** "billing".
*/
#ifndef gim_billing_h
#define gim_billing_h

#include "gim_base.h"
#include "gim_hub.h"
#include "gim_task.h"

#pragma GCC visibility push(hidden)

/*
** An entry for the request `key` of `price_micro` (-1: unknown), in `*entry`.
** `instead` (NULL: none) is what it takes the place of in the budget.
** GIM_E_QUOTA (err->field names the option), GIM_E_NO_MEMORY. To be left with
** gim_ledger_leave.
*/
GIM_MUST_CHECK gim_status gim_billing_open(gim_entry **entry, gim_hub *hub,
                                           const char *key,
                                           int64_t price_micro,
                                           const gim_entry *instead,
                                           gim_err *err);

/*
** Tells `entry` what `task` knows now. `saved`: every picture is in a file.
*/
void gim_billing_note(gim_hub *hub, gim_entry *entry, const gim_task *task,
                      bool saved);

/* The entry's task failed and starts over as another request: this one is
   over, and was given back. */
void gim_billing_end(gim_hub *hub, gim_entry *entry);

/* Has the budget room for the request of `entry` once more? */
bool gim_billing_allows_again(const gim_hub *hub, const gim_entry *entry);

#pragma GCC visibility pop

#endif
