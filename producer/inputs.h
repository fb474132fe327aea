/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_INPUTS_H
#define SHMQ_PRODUCER_INPUTS_H

#include "producer/input.h"
#include "producer/options.h"
#include "producer/outlet.h"

/* The list of inputs: looked at before the queue is made, so that a mistyped name leaves nothing behind. */
struct inputs {
    const char **paths;
    struct range *ranges; /* what is to be read of each */
    uint64_t *sizes;      /* of the regular ones */
    size_t count;
    size_t first;       /* those before it are done */
    uint64_t bytes;     /* with --resume: of all of them, as far as is known */
    uint64_t source_id; /* with --resume: what the earlier run must have in common with this one */
};

/* Looks at each input. A failure is reported. */
enum flow inputs_check(struct inputs *inputs, struct outlet *outlet, const struct options *options);
/* Passes over the first @done bytes of their messages, which an earlier run has put. */
enum flow inputs_resume(struct inputs *inputs, struct outlet *outlet, const struct options *options,
                        uint64_t done);
void inputs_free(struct inputs *inputs);

#endif
