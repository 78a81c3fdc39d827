/* SPDX-License-Identifier: MIT */
#include "gim_ending.h"

#include <string.h>

#define LOOK_FIRST                                                            \
  "Unless `billed` is \"no\" it may have been accepted: look at the "         \
  "service's log before you send it again."

gim_status gim_ending_explain(gim_ending ending, gim_err *err) {
  static const struct {
    gim_status kind;
    const char *sentence;
  } endings[] = {
      [GIM_ENDING_NO_ROOM] = {GIM_E_NO_MEMORY,
                              "No memory for the request's reference "
                              "pictures."},
      [GIM_ENDING_NO_ANSWER] = {GIM_E_TIMEOUT, "No answer to the request in "
                                               "time. " LOOK_FIRST},
      [GIM_ENDING_UNSENT] = {GIM_E_TIMEOUT,
                             "The task's time was over before the request "
                             "could be sent: give it more time with "
                             "`timeout`, or submit fewer at once."},
      [GIM_ENDING_UNANSWERED] = {GIM_E_TIMEOUT,
                                 "The task's time was over before the service "
                                 "answered. " LOOK_FIRST},
      [GIM_ENDING_UNFINISHED] = {GIM_E_TIMEOUT,
                                 "The task's time is over, but it goes on at "
                                 "the service: attach to its id, or give it "
                                 "more time with `timeout`."},
      [GIM_ENDING_UNSAVED] = {GIM_E_TIMEOUT,
                              "The task's time was over before the pictures "
                              "were saved. They are paid: save them again, or "
                              "attach to the id."},
      [GIM_ENDING_NO_PICTURE] = {GIM_E_PROTOCOL,
                                 "The service says it is completed, but names "
                                 "no picture. Ask its support, with the id."},
      [GIM_ENDING_NO_ID] = {GIM_E_PROTOCOL,
                            "The service accepted a task but gave it no id."},
      [GIM_ENDING_NO_LINKS] = {GIM_E_NO_MEMORY,
                               "No memory for the links of the pictures. They "
                               "are paid: where there is an id, attach to it "
                               "to get them."},
      [GIM_ENDING_FAILED] = {GIM_E_SERVER,
                             "The service ended the task without saying "
                             "why."},
      [GIM_ENDING_CANCELLED] = {GIM_E_CANCELLED,
                                "The service cancelled the task without "
                                "saying why."},
  };
  gim_status kind = endings[ending].kind;
  (void)gim_fail(err, kind, "%s", endings[ending].sentence);
  if (err != NULL) err->retryable = kind == GIM_E_TIMEOUT;
  return kind;
}

void gim_ending_blame(const gim_err *trouble, gim_err *err) {
  static const char link[] = " The last try: ";
  gim_err both;
  if (trouble == NULL) return;
  (void)gim_fail(&both, err->status, "%s%s%s", err->message, link,
                 trouble->message);
  memcpy(err->message, both.message, sizeof(err->message));
  memcpy(err->code, trouble->code, sizeof(err->code));
  memcpy(err->request_id, trouble->request_id, sizeof(err->request_id));
  err->http_status = trouble->http_status;
}
