/* SPDX-License-Identifier: MIT */
#include "producer/pace.h"

/* How far behind its schedule a producer may catch up. */
#define CATCH_UP_NS INT64_C(200000000)

void pace_init(struct pace *pace, const struct options *options, uint64_t seed)
{
    *pace = (struct pace){
        .rate = {.per_second = options->rate, .catch_up_ns = CATCH_UP_NS},
        .delayed = options->delay_ns[1] > 0,
        .delay_min_ns = options->delay_ns[0],
        .delay_max_ns = options->delay_ns[1],
    };
    generator_init(&pace->generator, seed);
}

bool pace_is_set(const struct pace *pace)
{
    return pace->rate.per_second > 0 || pace->delayed;
}

size_t pace_allow(struct pace *pace, size_t wanted, int64_t now_ns, int64_t *due_ns)
{
    if (pace->rate.per_second > 0)
        return rate_allow(&pace->rate, wanted, now_ns, due_ns);
    if (!pace->delayed)
        return wanted;
    *due_ns = pace->due_ns;
    return now_ns >= pace->due_ns ? 1 : 0;
}

void pace_sent(struct pace *pace, size_t count, int64_t now_ns)
{
    if (pace->rate.per_second > 0)
        rate_take(&pace->rate, count, now_ns);
    if (pace->delayed)
        pace->due_ns = now_ns + (int64_t)generator_between(&pace->generator, (uint64_t)pace->delay_min_ns,
                                                           (uint64_t)pace->delay_max_ns);
}
