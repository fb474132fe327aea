/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "bench/support/load.h"

#define WARM_UP_MESSAGES 300000u
#define WARM_UP_BYTES (UINT64_C(32) << 20)
#define WARM_UPS 2u
#define WARM_UP_STEPS 256u
#define WARM_UP_LONG_NS 50000000
#define MOMENT_S 0.002

int run_open_sender(const struct run *run, unsigned channel, unsigned number)
{
    const struct contender *contender = run->contender;
    return contender->open_sender != NULL ? contender->open_sender(run->channels[channel], number) : 0;
}

int run_open_receiver(const struct run *run, unsigned channel, unsigned number)
{
    const struct contender *contender = run->contender;
    return contender->open_receiver != NULL ? contender->open_receiver(run->channels[channel], number) : 0;
}

void run_close_sender(const struct run *run, unsigned channel)
{
    if (run->contender->close_sender != NULL)
        run->contender->close_sender(run->channels[channel]);
}

void run_close_receiver(const struct run *run, unsigned channel)
{
    if (run->contender->close_receiver != NULL)
        run->contender->close_receiver(run->channels[channel]);
}

int run_check(uint64_t bad, uint64_t got, uint64_t expected)
{
    if (bad == 0 && got == expected)
        return 0;
    (void)fprintf(stderr, "%s: of %" PRIu64 " messages, %" PRIu64 " came, and %" PRIu64 " of them were wrong\n",
                  program_invocation_short_name, expected, got, bad);
    return RUN_WRONG;
}

int run_reported(void)
{
    return fflush(stdout) == 0 ? 0 : bench_failed("writing to stdout", -errno);
}

/* Enough messages to wrap around the ring twice and to estimate the rate. */
void warm_up_begin(struct warm_up *warm_up, const struct plan *plan)
{
    const uint64_t by_bytes = WARM_UP_BYTES / plan->size + 1;
    const uint64_t lap = plan_messages(plan) * 2;
    uint64_t full = by_bytes < WARM_UP_MESSAGES ? by_bytes : WARM_UP_MESSAGES;
    if (plan->capacity_bytes > PLAN_CAPACITY_BYTES && lap > full)
        full = lap;
    *warm_up = (struct warm_up){.full = full, .count = full / WARM_UP_STEPS + 1};
}

/* Rounds a portion to whole blocks of the source, if it has at least one. */
static uint64_t portion_of(uint64_t count, int64_t ns)
{
    const double messages = (double)count / ((double)ns / 1e9) * MOMENT_S;
    if (messages < 1)
        return 1;
    const uint64_t portion = messages < WARM_UP_MESSAGES ? (uint64_t)messages : WARM_UP_MESSAGES;
    return portion < SOURCE_MESSAGES ? portion : portion / SOURCE_MESSAGES * SOURCE_MESSAGES;
}

bool warm_up_next(struct warm_up *warm_up, int64_t ns)
{
    warm_up->portion = portion_of(warm_up->count, ns);
    warm_up->whole += warm_up->count == warm_up->full;
    if (warm_up->whole == WARM_UPS || ns > WARM_UP_LONG_NS * (warm_up->whole + 1))
        return false;
    warm_up->count = warm_up->count * 4 < warm_up->full ? warm_up->count * 4 : warm_up->full;
    return true;
}
