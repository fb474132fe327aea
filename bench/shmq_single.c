/* SPDX-License-Identifier: MIT */

/* The simplest use of a queue: put and get, one message per call. */

#include "bench/support/queue.h"

int main(int argc, char **argv)
{
    static const struct contender contender =
        QUEUE_CONTENDER("shmq_single", queue_prepare, queue_put_each, queue_get_each);
    return bench_run(argc, argv, &contender);
}
