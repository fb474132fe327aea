/* SPDX-License-Identifier: MIT */
#include "consumer/start_rate.h"

#include "common/cli/stop.h"

/* A consumer that is late by less than this catches up; so much more than the rate may be started in a second. */
#define CATCH_UP_NS INT64_C(50000000)
/* The shortest pause: what is due meanwhile is started together. */
#define PAUSE_NS INT64_C(10000000)

void start_rate_init(struct start_rate *rate, double per_second)
{
    rate->rate = (struct rate){.per_second = per_second, .catch_up_ns = CATCH_UP_NS};
    pthread_mutex_init(&rate->turn, NULL);
    pthread_mutex_init(&rate->lock, NULL);
}

void start_rate_begin_turn(struct start_rate *rate)
{
    pthread_mutex_lock(&rate->turn);
}

void start_rate_end_turn(struct start_rate *rate)
{
    pthread_mutex_unlock(&rate->turn);
}

static size_t allow(struct start_rate *rate, size_t wanted, int64_t now_ns, int64_t *due_ns)
{
    size_t allowed = rate_allow(&rate->rate, wanted, now_ns, due_ns);

    if (allowed == 0 && *due_ns < now_ns + PAUSE_NS)
        *due_ns = now_ns + PAUSE_NS;
    return allowed;
}

size_t start_rate_allow(struct start_rate *rate, size_t wanted, int64_t *due_ns)
{
    size_t allowed;

    pthread_mutex_lock(&rate->lock);
    allowed = allow(rate, wanted, stop_now_ns(), due_ns);
    pthread_mutex_unlock(&rate->lock);
    return allowed;
}

void start_rate_take(struct start_rate *rate, size_t count)
{
    pthread_mutex_lock(&rate->lock);
    rate_take(&rate->rate, count, stop_now_ns());
    pthread_mutex_unlock(&rate->lock);
}

bool start_rate_try(struct start_rate *rate, int64_t *due_ns)
{
    int64_t now_ns = stop_now_ns();
    bool allowed;

    pthread_mutex_lock(&rate->lock);
    allowed = allow(rate, 1, now_ns, due_ns) > 0;
    if (allowed)
        rate_take(&rate->rate, 1, now_ns);
    pthread_mutex_unlock(&rate->lock);
    return allowed;
}
