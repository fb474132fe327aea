/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FIFOS_H
#define SHMQ_PRODUCER_FIFOS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "producer/publisher.h"
#include "producer/stream.h"

/*
 * The FIFOs that are followed. When the last writer of one has gone, what it left without its end is a message,
 * and the FIFO is opened anew and waits for the next writer. One that was renamed or removed is read until its
 * last writer has gone, and another of the same name is a new one.
 */

struct fifo {
    struct fifo *next;
    char *path;
    dev_t device;
    ino_t inode;
    struct stream stream;
    int64_t grown_ns; /* when its unfinished message last grew */
    bool named;       /* a path leads to it, as of the present scan */
};

struct fifos {
    struct publisher *publisher;
    const struct options *options;
    struct fifo *first;
    int epoll; /* -1: there never was one */
    int other; /* which epoll watches besides; -1: none */
    struct stream_reader reader;
};

void fifos_init(struct fifos *fifos, struct publisher *publisher, const struct options *options);
void fifos_free(struct fifos *fifos);

/* Call these around a scan of the paths, and fifos_found for each FIFO that it finds. */
void fifos_begin_scan(struct fifos *fifos);
/* Opens it if it is not followed yet. Return: 0; a negative errno, and it is not followed. */
int fifos_found(struct fifos *fifos, const char *path);
/* Those that no path leads to any more, and that nobody writes to, are left. */
enum flow fifos_end_scan(struct fifos *fifos);

/* Gives each FIFO that has something a turn. */
enum flow fifos_read(struct fifos *fifos);
/* Puts unfinished messages that have stood for --partial. */
enum flow fifos_put_due(struct fifos *fifos, int64_t now_ns);
/* When fifos_put_due is due; negative: never. */
int64_t fifos_due_ns(const struct fifos *fifos);
/* A descriptor to wait for that is readable when a FIFO or @other (negative: none) is; @other if there is no FIFO.
 */
int fifos_descriptor(struct fifos *fifos, int other);

/*
 * At a stop: puts what writers that have gone have left. What living writers have written stays in the FIFO.
 *
 * Return: FLOW_END; FLOW_FAILED if part of a message was read and cannot be put.
 */
enum flow fifos_finish(struct fifos *fifos);

#endif
