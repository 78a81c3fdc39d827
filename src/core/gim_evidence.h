/* SPDX-License-Identifier: MIT */
/*
** gim_evidence.h - what shows what was billed   [floor 1]
**
** What a service charged for is never guessed: it follows from what was seen
** last. This is the table of everything that can be seen, with the verdict
** and the words for the log.
**
**   evidence                                                      billed
**   UNSENT      nothing was sent yet                              no
**   PARTIAL     sending broke, or was answered with an error,
**               before the whole body was handed over             no
**   UNANSWERED  the whole body was handed over, no answer (reset,
**               timeout, cancelled, cut, unreadable, 5xx)         maybe
**   REFUSED     the service refused: 4xx, 429, 3xx, or a code
**               that means it (invalid auth quota rate_limited
**               refused not_found too_big), or a 503 whose code
**               says that it did nothing                          no
**   UNCLEAR     408, or paid_outcome_unknown with any status      maybe
**   DOUBTFUL    a repetition came to nothing, but an earlier POST
**               of the request may have been accepted (with
**               `idempotent` alone)                               maybe
**   ACCEPTED    accepted, still running, or we stopped waiting    maybe
**   ATTACHED    attached to an id, end not seen                   maybe
**   FAILED      the task failed or was cancelled at the service   no
**   NO_PICTURE  completed, but no picture is named                maybe
**   PICTURES    completed with pictures                           yes
**   UNSAVED     pictures arrived; saving them failed or was cut
**               short                                             yes
*/
#ifndef gim_evidence_h
#define gim_evidence_h

#include "gim_base.h"

#pragma GCC visibility push(hidden)

typedef enum gim_evidence {
  GIM_EVIDENCE_UNSENT = 0,
  GIM_EVIDENCE_PARTIAL,
  GIM_EVIDENCE_UNANSWERED,
  GIM_EVIDENCE_REFUSED,
  GIM_EVIDENCE_UNCLEAR,
  GIM_EVIDENCE_DOUBTFUL,
  GIM_EVIDENCE_ACCEPTED,
  GIM_EVIDENCE_ATTACHED,
  GIM_EVIDENCE_FAILED,
  GIM_EVIDENCE_NO_PICTURE,
  GIM_EVIDENCE_PICTURES,
  GIM_EVIDENCE_UNSAVED
} gim_evidence;

#define GIM_EVIDENCE_COUNT (GIM_EVIDENCE_UNSAVED + 1)

/* The row's verdict. */
gim_billed gim_evidence_billed(gim_evidence evidence);

/*
** The row in words, to stand behind "billed maybe: "; no capital, no full
** stop. Static storage, never NULL.
*/
const char *gim_evidence_text(gim_evidence evidence);

#pragma GCC visibility pop

#endif
