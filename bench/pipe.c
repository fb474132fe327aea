/* SPDX-License-Identifier: MIT */

/* For scale: a pipe, with one write and one read a message, which is what keeps messages apart without framing. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/support/harness.h"

static int ends[2];
static unsigned char *buffer;

static int prepare(size_t size)
{
    (void)size;
    return pipe(ends) == 0 ? 0 : -errno;
}

static int open_consumer(size_t size)
{
    buffer = malloc(size);
    (void)close(ends[1]);
    return buffer != NULL ? 0 : -ENOMEM;
}

static int open_producer(size_t size)
{
    (void)size;
    (void)close(ends[0]);
    return 0;
}

static void close_consumer(void)
{
    free(buffer);
}

static int write_all(const unsigned char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(ends[1], data, size);
        if (written < 0)
            return -errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int read_all(unsigned char *data, size_t size)
{
    while (size > 0) {
        const ssize_t got = read(ends[0], data, size);
        if (got <= 0)
            return got < 0 ? -errno : -EPIPE;
        data += got;
        size -= (size_t)got;
    }
    return 0;
}

static int produce(struct source *source, uint64_t count)
{
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++)
        error = write_all(source_take(source), source->size);
    return error;
}

static int consume(struct checker *checker, uint64_t count)
{
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = read_all(buffer, checker->size);
        checker_take(checker, buffer, checker->size);
    }
    return error;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "pipe",
        .prepare = prepare,
        .open_producer = open_producer,
        .open_consumer = open_consumer,
        .produce = produce,
        .consume = consume,
        .close_consumer = close_consumer,
    };
    return bench_run(argc, argv, &contender);
}
