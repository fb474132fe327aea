/* SPDX-License-Identifier: MIT */
#include "consumer/attach.h"

#include <errno.h>

#include "common/cli/say.h"
#include "common/cli/wait_notice.h"
#include "consumer/deadline.h"

/* There is no notification for a new shared-memory name, so poll. */
#define FIRST_PAUSE_NS INT64_C(1000000)
#define LONGEST_PAUSE_NS INT64_C(50000000)

int attach(const struct consumer_options *options, struct totals *totals, struct shmq **handle)
{
    int64_t end = options->idle_ns < 0 ? INT64_MAX : deadline_after(options->idle_ns);
    int64_t pause_ns = FIRST_PAUSE_NS;
    int64_t since = stop_now_ns();
    bool said = false;

    for (;;) {
        int64_t next = deadline_after(pause_ns);
        int result = shmq_open(handle, options->common.queue, SHMQ_CONSUMER, &options->common.shmq);

        if (result == 0 && said)
            wait_notice_say_end(stop_now_ns() - since);
        if (result != -ENOENT) {
            totals_await(totals, NULL);
            return result;
        }
        if (!said && pause_ns == LONGEST_PAUSE_NS) { /* not only a race with the producer's start */
            say_status("waiting for queue '%s' to appear", options->common.queue);
            said = true;
            totals_await(totals, "the queue to appear");
        }
        if (stop_requested)
            return -EINTR;
        if (stop_now_ns() >= end)
            return -ETIMEDOUT;
        stop_sleep_until(next < end ? next : end);
        totals_tick(totals);
        pause_ns = pause_ns * 2 < LONGEST_PAUSE_NS ? pause_ns * 2 : LONGEST_PAUSE_NS;
    }
}
