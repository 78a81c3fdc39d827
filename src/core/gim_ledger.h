/* SPDX-License-Identifier: MIT */
/*
** gim_ledger.h - where the money of all requests is   [floor 2]
**
** One entry for each paid request: for each Idempotency-Key, however often its
** POST went out, and for each task of another program that was attached to.
** Sums are kept as entries change, in exact micro-units. What an entry adds:
**
**   NONE        while it is live, its price to `pending`: it will be sent
**   REFUSED     likewise while it is live: it will be sent again
**   AT_RISK     what the service said it takes to `spent`, or else its price
**   PAID          to `estimated`
**   GIVEN_BACK  nothing
*/
#ifndef gim_ledger_h
#define gim_ledger_h

#include "gim_base.h"
#include "gim_list.h"

#pragma GCC visibility push(hidden)

/* Where the money of one request is. */
typedef enum gim_standing {
  GIM_STANDING_NONE = 0,   /* no whole request has left */
  GIM_STANDING_REFUSED,    /* sent, and certainly not charged */
  GIM_STANDING_AT_RISK,    /* sent: it may be, or may yet be, charged */
  GIM_STANDING_GIVEN_BACK, /* accepted, then it ended without a charge */
  GIM_STANDING_PAID
} gim_standing;

#define GIM_STANDING_COUNT (GIM_STANDING_PAID + 1)

/* "none", "refused", "at_risk", "given_back", "paid". Static storage. */
const char *gim_standing_name(gim_standing standing);

#define GIM_LIMIT_LEDGER 10000 /* entries; older ones are counted alone */
#define GIM_LIMIT_CREDITS 1000000000000000LL /* micro; of one request */

typedef struct gim_entry {
  /* Public, read only: */
  char *id;     /* OWNED; the service's, or NULL */
  char key[40]; /* ours; "" for a task of another program */
  gim_standing standing : 8;
  bool saved;          /* paid, and every picture is in a file */
  bool live;           /* somebody works on it */
  int users;           /* private */
  int64_t price_micro; /* by the caller's prices; -1: unknown */
  int64_t said_micro;  /* by the replies, used or else reserved; -1: nothing */
  /* private: */
  gim_list_item link;
} gim_entry;

/* Zeroed, with the budget at -1: empty. */
typedef struct gim_ledger {
  gim_list entries; /* of gim_entry, oldest first */
  int64_t counts[GIM_STANDING_COUNT];
  int64_t sent;            /* entries of ours that are not NONE */
  int64_t attached;        /* entries of other programs */
  int64_t saved;           /* of those PAID */
  int64_t spent_micro;     /* as the replies said */
  int64_t estimated_micro; /* by prices, where they said nothing */
  int64_t pending_micro;   /* by prices, of what is not sent yet */
  int64_t budget_micro;    /* -1: none */
  /* private: */
  int64_t count, idle; /* entries; those that nobody uses */
} gim_ledger;

/*
** May a request of `price_micro` (-1: unknown) be sent, in the place of
** `instead` (NULL: beside all others)? GIM_OK; GIM_E_QUOTA, with the numbers
** in the message: it would pass the budget, or its price is unknown, so that
** no budget could be kept.
*/
GIM_MUST_CHECK gim_status gim_ledger_afford(const gim_ledger *ledger,
                                            int64_t price_micro,
                                            const gim_entry *instead,
                                            gim_err *err);

/*
** A new entry for our request `key` (COPIED, cut at 39 bytes), live. BORROWED
** until gim_ledger_leave. NULL: no memory.
*/
gim_entry *gim_ledger_open(gim_ledger *ledger, const char *key,
                           int64_t price_micro);

/*
** The entry of the task `id`, or a new one of another program's. To be left
** likewise. NULL: no memory.
*/
gim_entry *gim_ledger_attach(gim_ledger *ledger, const char *id);

/* What is known of an entry now. */
typedef struct gim_entry_news {
  const char *id; /* COPIED when it is the first; NULL: none */
  gim_standing standing;
  bool live, saved;
  int64_t said_micro; /* -1: nothing; what was said before stays */
} gim_entry_news;

/*
** Brings an entry up to date; true when its standing changed, or what it
** costs, or whether it is saved. No entry goes back to NONE: what was sent
** once stays sent. After PAID or GIVEN_BACK only the other of the two counts:
** later news of a task know no less than earlier ones.
*/
bool gim_ledger_update(gim_ledger *ledger, gim_entry *entry,
                       const gim_entry_news *news);

/* The caller needs `entry` no more. */
void gim_ledger_leave(gim_ledger *ledger, gim_entry *entry);

/* What the budget has to cover: spent, estimated and pending. */
int64_t gim_ledger_committed_micro(const gim_ledger *ledger);

/* The next entry after `entry` (NULL: the oldest), or NULL. BORROWED. */
const gim_entry *gim_ledger_next(const gim_ledger *ledger,
                                 const gim_entry *entry);

/* Releases all entries, whoever uses them. Idempotent. */
void gim_ledger_free(gim_ledger *ledger);

#pragma GCC visibility pop

#endif
