/* SPDX-License-Identifier: MIT */
#include "gim_upload.h"

#include "gim_buffer.h"
#include "gim_redact.h"

#include <stdlib.h>
#include <string.h>

#define UPLOAD_PATH "/api/v1/files/upload/stream"
#define ANSWER_MAX (64 * 1024) /* bytes; the service sends some 600 */

struct gim_upload {
  gim_net *net;
  gim_transfer *transfer;
  gim_upload_done on_done;
  void *ud;
  gim_str secret;
  gim_buffer answer;
};

static void release(gim_upload *u) {
  gim_buffer_free(&u->answer);
  free(u);
}

static gim_status on_data(void *ud, const char *p, size_t n) {
  gim_upload *u = ud;
  return gim_buffer_append(&u->answer, p, n);
}

static gim_status read_receipt(const gim_upload *u,
                               const gim_response *response,
                               gim_receipt *receipt, gim_err *err) {
  gim_answer answer = gim_response_answer(response, gim_buffer_str(&u->answer),
                                          u->secret, gim_net_unix_s());
  return gim_receipt_read(receipt, &answer, err);
}

static void on_transfer_done(void *ud, const gim_outcome *outcome) {
  gim_upload *u = ud;
  gim_uploaded uploaded;
  gim_receipt receipt;
  gim_err err;
  gim_status status = outcome->status;
  memset(&uploaded, 0, sizeof(uploaded));
  memset(&receipt, 0, sizeof(receipt));
  uploaded.http_status = outcome->response->http_status;
  if (status == GIM_OK) {
    status = read_receipt(u, outcome->response, &receipt, &err);
  }
  else {
    err = *outcome->err;
    if (status == GIM_E_TOO_BIG)
      (void)gim_fail(&err, status, "%.240s: is files_url a file service's?",
                     outcome->err->message);
    /* libcurl may quote what it did not understand. */
    gim_redact_secret(err.message, u->secret);
  }
  if (status == GIM_OK)
    uploaded.receipt = &receipt;
  else
    uploaded.err = &err;
  u->on_done(u->ud, &uploaded);
  gim_receipt_free(&receipt);
  release(u);
}

static gim_status no_memory(gim_err *err) {
  return gim_fail(err, GIM_E_NO_MEMORY, "No memory for an upload.");
}

gim_status gim_upload_start(gim_upload **upload, gim_net *net,
                            const gim_upload_spec *spec,
                            gim_upload_done on_done, void *ud, gim_err *err) {
  static const gim_transfer_callbacks callbacks = {NULL, NULL, on_data,
                                                   on_transfer_done};
  const char *headers[] = {spec->authorization, "Accept: application/json",
                           NULL};
  gim_transfer_spec transfer;
  gim_buffer url;
  gim_part part = spec->part;
  gim_status status;
  gim_upload *u = calloc(1, sizeof(*u));
  if (u == NULL) return no_memory(err);
  gim_buffer_init(&u->answer, ANSWER_MAX);
  u->net = net;
  u->on_done = on_done;
  u->ud = ud;
  u->secret = spec->secret;
  part.field = "file";
  gim_buffer_init(&url, GIM_LIMIT_URL);
  status =
      gim_buffer_append_format(&url, "%s%s", spec->files_url, UPLOAD_PATH);
  if (status != GIM_OK) {
    status = no_memory(err);
  }
  else {
    memset(&transfer, 0, sizeof(transfer));
    transfer.transfer_class = GIM_CLASS_DOWNLOAD;
    transfer.post = true;
    transfer.url = url.p;
    transfer.headers = headers;
    transfer.parts = &part;
    transfer.parts_n = 1;
    transfer.timeout_ms = spec->timeout_ms;
    transfer.max_bytes = ANSWER_MAX;
    status = gim_net_start(net, &transfer, &callbacks, u, &u->transfer, err);
  }
  gim_buffer_free(&url);
  if (status != GIM_OK) {
    release(u);
    return status;
  }
  *upload = u;
  return GIM_OK;
}

void gim_upload_cancel(gim_upload *upload) {
  gim_net_cancel(upload->net, upload->transfer, NULL);
  release(upload);
}
