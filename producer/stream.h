/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_STREAM_H
#define SHMQ_PRODUCER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "producer/framer.h"
#include "producer/publisher.h"
#include "producer/refused.h"
#include "producer/source_headers.h"

/*
 * A stream of bytes that comes in by and by and cannot be read again: a connection. There may be many at once.
 * Each has memory only for the message that it is in the middle of. Nothing is read while the queue is full.
 *
 * A message that is too long for the queue is left out, counted and reported: it must not end the other streams.
 */

enum { STREAM_READ_BYTES = 64 * 1024 };

/* What all streams share. */
struct stream_reader {
    struct publisher *publisher;
    const struct options *options;
    struct refused refused;
    unsigned char *buffer; /* 2 * STREAM_READ_BYTES: a short beginning of a message, and what is read after it */
    struct iovec batch[PUBLISHER_BATCH];
    size_t batched;
    enum shmq_frame frame;          /* of all in the batch */
    struct source_blocks blocks;    /* with --source-headers */
    struct shmq_outgoing *outgoing; /* the batch, with headers; NULL: without */
};

/* How to go on after a message that was too long. */
enum stream_skip { STREAM_SKIP_NOTHING, STREAM_SKIP_BYTES, STREAM_SKIP_TO_DELIMITER, STREAM_SKIP_ALL };

struct stream {
    int fd;           /* does not block */
    const char *name; /* for messages; lives longer than the stream */
    pid_t peer;       /* process at the other end; 0: not known */
    struct framer framer;
    struct source_headers headers;
    uint64_t offset;     /* of the first byte that is not put, in the stream */
    unsigned char *kept; /* bytes that were read and are not put; NULL: none */
    size_t kept_bytes;
    size_t kept_size;
    enum stream_skip skip;
    uint64_t skip_bytes;
};

enum stream_state {
    STREAM_OPEN,
    STREAM_DRY,   /* nothing to read at present */
    STREAM_ENDED, /* all is put, an unfinished last message included */
};

/* Return: false if there is no memory. */
bool stream_reader_init(struct stream_reader *reader, struct publisher *publisher, const struct options *options);
void stream_reader_free(struct stream_reader *reader);

/* Its .headers may then be set. */
void stream_init(struct stream *stream, const struct stream_reader *reader, int fd, const char *name, pid_t peer);
/*
 * Reads once, up to STREAM_READ_BYTES, and puts all whole messages.
 *
 * @cut  the end of the stream is not its writer's: an unfinished message stays in the stream
 */
enum flow stream_read(struct stream *stream, struct stream_reader *reader, bool cut, enum stream_state *state);
/* Puts an unfinished message as it is. */
enum flow stream_put_rest(struct stream *stream, struct stream_reader *reader);
/* Closes the descriptor and forgets what was not put. */
void stream_close(struct stream *stream);

#endif
