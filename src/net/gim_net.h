/* SPDX-License-Identifier: MIT */
/*
** gim_net.h - transfers on curl multis behind one descriptor   [floor 6]
**
** One net is one waiting room (gim_wait.h) that holds libcurl's sockets and a
** timer, so that a host watches a single descriptor. Paid requests and polls
** share one curl multi, and more of them when many hundreds are under way
** (each loads the CAs anew at its first TLS connection); downloads have
** another of their own (their address check would be skipped on a connection
** that somebody else opened). Easy handles are pooled and reused. Nothing here
** retries, follows redirects or knows what a request means; it does know what
** must never happen to a paid body:
**   - it is read once, by a callback whose seek fails, so that libcurl cannot
**     send it again behind our back; what was handed over is counted here
**     (gim_transfer.h, which also has the types of a request and its end);
**   - it never goes out on a connection idle for more than some 4 s, carries
**     no Expect, follows no redirect and has no libcurl timeout but that for
**     connecting: the owner judges deadlines after ready sockets were read.
** Not thread-safe; every call from the process that made the net: see
** gim_net_is_foreign.
*/
#ifndef gim_net_h
#define gim_net_h

#include "gim_base.h"
#include "gim_transfer.h"

#pragma GCC visibility push(hidden)

typedef struct gim_net_options {
  int max_requests; /* transfers at once, all classes; >= 1 */
  int64_t connect_timeout_ms;
  const char *ca_file;    /* COPIED; NULL: the system's alone. Its CAs are
                                 trusted beside the system's */
  const char *proxy;      /* COPIED; NULL: the environment's, as libcurl */
  const char *user_agent; /* COPIED */
} gim_net_options;

typedef struct gim_net gim_net;

/*
** A new net, or NULL with `err`: GIM_E_IO (descriptors), GIM_E_NO_MEMORY,
** GIM_E_INVALID (libcurl without TLS or threads, ca_file unreadable).
*/
gim_net *gim_net_new(const gim_net_options *options, gim_err *err);

/*
** Ends all transfers without on_done and releases everything. Does nothing in
** a process that did not make the net: its sockets are the parent's.
*/
void gim_net_free(gim_net *net);

/* True in a child after fork: every other call would harm the parent. */
bool gim_net_is_foreign(const gim_net *net);

/* The descriptor: readable while a step has work to do. BORROWED. -1 where
   there is no epoll (gim_system.h). */
int gim_net_fd(gim_net *net);

/*
** True when a step would find nothing to do. While no transfer is under way,
** and nobody asked for the descriptor, that takes no system call.
**
** WHY NOTHING IS MISSED. What a step can find comes through the waiting room.
** libcurl's sockets, and those of its resolver, are watched there while a
** transfer needs them; what another thread does for us has a descriptor that
** is watched (gim_net_watch), the journal's for good, the writer's while
** somebody waits for it: while anything is watched the system is asked.
** libcurl's timers, deadlines, the alarm and what a step left undone are the
** time that the room is armed for, by everything that changes them. Kept-alive
** connections that were closed are found out by the next request; where a host
** watches the descriptor they would wake it for ever, and there the system is
** asked as well. All of this changes in the thread that calls us, and in no
** other.
*/
bool gim_net_is_idle(const gim_net *net);

/* Monotonic microseconds and milliseconds; wall-clock seconds. */
int64_t gim_net_now_us(void);
int64_t gim_net_now_ms(void);
int64_t gim_net_unix_s(void);

/*
** 32 bits of the kernel's chance, of some drawn ahead: for jitter, not for
** keys and names, since in odd cases (a child in a pid namespace of its own)
** another process may have the same. Never fails: without chance it is the
** largest number, which makes the longest delays.
*/
uint32_t gim_net_random(void);

/* `n` bytes that nobody else has, as of gim_clock_random: false, errno says
   why, where there are none. */
GIM_MUST_CHECK bool gim_net_random_bytes(void *p, size_t n);

/*
** True when a transfer of this class may start. The total never exceeds
** max_requests; where that is 4 or more, the last slots are kept one each
** for classes that have none in use. Of three, one is kept for paid requests
** and one for the others together: paid ones may always have two.
*/
bool gim_net_has_slot(const gim_net *net, gim_class transfer_class);

/*
** Takes a slot of class PAID out of the count for a transfer that will start
** soon, or (false) gives it back, right before it does.
*/
void gim_net_reserve(gim_net *net, bool reserved);

/* Transfers under way, all classes. */
int gim_net_active(const gim_net *net);

/*
** Starts a transfer. `ud` is BORROWED until on_done or cancel. On success
** `*transfer` names it until then.
** GIM_E_INVALID (URL that gim_url refuses; public_only and the host is not),
** GIM_E_NO_MEMORY, GIM_E_TOO_BIG (no slot): on_done is not called then.
*/
GIM_MUST_CHECK gim_status gim_net_start(gim_net *net,
                                        const gim_transfer_spec *spec,
                                        const gim_transfer_callbacks *calls,
                                        void *ud, gim_transfer **transfer,
                                        gim_err *err);

/*
** Ends a transfer at once; on_done is not called. `*handed` (may be NULL)
** gets the body bytes that had left. Not from on_head or on_data.
*/
void gim_net_cancel(gim_net *net, gim_transfer *transfer, size_t *handed);

/*
** Keeps what the owner of a transfer, which is over, will need again for
** another one: `item` lies in it and is in no list, and `release` frees it
** where the net goes first. Things of one kind alone. False: enough are kept.
*/
GIM_MUST_CHECK bool gim_net_put_spare(gim_net *net, gim_list_item *item,
                                      void (*release)(gim_list_item *item));

/* What was kept last, OWNED; NULL: nothing is. */
gim_list_item *gim_net_take_spare(gim_net *net);

/* Body bytes handed to libcurl so far, of how many: is the paid body out? */
size_t gim_net_handed(const gim_transfer *transfer);
size_t gim_net_total(const gim_transfer *transfer);

/*
** Makes the descriptor readable at `due_ms` (monotonic; -1: never), beside
** whatever libcurl waits for. The latest call counts.
*/
void gim_net_alarm(gim_net *net, int64_t due_ms);

/*
** Lets a transfer go on whose callback `takes` said no: its bytes are offered
** again in this step or the next one. The time until now counts for no
** timeout_ms. Without effect on others. Not from on_head, takes or on_data.
*/
void gim_net_resume(gim_net *net, gim_transfer *transfer);

/* Is it held up so? And for how long has it been in all, or was not read
   because another was: see gim_net_is_stuck? */
bool gim_net_is_held(const gim_transfer *transfer);
int64_t gim_net_held_ms(const gim_transfer *transfer);

/* True when the last step read nothing because a stream of HTTP/2 is held up
   so: the answers of all others may lie in their sockets. Meanwhile these do
   not make the descriptor readable; what is watched does, and the alarm. */
bool gim_net_is_stuck(const gim_net *net);

/*
** Watches a descriptor (BORROWED until gim_net_unwatch or gim_net_free) that
** is not libcurl's: `watcher` is called inside gim_net_step whenever it can be
** read, and has to see to it that it no longer can. Two at most: the journal's
** and that of who writes pictures. False: the system refuses, errno says why.
** Also from below libcurl.
*/
typedef void (*gim_net_watcher)(void *ud);
GIM_MUST_CHECK bool gim_net_watch(gim_net *net, int fd,
                                  gim_net_watcher watcher, void *ud);

/* Not any more; without effect on one that is not watched. */
void gim_net_unwatch(gim_net *net, int fd);

/*
** Does the work that is due: ready sockets, libcurl's timers, finished
** transfers (their on_done). Waits at most `wait_ms` (-1: for ever) for the
** first of it, and returns at the alarm too. GIM_E_IO when epoll fails; EINTR
** counts as a time-out.
**
** Returns within `budget_us` microseconds of work (0: no limit) and what
** cannot be stopped half-way: a piece of 16 KiB from each stream that flows,
** one transfer's end, one TLS handshake. At least one piece of work is done,
** however small the budget. What is left keeps the descriptor readable and
** goes on in the next step, those first that waited longest; the time until
** then counts for no timeout_ms. From the first step with a budget on,
** transfers are started with buffers of 16 KiB (without: 256 KiB, but for
** those whose answer has no picture).
*/
GIM_MUST_CHECK gim_status gim_net_step(gim_net *net, int64_t wait_ms,
                                       int64_t budget_us, gim_err *err);

/*
** True when the last step looked at everything that was ready: what a
** transfer has not received by now was not there. Deadlines are to be judged
** only then, or a host that stalled loses replies that lie in its sockets.
*/
bool gim_net_is_drained(const gim_net *net);

/*
** Milliseconds until libcurl or the alarm wants a step: 0 now, -1 nothing is
** waited for. For hosts that cannot watch descriptors.
*/
int64_t gim_net_timeout_ms(const gim_net *net);

#pragma GCC visibility pop

#endif
