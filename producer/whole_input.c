/* SPDX-License-Identifier: MIT */
#include "producer/whole_input.h"

#include <unistd.h>

#include "producer/buffered_input.h"

/*
 * Reads the input to its end, at most @size bytes.
 *
 * @grown  receives true if there is more, so that the message is incomplete
 */
static enum flow read_all(struct publisher *publisher, struct input *input, void *payload, size_t size,
                          size_t *filled, bool *grown)
{
    *filled = 0;
    *grown = false;
    for (;;) {
        char beyond;
        size_t got;
        size_t left = size - *filled;
        enum flow flow = input_read(input, publisher, left > 0 ? (char *)payload + *filled : &beyond,
                                    left > 0 ? left : 1, &got);
        if (flow != FLOW_CONTINUE || got == 0)
            return flow;
        if (left == 0) {
            *grown = true;
            return FLOW_CONTINUE;
        }
        *filled += got;
    }
}

enum flow whole_input_run(struct publisher *publisher, struct input *input, const struct options *options,
                          uint64_t *unused)
{
    uint64_t size = input_left(input);
    uint64_t begin = input->offset;
    *unused = begin;
    if (size > publisher->max_message)
        return buffered_input_fail_too_long(publisher, input, options, begin, 0);
    /* Files in /proc have size 0 although they are not empty. */
    if (!input->regular || size == 0 || !publisher_takes_in_place(publisher))
        return buffered_input_run(publisher, input, options, unused);
    void *payload;
    size_t filled;
    bool grown;
    enum flow flow = publisher_reserve(publisher, (size_t)size, &payload);
    if (flow == FLOW_CONTINUE)
        flow = read_all(publisher, input, payload, (size_t)size, &filled, &grown);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (grown) {
        if (lseek(input->fd, (off_t)begin, SEEK_SET) < 0)
            return publisher_fail(publisher, EXIT_FAILED, "%s: cannot be positioned", input->label);
        input->offset = begin;
        return buffered_input_run(publisher, input, options, unused);
    }
    flow = input_set_mark(input, publisher, input->offset, (char *)payload + filled, filled);
    if (flow == FLOW_CONTINUE)
        flow = publisher_commit(publisher, filled, SHMQ_FRAME_NONE);
    if (flow != FLOW_FAILED)
        *unused = input->offset;
    return flow;
}
