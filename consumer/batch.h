/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_BATCH_H
#define CONSUMER_BATCH_H

#include <sys/uio.h>

#include "consumer/framing.h"

/*
 * Writes a batch of framed messages to a descriptor. Small messages are copied into a buffer; large ones are
 * written directly from the queue. Each write holds whole messages only.
 */

#define BATCH_VECTORS 1024 /* of one writev: Linux's IOV_MAX */

struct batch_writer {
    int fd;
    int64_t offset; /* where the batch begins in the file; -1: at fd's current offset */
    struct framing framing;
    size_t write_limit; /* maximum bytes in one write, except for a single longer message; 0: no limit */
    unsigned char *buffer;
    size_t used;    /* bytes of the buffer */
    size_t pending; /* bytes in the vectors; counted only with a limit */
    size_t vectors_used;
    uint64_t written; /* bytes of the current batch */
    const struct shmq_message *messages;
    size_t count;
    struct iovec vectors[BATCH_VECTORS];
};

/* Returns NULL when there is no memory. */
struct batch_writer *batch_writer_create(int fd, const struct framing *framing);
void batch_writer_destroy(struct batch_writer *writer);

/* Limits each further write to @bytes, except for a single longer message; 0: no limit. */
void batch_writer_limit(struct batch_writer *writer, size_t bytes);
/* Writes before each further message its id in @queue, and a tab. */
void batch_writer_add_ids(struct batch_writer *writer, const struct shmq *queue);
/* Size of @count messages with their framing, in bytes. */
uint64_t batch_size(const struct batch_writer *writer, const struct shmq_message *messages, size_t count);

/*
 * Writes @count messages.
 *
 * @done  receives how many were written completely
 *
 * Return: 0; -EINTR when a stop was requested while the reader was slow (the current message is completed first);
 *         -EMSGSIZE for a message that the framing cannot express; otherwise the error of writev.
 */
int batch_write(struct batch_writer *writer, const struct shmq_message *messages, size_t count, size_t *done);
/* As batch_write, but to @fd, starting at @offset. */
int batch_write_at(struct batch_writer *writer, int fd, uint64_t offset, const struct shmq_message *messages,
                   size_t count, size_t *done);
/* Bytes written of the last batch, including those of an incomplete last message. */
uint64_t batch_written(const struct batch_writer *writer);

#endif
