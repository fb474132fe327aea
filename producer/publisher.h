/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_PUBLISHER_H
#define SHMQ_PRODUCER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/cli/progress.h"
#include "common/cli/wait_notice.h"
#include "common/shmq.h"
#include "producer/echo.h"
#include "producer/options.h"
#include "producer/pace.h"
#include "producer/source_mark.h"

/* Whether to go on after a step. A failure has been reported, and its exit status noted in the publisher. */
enum flow {
    FLOW_CONTINUE,
    FLOW_END, /* the count is reached, or an end was asked for */
    FLOW_FAILED,
};

enum { PUBLISHER_BATCH = 512 };

/* What the queue is told of the inputs when it is opened. */
struct source_identity {
    bool resumable;
    uint64_t group; /* identity of all of them; 0: they are neither resumed nor shared */
    uint64_t part;  /* of them, from 1 */
    uint64_t size;  /* of the last, which may grow */
    uint64_t check; /* of what may not change */
};

/* The one way into the queue: pacing, full queue, count, echo and statistics are seen to here. */
struct publisher {
    struct shmq *queue;
    const char *name;
    uint64_t max_message;
    bool reads_inputs; /* files or stdin, which a signal can cut short */
    bool rereadable;   /* what was read and not put can be read again: an end is taken at once */
    uint64_t left;     /* messages still to be put */
    uint64_t skip;     /* bytes of the source, framing included, that an earlier run has put */
    uint64_t dropped;
    enum on_full on_full;
    int64_t timeout_ns;
    int64_t stopped_ns; /* when the end was first seen while the queue was full; 0: not yet */
    enum shmq_frame frame;
    unsigned char delimiter;
    struct pace pace;
    struct progress progress;
    struct wait_notice notice; /* of waits for room */
    struct echo echo;
    bool resumable;
    struct source_marks marks; /* as kept in the queue, if resumable */
    bool withdrawn;            /* it must not go on: its lane is left as it was found */
    bool unfinished;           /* although nothing failed, there is more to come: the lane is left for it */
    int status;
};

void publisher_init(struct publisher *publisher, const struct options *options, uint64_t seed);
/*
 * Attaches to the queue, making it where it is missing.
 * Waits for a lane as --on-full and --timeout say. Returns FLOW_CONTINUE; FLOW_END if an end was asked for;
 * FLOW_FAILED.
 */
enum flow publisher_open(struct publisher *publisher, const struct options *options,
                         const struct source_identity *identity);

/*
 * To be called before messages are put that end at @offset of the source: keeps in the queue by what that place
 * can be recognised. Without --resume, nothing is done.
 *
 * @end   where the last @size bytes of the source before @offset end
 */
enum flow publisher_set_mark(struct publisher *publisher, uint64_t offset, const void *end, uint64_t size);

/*
 * Puts @count messages in the order given; all of one @frame.
 *
 * @taken  receives how many are in the queue, or were dropped or skipped as they should be
 */
enum flow publisher_put(struct publisher *publisher, const struct iovec *messages, size_t count,
                        enum shmq_frame frame, size_t *taken);

/* True if messages may be written straight into the queue with the next two. */
bool publisher_takes_in_place(const struct publisher *publisher);
/* Waits for the turn of a message of @size bytes, and for its room. */
enum flow publisher_reserve(struct publisher *publisher, size_t size, void **payload);
/* Puts the @length bytes that are in the reserved room. */
enum flow publisher_commit(struct publisher *publisher, size_t length, enum shmq_frame frame);

/* What is due from time to time: the status line, SIGUSR1. */
void publisher_tick(struct publisher *publisher);
/* Until when a wait may last before publisher_tick is due; negative: for ever. */
int64_t publisher_next_tick_ns(const struct publisher *publisher);

/* Reports and notes a failure. */
enum flow publisher_fail(struct publisher *publisher, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Marks the stream complete, if all went well so far, or leaves it to be resumed. Returns the exit status. */
int publisher_close(struct publisher *publisher);
/* The closing line. */
void publisher_report(const struct publisher *publisher);

#endif
