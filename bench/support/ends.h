/* SPDX-License-Identifier: MIT */
#ifndef BENCH_ENDS_H
#define BENCH_ENDS_H

#include "bench/support/harness.h"

/* A channel of two file descriptors, one for sending and one for receiving. */

enum { RECEIVING, SENDING, ENDS };

struct ends_channel {
    struct channel channel;
    int ends[ENDS];
    unsigned char *buffer; /* the receiver's, of one message */
};

static inline struct ends_channel *ends_of(struct channel *channel)
{
    return (struct ends_channel *)channel;
}

/* Each side closes the other side's end. */
int ends_open_sender(struct channel *channel, unsigned number);
int ends_open_receiver(struct channel *channel, unsigned number);
void ends_close_receiver(struct channel *channel);

#endif
