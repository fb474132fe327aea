/* SPDX-License-Identifier: MIT */

/* POSIX message queue, as deep as the system permits. */

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/support/harness.h"

/* The kernel's maximum; a user's limit is lower and found by trial. */
#define DEEPEST 65536

struct mq_channel {
    struct channel channel;
    mqd_t queue;
    char *buffer;
};

static inline struct mq_channel *mine_of(struct channel *channel)
{
    return (struct mq_channel *)channel;
}

static void raise_limit(const char *path, const char *limit)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, limit, strlen(limit));
    (void)close(fd);
}

/* The limits belong to an IPC namespace: root raises them in a new one, without changing the system's. */
static void raise_limits(void)
{
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MSGQUEUE, &unlimited);
    if (unshare(CLONE_NEWIPC) != 0)
        return;
    raise_limit("/proc/sys/fs/mqueue/msg_max", "65536");
    raise_limit("/proc/sys/fs/mqueue/msgsize_max", "16777216");
}

static int prepare(struct channel *channel)
{
    struct mq_channel *mine = mine_of(channel);
    const uint64_t messages = plan_messages(channel->plan);
    struct mq_attr attributes = {.mq_maxmsg = messages < DEEPEST ? (long)messages : DEEPEST,
                                 .mq_msgsize = (long)channel->plan->size};
    char name[64];
    (void)snprintf(name, sizeof(name), "/shmq-bench.%ld.%u", (long)getpid(), channel->index);
    if (channel->index == 0)
        raise_limits();
    for (; attributes.mq_maxmsg > 0; attributes.mq_maxmsg /= 2) {
        mine->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
        if (mine->queue != (mqd_t)-1)
            return mq_unlink(name) == 0 ? 0 : -errno;
        if (errno != EINVAL && errno != EMFILE && errno != ENOMEM)
            return -errno;
    }
    return bench_cannot("a message of this size exceeds the limits here (fs.mqueue.msgsize_max, ulimit -q)");
}

static int open_receiver(struct channel *channel, unsigned number)
{
    (void)number;
    mine_of(channel)->buffer = aligned_alloc(64, (channel->plan->size + 63) & ~(size_t)63);
    return mine_of(channel)->buffer != NULL ? 0 : -ENOMEM;
}

static void close_receiver(struct channel *channel)
{
    free(mine_of(channel)->buffer);
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    const mqd_t queue = mine_of(channel)->queue;
    for (uint64_t i = 0; i < count; i++)
        if (mq_send(queue, source_take(source), source->size, 0) != 0)
            return -errno;
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct mq_channel mine = *mine_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        const ssize_t got = mq_receive(mine.queue, mine.buffer, checker->size, NULL);
        if (got < 0)
            return -errno;
        checker_take(checker, mine.buffer, (size_t)got);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "posix_mq",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct mq_channel),
        .prepare = prepare,
        .open_receiver = open_receiver,
        .send = send_each,
        .receive = receive_each,
        .close_receiver = close_receiver,
    };
    return bench_run(argc, argv, &contender);
}
