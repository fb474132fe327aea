/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_TEAM_H
#define CONSUMER_TEAM_H

#include <pthread.h>

#include "common/cli/wait_notice.h"
#include "consumer/end_reason.h"
#include "consumer/options.h"
#include "consumer/start_rate.h"
#include "consumer/totals.h"

/*
 * What the workers of one consumer share: the totals, the rate, the share of --count that is still to be had, how
 * long there was nothing to do for anybody, and why they end. With one worker, no lock is taken.
 */

struct team {
    const struct consumer_options *options;
    struct totals totals;
    struct start_rate rate;
    bool shared; /* there are several threads; they hold the lock while they use what follows */
    pthread_mutex_t lock;
    pthread_cond_t changed;   /* of the quota, or of end */
    pthread_mutex_t counting; /* the lock of the totals; may be taken while the other one is held */
    uint64_t reserved;        /* of --count: messages that workers may lease, or have leased */
    uint32_t busy;            /* workers with messages */
    int64_t quiet_since_ns;   /* when the last one became free; not kept without other threads */
    int64_t idle_end_ns;      /* when --idle expires if no message comes */
    int64_t waiting_since_ns; /* when the queue was found empty with nobody busy; 0: a message came */
    struct wait_notice notice;
    int end; /* why the first worker ended */
};

void team_init(struct team *team, const struct consumer_options *options);
/* From now on, several threads use it. */
void team_share(struct team *team);
/* The queue is attached: begins to count the time without messages. */
void team_start_clock(struct team *team);

/*
 * Reserves messages of --count before they are leased. While other workers have reserved all that are left, waits
 * for what becomes of them.
 *
 * @max  how many the caller can use; receives how many it may lease. All without --count
 *
 * Return: END_NOT_YET; END_COUNT; -EINTR: a shutdown was requested.
 */
int team_reserve_counted(struct team *team, size_t *max);
static inline int team_reserve(struct team *team, size_t *max)
{
    return team->options->count == 0 ? END_NOT_YET : team_reserve_counted(team, max);
}
/* Gives back what was reserved but not leased. */
void team_give_back_counted(struct team *team, size_t count);
static inline void team_give_back(struct team *team, size_t count)
{
    if (team->options->count != 0 && count != 0)
        team_give_back_counted(team, count);
}

/* The caller has leased messages. */
void team_begin_work(struct team *team);
/* It has none any more. @count: how many it had leased; those of --count that were not handled can be had again.
 */
void team_end_work(struct team *team, size_t count);

/* How long to wait for a message, at most @longest_ns. */
int64_t team_time_to_wait(struct team *team, int64_t longest_ns);
/* The caller found the queue empty for @waited_ns. Return: whether to report that the consumer waits. */
bool team_is_waiting(struct team *team, int64_t waited_ns);
/* Whether --idle has expired. */
bool team_is_idle(struct team *team);
/* It expires no earlier than @ns and its own duration from now. */
void team_postpone_idle(struct team *team, int64_t ns);

/*
 * A worker ends. The others end, too, once they are done with their messages. The first reason counts; that a
 * shutdown was requested counts only if there is no other. END_NOT_YET: it never began, and the others go on.
 */
void team_end(struct team *team, int end);
/* Wakes workers that wait in team_reserve, so that they see a shutdown request. */
void team_wake(struct team *team);

#endif
