/* SPDX-License-Identifier: MIT */
#include "gim_evidence.h"

static const struct {
  gim_billed billed;
  const char *text;
} rows[GIM_EVIDENCE_COUNT] = {
    [GIM_EVIDENCE_UNSENT] = {GIM_BILLED_NO, "nothing was sent"},
    [GIM_EVIDENCE_PARTIAL] = {GIM_BILLED_NO,
                              "the body had not left whole, nobody can have "
                              "accepted it"},
    [GIM_EVIDENCE_UNANSWERED] = {GIM_BILLED_MAYBE,
                                 "the whole body was sent, and no answer says "
                                 "what became of it"},
    [GIM_EVIDENCE_REFUSED] = {GIM_BILLED_NO, "the service refused it"},
    [GIM_EVIDENCE_UNCLEAR] = {GIM_BILLED_MAYBE,
                              "the service itself does not know whether it "
                              "was accepted"},
    [GIM_EVIDENCE_DOUBTFUL] = {GIM_BILLED_MAYBE,
                               "an earlier try may have been accepted"},
    [GIM_EVIDENCE_ACCEPTED] = {GIM_BILLED_MAYBE,
                               "it was accepted, and its end was not seen"},
    [GIM_EVIDENCE_ATTACHED] = {GIM_BILLED_MAYBE,
                               "attached to it, and its end was not seen"},
    [GIM_EVIDENCE_FAILED] = {GIM_BILLED_NO,
                             "it ended at the service without pictures, which "
                             "is not charged"},
    [GIM_EVIDENCE_NO_PICTURE] = {GIM_BILLED_MAYBE,
                                 "it was completed, but names no picture"},
    [GIM_EVIDENCE_PICTURES] = {GIM_BILLED_YES,
                               "it was completed with pictures"},
    [GIM_EVIDENCE_UNSAVED] = {GIM_BILLED_YES,
                              "the pictures were made, but saving them did "
                              "not succeed"},
};

gim_billed gim_evidence_billed(gim_evidence evidence) {
  return rows[evidence].billed;
}

const char *gim_evidence_text(gim_evidence evidence) {
  return rows[evidence].text;
}
