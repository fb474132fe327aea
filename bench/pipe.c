/* SPDX-License-Identifier: MIT */

/* For comparison: a pipe, with one write and one read per message, which keeps messages apart without framing. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "bench/support/ends.h"

static int prepare(struct channel *channel)
{
    const struct plan *plan = channel->plan;
    struct ends_channel *mine = ends_of(channel);
    if (plan->producers + plan->consumers > 2 && plan->size > PIPE_BUF)
        return bench_cannot("several processes write more than a pipe keeps together");
    if (pipe(mine->ends) != 0)
        return -errno;
    if (plan->bounded && fcntl(mine->ends[SENDING], F_SETPIPE_SZ, (int)plan->capacity_bytes) < 0)
        return -errno;
    return 0;
}

static int write_all(int fd, const unsigned char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, data, size);
        if (written < 0)
            return -errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int read_all(int fd, unsigned char *data, size_t size)
{
    while (size > 0) {
        const ssize_t got = read(fd, data, size);
        if (got <= 0)
            return got < 0 ? -errno : -EPIPE;
        data += got;
        size -= (size_t)got;
    }
    return 0;
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    const int fd = ends_of(channel)->ends[SENDING];
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++)
        error = write_all(fd, source_take(source), source->size);
    return error;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct ends_channel *mine = ends_of(channel);
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = read_all(mine->ends[RECEIVING], mine->buffer, checker->size);
        if (error == 0)
            checker_take(checker, mine->buffer, checker->size);
    }
    return error;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "pipe",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct ends_channel),
        .prepare = prepare,
        .open_sender = ends_open_sender,
        .open_receiver = ends_open_receiver,
        .send = send_each,
        .receive = receive_each,
        .close_receiver = ends_close_receiver,
    };
    return bench_run(argc, argv, &contender);
}
