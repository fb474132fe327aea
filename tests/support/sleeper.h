/* SPDX-License-Identifier: MIT */
#ifndef TEST_SLEEPER_H
#define TEST_SLEEPER_H

#include "common/shmq.h"
#include "tests/support/process.h"

/* A process that sleeps in a consumer of the test's queue until it gets one number, or an error. */

/* Starts it, and returns once it sleeps. @options: of the consumer; NULL: all defaults. */
void sleeper_start(struct process *process, const struct shmq_options *options);
/* Waits until it sleeps. */
void sleeper_await(struct process *process);
/* What ended its wait: the number, or process_code(error). Fails if that does not come within @prompt_ms. */
uint64_t sleeper_hear(struct process *process, int64_t prompt_ms);
void sleeper_finish(struct process *process);

#endif
