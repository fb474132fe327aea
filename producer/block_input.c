/* SPDX-License-Identifier: MIT */
#include "producer/block_input.h"

enum { LARGE_BYTES = 64 * 1024 };

bool block_input_fits(const struct publisher *publisher, const struct options *options)
{
    return options->block_bytes >= LARGE_BYTES && publisher_takes_in_place(publisher);
}

enum flow block_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                          uint64_t *unused)
{
    size_t size = (size_t)options->block_bytes;
    enum flow flow = FLOW_CONTINUE;
    bool at_end = false;
    *unused = input->offset;
    while (flow == FLOW_CONTINUE && !at_end) {
        void *payload;
        flow = publisher_reserve(publisher, size, &payload);
        if (flow != FLOW_CONTINUE)
            break;
        size_t filled = 0;
        while (flow == FLOW_CONTINUE && filled < size && !at_end) {
            size_t got;
            flow = input_read(input, publisher, (char *)payload + filled, size - filled, &got);
            filled += got;
            at_end = flow == FLOW_CONTINUE && got == 0;
        }
        /* A stop or an error cut the block short. A pipe's bytes cannot be read again, so put what there is. */
        if (filled == 0 || (flow != FLOW_CONTINUE && publisher->rereadable))
            break;
        enum flow committed = input_set_mark(input, publisher, input->offset, (char *)payload + filled, filled);
        if (committed == FLOW_CONTINUE)
            committed = publisher_commit(publisher, filled, SHMQ_FRAME_NONE);
        if (committed == FLOW_FAILED || flow == FLOW_CONTINUE)
            flow = committed;
        if (committed != FLOW_FAILED)
            *unused = input->offset;
    }
    return flow;
}
