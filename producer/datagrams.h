/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_DATAGRAMS_H
#define SHMQ_PRODUCER_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/publisher.h"
#include "producer/refused.h"
#include "producer/source_headers.h"

/* Datagrams, each of which is a message. All sockets share one of these. */
struct datagrams {
    struct publisher *publisher;
    struct refused *refused;
    enum shmq_frame frame;
    unsigned char *buffer;
    size_t size;
    size_t max_message;
    struct iovec batch[PUBLISHER_BATCH];
    struct shmq_outgoing *outgoing; /* the batch, with --source-headers; NULL: without */
    struct source_headers *headers; /* of each message in the batch */
};

/* Return: false if there is no memory. */
bool datagrams_init(struct datagrams *datagrams, struct publisher *publisher, const struct options *options,
                    struct refused *refused);
void datagrams_free(struct datagrams *datagrams);

/*
 * Reads what there is, up to some of them, and puts it.
 *
 * @name   of the socket, for messages
 * @empty  receives whether all was read
 * @lost   receives how many were read but could not be put
 */
enum flow datagrams_read(struct datagrams *datagrams, int fd, const char *name, bool *empty, uint64_t *lost);

#endif
