/* SPDX-License-Identifier: MIT */
/*
** usage: measure REPORT COMMAND [ARGUMENT...]
**
** Runs a command and writes "wall_ms cpu_ms rss_kib status" to the file
** REPORT: from fork to exit, user and system time, the most memory of any one
** process. A parent this small adds nothing to what its child is said to have
** used.
*/
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double ms_of(const struct timeval *t) {
  return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

int main(int argc, char **argv) {
  struct timespec began, ended;
  struct rusage usage;
  int status = 0;
  FILE *report;
  pid_t child;
  if (argc < 3) {
    fprintf(stderr, "usage: measure REPORT COMMAND [ARGUMENT...]\n");
    return 2;
  }
  clock_gettime(CLOCK_MONOTONIC, &began);
  child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) != child) {
    perror("measure");
    return 1;
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  report = fopen(argv[1], "w");
  if (report == NULL) {
    perror(argv[1]);
    return 1;
  }
  fprintf(report, "%.3f %.3f %ld %d\n",
          (double)(ended.tv_sec - began.tv_sec) * 1e3 +
              (double)(ended.tv_nsec - began.tv_nsec) / 1e6,
          ms_of(&usage.ru_utime) + ms_of(&usage.ru_stime), usage.ru_maxrss,
          WIFEXITED(status) ? WEXITSTATUS(status) : 128);
  return fclose(report) == 0 ? 0 : 1;
}
