/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_BATCH_H
#define CONSUMER_BATCH_H

#include <sys/uio.h>

#include "consumer/framing.h"

/*
 * Writes a batch of messages, framed, to a descriptor. Small messages are gathered in a buffer; large ones are
 * written straight from the queue. Each write holds whole messages only.
 */

#define BATCH_VECTORS 1024 /* of one writev; IOV_MAX of Linux */

struct batch_writer {
    int fd;
    int64_t offset; /* where the batch begins in the file; -1: where fd stands */
    struct framing framing;
    size_t piece; /* bytes of one write at the most, but for a message that is longer; 0: as many as it takes */
    unsigned char *buffer;
    size_t used;    /* bytes of the buffer */
    size_t pending; /* bytes of the vectors, if there is a limit */
    size_t vectors_used;
    uint64_t written; /* bytes of the batch in hand */
    const struct shmq_message *messages;
    size_t count;
    struct iovec vectors[BATCH_VECTORS];
};

/* Returns NULL when there is no memory. */
struct batch_writer *batch_writer_create(int fd, const struct framing *framing);
void batch_writer_destroy(struct batch_writer *writer);

/* From now on, no write holds more than @bytes, but for one message that is longer; 0: as many as it takes. */
void batch_writer_limit(struct batch_writer *writer, size_t bytes);
/* Bytes of @count messages, framed. */
uint64_t batch_size(const struct batch_writer *writer, const struct shmq_message *messages, size_t count);

/*
 * Writes @count messages.
 *
 * @done  receives how many were written whole
 *
 * Return: 0; -EINTR when an orderly end was asked for while the reader kept it waiting: the message that was
 *         begun is finished first; -EMSGSIZE for one that the framing cannot express; else what writev said.
 */
int batch_write(struct batch_writer *writer, const struct shmq_message *messages, size_t count, size_t *done);
/* The same, to another file and from @offset on. */
int batch_write_at(struct batch_writer *writer, int fd, uint64_t offset, const struct shmq_message *messages,
                   size_t count, size_t *done);
/* Bytes of the last batch that were written; more than its whole messages have if one was cut off. */
uint64_t batch_written(const struct batch_writer *writer);

#endif
