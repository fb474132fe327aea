/* SPDX-License-Identifier: MIT */
#include "consumer/team.h"

#include <errno.h>

#include "consumer/deadline.h"

void team_init(struct team *team, const struct consumer_options *options)
{
    *team = (struct team){.options = options,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER,
                          .counting = PTHREAD_MUTEX_INITIALIZER};
    totals_init(&team->totals, options);
    start_rate_init(&team->rate, options->rate);
    wait_notice_init(&team->notice);
}

void team_share(struct team *team)
{
    team->shared = true;
    totals_share(&team->totals, &team->counting);
}

void team_start_clock(struct team *team)
{
    team->idle_end_ns = team->options->idle_ns < 0 ? INT64_MAX : deadline_after(team->options->idle_ns);
}

static void lock(struct team *team)
{
    if (team->shared)
        pthread_mutex_lock(&team->lock);
}

static void unlock(struct team *team)
{
    if (team->shared)
        pthread_mutex_unlock(&team->lock);
}

/* What nobody has reserved. What was handled stays reserved until its worker is done with all that it had. */
static uint64_t left_of_count(const struct team *team)
{
    uint64_t used = totals_handled(&team->totals) + team->reserved;

    return used < team->options->count ? team->options->count - used : 0;
}

int team_reserve_counted(struct team *team, size_t *max)
{
    int end = END_NOT_YET;
    uint64_t left;

    lock(team);
    while ((left = left_of_count(team)) == 0 && end == END_NOT_YET) {
        if (team->reserved == 0)
            end = END_COUNT;
        else if (stop_requested)
            end = -EINTR;
        else
            pthread_cond_wait(&team->changed, &team->lock);
    }
    *max = left < *max ? (size_t)left : *max;
    team->reserved += *max;
    unlock(team);
    return end;
}

void team_give_back_counted(struct team *team, size_t count)
{
    lock(team);
    team->reserved -= count;
    unlock(team);
    if (team->shared)
        pthread_cond_broadcast(&team->changed);
}

void team_begin_work(struct team *team)
{
    lock(team);
    team->busy++;
    team->waiting_since_ns = 0;
    wait_notice_end(&team->notice);
    unlock(team);
}

void team_end_work(struct team *team, size_t count)
{
    lock(team);
    team->busy--;
    if (team->shared)
        team->quiet_since_ns = stop_now_ns();
    if (team->options->idle_ns >= 0)
        team->idle_end_ns = deadline_after(team->options->idle_ns);
    unlock(team);
    team_give_back(team, count);
}

int64_t team_time_to_wait(struct team *team, int64_t longest_ns)
{
    int64_t now_ns = stop_now_ns();
    int64_t wait_ns = longest_ns;
    int64_t notice_ns;
    int64_t left_ns;

    lock(team);
    if (team->waiting_since_ns != 0) {
        notice_ns = wait_notice_left(&team->notice, team->waiting_since_ns, now_ns);
        if (notice_ns > 0 && notice_ns < wait_ns)
            wait_ns = notice_ns;
    }
    left_ns = team->busy > 0 ? INT64_MAX : team->idle_end_ns - now_ns;
    unlock(team);
    if (left_ns < 0)
        return 0;
    return left_ns < wait_ns ? left_ns : wait_ns;
}

bool team_is_waiting(struct team *team, int64_t waited_ns)
{
    bool due = false;

    lock(team);
    if (team->busy == 0) {
        if (team->waiting_since_ns == 0) {
            int64_t since_ns = stop_now_ns() - waited_ns;

            team->waiting_since_ns = since_ns > team->quiet_since_ns ? since_ns : team->quiet_since_ns;
        }
        due = wait_notice_is_due(&team->notice, team->waiting_since_ns);
    }
    unlock(team);
    return due;
}

bool team_is_idle(struct team *team)
{
    bool idle;

    lock(team);
    idle = team->busy == 0 && stop_now_ns() >= team->idle_end_ns;
    unlock(team);
    return idle;
}

void team_postpone_idle(struct team *team, int64_t ns)
{
    int64_t end_ns = deadline_after(ns + team->options->idle_ns);

    lock(team);
    team->idle_end_ns = end_ns;
    unlock(team);
}

void team_end(struct team *team, int end)
{
    if (end == END_NOT_YET)
        return;
    lock(team);
    if (team->end == END_NOT_YET || team->end == -EINTR)
        team->end = end;
    unlock(team);
    if (!team->shared)
        return;
    stop_request();
    team_wake(team);
}

void team_wake(struct team *team)
{
    lock(team);
    pthread_cond_broadcast(&team->changed);
    unlock(team);
}
