/* SPDX-License-Identifier: MIT */
#include "consumer/simulated_work.h"

#include <time.h>

#include "consumer/deadline.h"

#define NS_PER_SECOND INT64_C(1000000000)

void simulated_work_init(struct simulated_work *work, int64_t min_ns, int64_t max_ns)
{
    work->min_ns = min_ns;
    work->max_ns = max_ns;
    generator_init(&work->random, generator_any_seed());
}

void simulated_work_run(struct simulated_work *work, struct totals *totals, bool stops)
{
    uint64_t length_ns = generator_between(&work->random, (uint64_t)work->min_ns, (uint64_t)work->max_ns);
    int64_t deadline = deadline_after((int64_t)length_ns);

    for (int64_t now = stop_now_ns(); now < deadline && !(stops && stop_requested); now = stop_now_ns()) {
        int64_t until = deadline - now < POLL_NS ? deadline : now + POLL_NS;
        struct timespec time = {.tv_sec = until / NS_PER_SECOND, .tv_nsec = until % NS_PER_SECOND};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        totals_tick(totals);
    }
}
