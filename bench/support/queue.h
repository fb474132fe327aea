/* SPDX-License-Identifier: MIT */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include "bench/support/harness.h"
#include "common/shmq.h"

/* What the contenders of this project's own library have in common: a queue of all defaults, and ways to use it.
 */

/* Names the queue after this process and makes it. */
int queue_prepare(size_t size);
const char *queue_name(void);
int queue_open_producer(size_t size);
int queue_open_consumer(size_t size);
void queue_close_producer(void);
void queue_close_consumer(void);
void queue_clean_up(void);

/* The open handle. */
extern struct shmq *queue;
/* The consumer's own buffer, of one message. */
extern unsigned char *queue_buffer;

/* One message a call, copied in, copied out. */
int queue_put_each(struct source *source, uint64_t count);
int queue_get_each(struct checker *checker, uint64_t count);
/* One message a call, in place. */
int queue_lease_each(struct checker *checker, uint64_t count);

#define QUEUE_CONTENDER(title, make_ready, send, receive)                                                         \
    {                                                                                                             \
        .name = (title), .prepare = (make_ready), .open_producer = queue_open_producer,                           \
        .open_consumer = queue_open_consumer, .produce = (send), .consume = (receive),                            \
        .close_producer = queue_close_producer, .close_consumer = queue_close_consumer,                           \
        .clean_up = queue_clean_up                                                                                \
    }

#endif
