/* SPDX-License-Identifier: MIT */
/*
** gim_complaint.h - what a reply says about its failure   [floor 3]
**
** Knows the shapes in which services say no: {"error": {...}}, {"error":
** "text"}, {"success": false, "code": 402, "msg": "text"}, {"message":
** "text"}, and pages and silence of what stands before them. Every text is
** freed of secrets before it is kept (gim_redact).
*/
#ifndef gim_complaint_h
#define gim_complaint_h

#include "gim_answer.h"
#include "gim_base.h"
#include "gim_json.h"

#pragma GCC visibility push(hidden)

/* What came. All BORROWED during the calls. */
typedef struct gim_complaint {
  const gim_answer *answer;
  gim_json root; /* its body; GIM_JSON_NONE where that is no JSON */
  bool form;     /* the request was a form with pictures */
  bool upload;   /* the request was one for the file service */
} gim_complaint;

/*
** Fills `err` from a reply that is neither pictures nor a task. The service's
** own words come first in the message; without them it says what came, with
** the first bytes of the body. Then what to do. err->request_id is what the
** body says. Where the status is no 2xx the words are also taken from an
** object with something behind it, or with bytes that are no UTF-8 (64 KiB at
** most); its code then counts more than the status only with a 4xx that is
** final, and cost nothing anyhow. A 2xx that does not even say no is
** GIM_E_PROTOCOL; `without` says in a few words what it lacks ("a picture").
** Returns GIM_OK or GIM_E_NO_MEMORY.
*/
GIM_MUST_CHECK gim_status gim_complaint_read(const gim_complaint *c,
                                             const char *without,
                                             gim_err *err);

/*
** Fills `err` from a task that failed or was `cancelled`: the service's words
** and one sentence of advice; err->retry_after_ms is what the service's page
** asks to wait before the next try. Results as above.
*/
GIM_MUST_CHECK gim_status gim_complaint_read_task(const gim_complaint *c,
                                                  bool cancelled,
                                                  gim_err *err);

#pragma GCC visibility pop

#endif
