/* SPDX-License-Identifier: MIT */
#include "bench/support/queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct shmq *queue;
unsigned char *queue_buffer;
static char name[SHMQ_NAME_MAX + 1];

const char *queue_name(void)
{
    return name;
}

int queue_prepare(size_t size)
{
    (void)size;
    (void)snprintf(name, sizeof(name), "bench.%ld", (long)getpid());
    return shmq_create(name, NULL);
}

int queue_open_producer(size_t size)
{
    (void)size;
    return shmq_open(&queue, name, SHMQ_PRODUCER, NULL);
}

int queue_open_consumer(size_t size)
{
    queue_buffer = aligned_alloc(64, (size + 63) & ~(size_t)63);
    return queue_buffer != NULL ? shmq_open(&queue, name, SHMQ_CONSUMER, NULL) : -ENOMEM;
}

void queue_close_producer(void)
{
    (void)shmq_close(queue);
}

void queue_close_consumer(void)
{
    (void)shmq_close(queue);
    free(queue_buffer);
}

void queue_clean_up(void)
{
    (void)shmq_remove(name, true);
}

int queue_put_each(struct source *source, uint64_t count)
{
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++)
        error = shmq_put(queue, source_take(source), source->size, SHMQ_FOREVER);
    return error;
}

int queue_get_each(struct checker *checker, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        size_t length;
        const int error = shmq_get(queue, queue_buffer, checker->size, &length, SHMQ_FOREVER);
        if (error != 0)
            return error;
        checker_take(checker, queue_buffer, length);
    }
    return 0;
}

int queue_lease_each(struct checker *checker, uint64_t count)
{
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        struct shmq_message message;
        error = shmq_lease(queue, &message, SHMQ_FOREVER);
        if (error != 0)
            break;
        checker_take(checker, message.data, message.length);
        error = shmq_acknowledge(queue, 1);
    }
    return error;
}
