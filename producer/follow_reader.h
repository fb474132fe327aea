/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_READER_H
#define SHMQ_PRODUCER_FOLLOW_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "producer/follow_store.h"
#include "producer/followed_file.h"
#include "producer/framer.h"
#include "producer/options.h"
#include "producer/publisher.h"
#include "producer/source_headers.h"

/* Puts what followed files contain, a chunk at a time, and keeps account of how far each has come. */
struct follow_reader {
    struct publisher *publisher;
    const struct options *options;
    struct follow_store *store;
    struct framer framer;
    unsigned char *buffer;
    size_t buffer_bytes;
    struct followed_file *last; /* whose message was put last, so that the place of the last message is in it */
    uint64_t messages;          /* put by this source, by earlier runs as well */
    size_t batched;
    enum shmq_frame frame;                      /* of all in the batch */
    const unsigned char *ends[PUBLISHER_BATCH]; /* of each message, in the buffer, framing included */
    struct iovec payloads[PUBLISHER_BATCH];
    struct shmq_outgoing outgoing[PUBLISHER_BATCH];
    struct shmq_cursor cursors[PUBLISHER_BATCH];
    struct source_headers headers; /* with --source-headers, of the file that is being read */
    struct source_blocks blocks;
};

void follow_reader_init(struct follow_reader *reader, struct publisher *publisher, const struct options *options,
                        struct follow_store *store);
void follow_reader_free(struct follow_reader *reader);

/* What a step of reading has found. */
struct follow_step {
    int error; /* 0; -ESTALE: the file was truncated and has other content; another: it cannot be read */
    uint64_t
        missed; /* bytes seen that were cut off before they could be put, though what was put is still there */
};

/*
 * Puts the whole messages among the next bytes of @file.
 *
 * @rest  what stands at its end without a delimiter is a message, unless the file has just grown
 */
enum flow follow_reader_read(struct follow_reader *reader, struct followed_file *file, bool rest,
                             struct follow_step *step);
/* The file is about to be forgotten. */
void follow_reader_forget(struct follow_reader *reader, const struct followed_file *file);

#endif
