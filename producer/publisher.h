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

/* Whether to continue after a step. */
enum flow {
    FLOW_CONTINUE,
    FLOW_END,    /* --count is reached or a stop was requested */
    FLOW_FAILED, /* already reported; publisher->status is set */
};

enum { PUBLISHER_BATCH = 512 };

/* Identifies the inputs; passed to the queue when it is opened. */
struct source_identity {
    bool resumable;
    uint64_t group; /* identity of the inputs together; 0: neither resumable nor split */
    uint64_t part;  /* the part of --split, from 1 */
    uint64_t size;  /* of the last input, which may grow */
    uint64_t check; /* hash of what must not change */
    /* What to say if a living producer has the same source; NULL: what there is to say of inputs. */
    const char *busy;
};

/* What a source does and tells besides its messages. */
struct publisher_companion {
    /* Called with publisher_tick: for each batch, and several times a second during any wait. */
    void (*tick)(void *context);
    /* Writes what the status line and the totals are to say of it, at most PROGRESS_EXTRA_BYTES. */
    void (*describe)(void *context, char *text);
    void *context;
};

/* All messages are put through the publisher, which handles pacing, a full queue, --count, echo and statistics. */
struct publisher {
    struct shmq *queue;
    const char *name;
    uint64_t largest_message; /* of the queue, headers included */
    uint64_t max_message;     /* largest payload */
    bool reads_inputs;        /* files or stdin, which a signal can cut short */
    bool rereadable; /* data that was read but not put can be read again, so a stop takes effect at once */
    uint64_t left;   /* messages still to be put */
    uint64_t skip;   /* bytes of the source, framing included, that an earlier run has put */
    uint64_t dropped;
    uint64_t lost_bytes; /* of the source, which are gone before they could be put */
    enum on_full on_full;
    int64_t timeout_ns;
    int64_t stopped_ns; /* when a stop request was first seen while the queue was full; 0: not yet */
    enum shmq_frame frame;
    unsigned char delimiter;
    const char *headers; /* header block of every message; NULL: none */
    size_t headers_length;
    bool source_headers;       /* messages have headers of their own besides */
    size_t own_headers_length; /* the most that such a message has */
    char *composed;            /* header blocks of the messages that are being put: .headers, then their own */
    size_t composed_size;
    struct pace pace;
    struct progress progress;
    struct wait_notice notice; /* of waits for room */
    /* Called now and then during a wait for room; NULL: nothing. */
    void (*while_full)(void *context);
    void *while_full_context;
    struct echo echo;
    const struct publisher_companion *companion; /* NULL: none */
    bool resumable;
    struct source_marks marks; /* as stored in the queue, if resumable */
    bool withdrawn;            /* it must not continue: leaves its lane as it was found */
    bool unfinished;           /* nothing failed but more is to come: leaves its lane for a later run */
    int status;
    bool may_pass; /* what failed: another attempt may succeed */
};

void publisher_init(struct publisher *publisher, const struct options *options, uint64_t seed);
/* Reports that memory ran out. Return: FLOW_FAILED. */
enum flow publisher_fail_memory(struct publisher *publisher);
/*
 * Attaches to the queue; creates it if it does not exist. Waits for a lane as --on-full and --timeout say.
 *
 * Return: FLOW_CONTINUE; FLOW_END when a stop was requested; FLOW_FAILED.
 */
enum flow publisher_open(struct publisher *publisher, const struct options *options,
                         const struct source_identity *identity);

/*
 * Call this before putting messages that end at @offset of the source: it stores a mark for that offset in the
 * queue. Does nothing without --resume.
 *
 * @end   end of the last @size bytes of the source before @offset
 */
enum flow publisher_set_mark(struct publisher *publisher, uint64_t offset, const void *end, uint64_t size);

/*
 * Puts @count messages in the given order, all with the same @frame.
 *
 * @taken  receives how many were put, dropped or skipped
 */
enum flow publisher_put(struct publisher *publisher, const struct iovec *messages, size_t count,
                        enum shmq_frame frame, size_t *taken);

/*
 * Puts messages of which each may have its own headers and cursor, in the given order, all with the same @frame.
 * The headers of --header stand before each message's own.
 *
 * @messages  each must fit (publisher_fits)
 * @taken     receives how many were put, dropped or skipped
 */
enum flow publisher_put_outgoing(struct publisher *publisher, const struct shmq_outgoing *messages, size_t count,
                                 enum shmq_frame frame, size_t *taken);
/*
 * Messages have up to @length bytes of their own headers from now on, which leaves less for their payloads.
 *
 * Return: FLOW_CONTINUE; FLOW_FAILED if the queue's largest message has no room for them.
 */
enum flow publisher_set_own_headers(struct publisher *publisher, size_t length);
/* Counts a message that is not put, because it is longer than the largest, for the observers of the queue. */
void publisher_count_too_long(struct publisher *publisher);
/* Whether a message of @length bytes with @headers_length bytes of its own headers can be put into this queue. */
bool publisher_fits(const struct publisher *publisher, size_t length, size_t headers_length);

/* True if messages can be written directly into the queue with the next two functions. */
bool publisher_takes_in_place(const struct publisher *publisher);
/* Waits until a message of @size bytes is due and there is room for it. */
enum flow publisher_reserve(struct publisher *publisher, size_t size, void **payload);
/* Puts the first @length bytes of the reserved room as a message. */
enum flow publisher_commit(struct publisher *publisher, size_t length, enum shmq_frame frame);

/* Updates the status line and answers SIGUSR1; call it regularly. */
void publisher_tick(struct publisher *publisher);
/* When publisher_tick is due next; negative: never. */
int64_t publisher_next_tick_ns(const struct publisher *publisher);

/* Reports an error and sets the exit status; returns FLOW_FAILED. */
enum flow publisher_fail(struct publisher *publisher, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Finishes the stream if nothing failed, otherwise leaves it to be resumed. Returns the exit status. */
int publisher_close(struct publisher *publisher);
/* Prints the totals. */
void publisher_report(const struct publisher *publisher);

#endif
