/* SPDX-License-Identifier: MIT */
#include "producer/pace.h"

#define NS_PER_SECOND 1e9
/* How far behind its schedule a producer may catch up; after a longer delay the schedule starts again. */
#define CATCH_UP_NS INT64_C(200000000)

void pace_init(struct pace *pace, const struct options *options, uint64_t seed)
{
    *pace = (struct pace){
        .rate = options->rate,
        .delayed = options->delay_ns[1] > 0,
        .delay_min_ns = options->delay_ns[0],
        .delay_max_ns = options->delay_ns[1],
    };
    generator_init(&pace->generator, seed);
}

bool pace_is_set(const struct pace *pace)
{
    return pace->rate > 0 || pace->delayed;
}

/* Computed from the start of the schedule, so that delays do not accumulate. */
static int64_t rate_due(const struct pace *pace, uint64_t index)
{
    return pace->started_ns + (int64_t)((double)index / pace->rate * NS_PER_SECOND);
}

static size_t allow_rate(struct pace *pace, size_t wanted, int64_t now_ns, int64_t *due_ns)
{
    if (pace->started_ns == 0)
        pace->started_ns = now_ns;
    *due_ns = rate_due(pace, pace->sent);
    if (*due_ns > now_ns)
        return 0;
    if (now_ns - *due_ns > CATCH_UP_NS) {
        pace->started_ns = now_ns;
        pace->sent = 0;
    }
    uint64_t allowed = (uint64_t)((double)(now_ns - pace->started_ns) * pace->rate / NS_PER_SECOND) + 1;
    allowed = allowed > pace->sent ? allowed - pace->sent : 1;
    return allowed < wanted ? (size_t)allowed : wanted;
}

size_t pace_allow(struct pace *pace, size_t wanted, int64_t now_ns, int64_t *due_ns)
{
    if (pace->rate > 0)
        return allow_rate(pace, wanted, now_ns, due_ns);
    if (!pace->delayed)
        return wanted;
    *due_ns = pace->due_ns;
    return now_ns >= pace->due_ns ? 1 : 0;
}

void pace_sent(struct pace *pace, size_t count, int64_t now_ns)
{
    pace->sent += count;
    if (pace->delayed)
        pace->due_ns = now_ns + (int64_t)generator_between(&pace->generator, (uint64_t)pace->delay_min_ns,
                                                           (uint64_t)pace->delay_max_ns);
}
