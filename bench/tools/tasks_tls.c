/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DAY_S (24 * 3600L)

static X509 *certificate;
static EVP_PKEY *key;

static bool make(void) {
  X509_EXTENSION *names;
  X509_NAME *subject;
  if (certificate != NULL) return true;
  key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
  certificate = X509_new();
  names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                              "IP:127.0.0.1,DNS:localhost");
  if (key == NULL || certificate == NULL || names == NULL) return false;
  subject = X509_get_subject_name(certificate);
  return X509_set_version(certificate, 2) == 1 &&
         ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate),
                                clock_us()) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), 2 * DAY_S) != NULL &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"bench", -1, -1,
                                    0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1 &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_add_ext(certificate, names, -1) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *size,
                  const unsigned char *in, unsigned int n, void *ud) {
  static const unsigned char offered[] = "\x02h2\x08http/1.1";
  (void)ssl, (void)ud;
  return SSL_select_next_proto((unsigned char **)out, size, offered,
                               sizeof(offered) - 1, in,
                               n) == OPENSSL_NPN_NEGOTIATED
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}

SSL_CTX *tls_context(bool alpn2) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (context == NULL || !make() ||
      SSL_CTX_use_certificate(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey(context, key) != 1)
    return NULL;
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (alpn2) SSL_CTX_set_alpn_select_cb(context, choose, NULL);
  return context;
}

bool tls_write_certificate(const char *path) {
  FILE *file = make() ? fopen(path, "w") : NULL;
  bool good = file != NULL && PEM_write_X509(file, certificate) == 1;
  if (file != NULL && fclose(file) != 0) good = false;
  return good;
}
