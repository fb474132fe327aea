/* SPDX-License-Identifier: MIT */
#include "tests/support/sleeper.h"

#include <check.h>
#include <stdint.h>

#include "tests/support/harness.h"
#include "tests/support/test_queue.h"

static void get_once(void *context)
{
    struct shmq *handle;
    uint64_t number = 0;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, context), 0);
    process_report(0);
    const int code = test_queue_get(handle, &number, SHMQ_FOREVER);
    process_report(code == 0 ? number : process_code(code));
    (void)process_await_order();
    (void)shmq_close(handle);
}

static bool sleeps(void *context)
{
    return process_sleeps(context);
}

void sleeper_start(struct process *process, const struct shmq_options *options)
{
    process_start(process, get_once, (void *)(uintptr_t)options); /* only read */
    (void)process_hear(process);
    sleeper_await(process);
}

void sleeper_await(struct process *process)
{
    process_wait_until(sleeps, process, "the consumer sleeps");
}

uint64_t sleeper_hear(struct process *process, int64_t prompt_ms)
{
    uint64_t number = 0;
    ck_assert_msg(process_hears(process, process_stretched_ms(prompt_ms), &number), "not woken");
    return number;
}

void sleeper_finish(struct process *process)
{
    process_order(process, 0);
    process_expect_success(process);
}
