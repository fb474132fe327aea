/* SPDX-License-Identifier: MIT */
#include "consumer/work.h"

#include <sys/random.h>
#include <time.h>

#include "consumer/deadline.h"

#define NS_PER_SECOND INT64_C(1000000000)

void work_init(struct work *work, int64_t min_ns, int64_t max_ns)
{
    work->min_ns = min_ns;
    work->max_ns = max_ns;
    if (getrandom(&work->random, sizeof(work->random), GRND_NONBLOCK) != (ssize_t)sizeof(work->random))
        work->random = (uint64_t)stop_now_ns();
}

/* splitmix64: good enough for pauses, and any state is a good one. */
static uint64_t next_random(struct work *work)
{
    uint64_t z = work->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void work_do(struct work *work, struct tally *tally)
{
    uint64_t spread = (uint64_t)(work->max_ns - work->min_ns);
    int64_t deadline = deadline_after(work->min_ns + (int64_t)(next_random(work) % (spread + 1)));

    for (int64_t now = stop_now_ns(); now < deadline; now = stop_now_ns()) {
        int64_t until = deadline - now < LOOK_NS ? deadline : now + LOOK_NS;
        struct timespec time = {.tv_sec = until / NS_PER_SECOND, .tv_nsec = until % NS_PER_SECOND};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        tally_attend(tally);
    }
}
