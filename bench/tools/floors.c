/* SPDX-License-Identifier: MIT */
/*
** What cannot be had for less: the parts of the work, each alone.
**
** usage: floors receive ROUNDS URL [CA_FILE]   POST, whose reply libcurl drops
**        floors write ROUNDS FOLDER COUNT BYTES  new files, 256 KiB at once
**        floors decode ROUNDS BYTES   base64, cache to cache, 16 KiB at once
**        floors base64 ROUNDS BYTES   the decoder alone, memory to memory
** Prints a line of milliseconds for each round; base64 prints a name before
** each number.
*/
#include "gim_split.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER ((size_t)256 * 1024)
#define CHUNK ((size_t)16384) /* what libcurl hands over at most */

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(const char *what) {
  fprintf(stderr, "floors: %s\n", what);
  exit(1);
}

static void *room(size_t n) {
  void *p = malloc(n);
  if (p == NULL) fail("no memory");
  memset(p, 1, n); /* its pages are not what is measured */
  return p;
}

static size_t discard(char *p, size_t size, size_t n, void *ud) {
  (void)p;
  (void)ud;
  return size * n;
}

static void receive(int rounds, const char *url, const char *ca_file) {
  CURL *easy = curl_easy_init();
  if (easy == NULL) fail("no libcurl");
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "{}");
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  if (ca_file != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  for (int i = 0; i < rounds; i++) {
    double began = now_ms();
    if (curl_easy_perform(easy) != CURLE_OK) fail("the transfer failed");
    printf("%.3f\n", now_ms() - began);
  }
  curl_easy_cleanup(easy);
}

static void write_files(int rounds, const char *folder, int count,
                        size_t bytes) {
  char *block = room(BUFFER), path[4096];
  for (int round = 0; round < rounds; round++) {
    double began = now_ms(), took;
    for (int i = 0; i < count; i++) {
      int fd;
      snprintf(path, sizeof(path), "%s/floor-%d-%d", folder, round, i);
      fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
      if (fd < 0) fail("a file cannot be made");
      for (size_t left = bytes; left > 0;) {
        ssize_t k = write(fd, block, left < BUFFER ? left : BUFFER);
        if (k <= 0) fail("a file cannot be written");
        left -= (size_t)k;
      }
      close(fd);
    }
    took = now_ms() - began;
    for (int i = 0; i < count; i++) {
      snprintf(path, sizeof(path), "%s/floor-%d-%d", folder, round, i);
      unlink(path);
    }
    printf("%.3f\n", took);
  }
  free(block);
}

/* Base64 text that no branch predictor learns. */
static char *text_of(size_t n) {
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = room(n);
  uint64_t state = 1;
  for (size_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text[i] = alphabet[state >> 58];
  }
  return text;
}

static void decode_chunk(gim_base64 *b, const char *p, size_t n,
                         unsigned char *to, size_t *written) {
  gim_err err;
  if (gim_base64_decode(b, p, n, to, written, &err) != GIM_OK)
    fail(err.message);
}

static void decode(int rounds, size_t bytes) {
  char *text = text_of(BUFFER);
  unsigned char *to = room(CHUNK);
  for (int i = 0; i < rounds; i++) {
    double began = now_ms();
    gim_base64 b;
    size_t written;
    gim_base64_init(&b);
    for (size_t done = 0; done < bytes; done += CHUNK)
      decode_chunk(&b, text + done % BUFFER, CHUNK, to, &written);
    printf("%.3f\n", now_ms() - began);
  }
  free(text);
  free(to);
}

static gim_status swallow(void *ud, gim_split_event event, int image,
                          const unsigned char *p, size_t n) {
  (void)event;
  (void)image;
  (void)p;
  *(size_t *)ud += n;
  return GIM_OK;
}

static double split_ms(gim_simd simd, const char *body, size_t n) {
  double began = now_ms();
  size_t taken = 0;
  gim_split split;
  gim_err err;
  gim_split_init(&split, GIM_LIMIT_SKELETON, swallow, &taken);
  split.simd = simd;
  for (size_t i = 0; i < n; i += CHUNK)
    if (gim_split_feed(&split, body + i, n - i < CHUNK ? n - i : CHUNK,
                       &err) != GIM_OK)
      fail(err.message);
  if (gim_split_finish(&split, &err) != GIM_OK) fail(err.message);
  gim_split_free(&split);
  return now_ms() - began;
}

static char *body_of(const char *text, size_t n, bool escaped, size_t *size) {
  static const char head[] = "{\"b64_json\":\"";
  char *body = room(2 * n + sizeof(head) + 2), *to = body;
  memcpy(to, head, sizeof(head) - 1);
  to += sizeof(head) - 1;
  for (size_t i = 0; i < n; i++) {
    if (escaped && text[i] == '/') *to++ = '\\';
    *to++ = text[i];
  }
  *to++ = '"';
  *to++ = '}';
  *size = (size_t)(to - body);
  return body;
}

static void base64(int rounds, size_t bytes) {
  char *text = text_of(bytes);
  unsigned char *to = room(GIM_BASE64_DECODED_MAX(bytes) + bytes);
  size_t plain_n, escaped_n, written;
  char *plain = body_of(text, bytes, false, &plain_n);
  char *escaped = body_of(text, bytes, true, &escaped_n);
  for (int i = 0; i < rounds; i++) {
    double began = now_ms();
    memcpy(to, text, bytes);
    __asm__ volatile("" : : "r"(to) : "memory"); /* it is looked at */
    printf("memcpy %.3f\n", now_ms() - began);
    for (int simd = 0; simd < GIM_SIMD_COUNT; simd++) {
      const char *name = gim_simd_name((gim_simd)simd);
      gim_base64 b;
      if (!gim_simd_has((gim_simd)simd)) continue;
      began = now_ms();
      gim_base64_init(&b);
      b.simd = (gim_simd)simd;
      decode_chunk(&b, text, bytes, to, &written);
      printf("%s %.3f\n", name, now_ms() - began);
      printf("%s-plain %.3f\n", name,
             split_ms((gim_simd)simd, plain, plain_n));
      printf("%s-escaped %.3f\n", name,
             split_ms((gim_simd)simd, escaped, escaped_n));
    }
  }
  free(text);
  free(to);
  free(plain);
  free(escaped);
}

int main(int argc, char **argv) {
  const char *what = argc > 2 ? argv[1] : "";
  int rounds = argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(what, "receive") == 0 && argc >= 4)
    receive(rounds, argv[3], argc > 4 ? argv[4] : NULL);
  else if (strcmp(what, "write") == 0 && argc == 6)
    write_files(rounds, argv[3], atoi(argv[4]), strtoul(argv[5], NULL, 10));
  else if (strcmp(what, "decode") == 0 && argc == 4)
    decode(rounds, strtoul(argv[3], NULL, 10));
  else if (strcmp(what, "base64") == 0 && argc == 4)
    base64(rounds, strtoul(argv[3], NULL, 10));
  else
    fail("usage: floors receive|write|decode|base64 ROUNDS ...");
  return 0;
}
