/* SPDX-License-Identifier: MIT */
#include "consumer/gathering.h"

#include "consumer/deadline.h"

/* The pauses between looks double from the first to the last. */
#define PAUSE_FIRST_NS INT64_C(1000000)
#define PAUSE_LAST_NS INT64_C(16000000)

static void begin(struct gathering *gathering, int64_t longest_ns)
{
    gathering->deadline_ns = deadline_after(longest_ns);
    gathering->pause_ns = PAUSE_FIRST_NS;
}

static void pause_until(struct gathering *gathering)
{
    int64_t until = deadline_after(gathering->pause_ns);

    stop_sleep_until(until < gathering->deadline_ns ? until : gathering->deadline_ns);
    if (gathering->pause_ns < PAUSE_LAST_NS)
        gathering->pause_ns *= 2;
}

int gathering_wait(struct gathering *gathering, struct shmq *handle, size_t wanted, int64_t longest_ns,
                   int64_t timeout_ns, bool *go)
{
    size_t count = 0;
    bool complete = false;
    int result = shmq_ready(handle, &count, &complete, timeout_ns);

    *go = false;
    if (result < 0) {
        gathering->deadline_ns = 0; /* others took what was seen */
        return result;
    }
    if (gathering->deadline_ns == 0)
        begin(gathering, longest_ns);
    *go = complete || count >= wanted || stop_now_ns() >= gathering->deadline_ns;
    if (*go)
        gathering->deadline_ns = 0;
    else
        pause_until(gathering);
    return 0;
}
