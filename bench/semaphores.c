/* SPDX-License-Identifier: MIT */

/*
 * The textbook solution: a ring in shared memory and three named semaphores: free slots, used slots and mutual
 * exclusion.
 */

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/support/harness.h"

enum { FREE, USED, TURN, SEMAPHORES };

struct ring {
    uint64_t in;
    uint64_t out;
    unsigned char slots[];
};

struct semaphore_channel {
    struct channel channel;
    struct ring *ring;
    uint64_t slots;
    sem_t *semaphores[SEMAPHORES];
    unsigned char *buffer;
};

static inline struct semaphore_channel *mine_of(struct channel *channel)
{
    return (struct semaphore_channel *)channel;
}

static void name_of(const struct channel *channel, int which, char *name, size_t size)
{
    static const char *const names[SEMAPHORES] = {"free", "used", "turn"};
    (void)snprintf(name, size, "/shmq-bench.%ld.%u.%s", (long)getpid(), channel->index, names[which]);
}

static int prepare(struct channel *channel)
{
    struct semaphore_channel *mine = mine_of(channel);
    char name[64];
    mine->slots = plan_messages(channel->plan);
    mine->ring = mmap(NULL, sizeof(struct ring) + mine->slots * channel->plan->size, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mine->ring == MAP_FAILED)
        return -errno;
    const unsigned values[SEMAPHORES] = {(unsigned)mine->slots, 0, 1};
    for (int i = 0; i < SEMAPHORES; i++) {
        name_of(channel, i, name, sizeof(name));
        mine->semaphores[i] = sem_open(name, O_CREAT | O_EXCL, 0600, values[i]);
        if (mine->semaphores[i] == SEM_FAILED)
            return -errno;
    }
    return 0;
}

static int open_receiver(struct channel *channel, unsigned number)
{
    (void)number;
    mine_of(channel)->buffer = malloc(channel->plan->size);
    return mine_of(channel)->buffer != NULL ? 0 : -ENOMEM;
}

static void close_receiver(struct channel *channel)
{
    free(mine_of(channel)->buffer);
}

static void clean_up(struct channel *channel)
{
    char name[64];
    for (int i = 0; i < SEMAPHORES; i++) {
        name_of(channel, i, name, sizeof(name));
        (void)sem_unlink(name);
    }
}

static int down(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    const struct semaphore_channel mine = *mine_of(channel);
    const size_t size = source->size;
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        const void *message = source_take(source);
        error = down(mine.semaphores[FREE]);
        if (error == 0)
            error = down(mine.semaphores[TURN]);
        if (error != 0)
            break;
        memcpy(mine.ring->slots + mine.ring->in++ % mine.slots * size, message, size);
        (void)sem_post(mine.semaphores[TURN]);
        (void)sem_post(mine.semaphores[USED]);
    }
    return error;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct semaphore_channel mine = *mine_of(channel);
    const size_t size = checker->size;
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = down(mine.semaphores[USED]);
        if (error == 0)
            error = down(mine.semaphores[TURN]);
        if (error != 0)
            break;
        memcpy(mine.buffer, mine.ring->slots + mine.ring->out++ % mine.slots * size, size);
        (void)sem_post(mine.semaphores[TURN]);
        (void)sem_post(mine.semaphores[FREE]);
        checker_take(checker, mine.buffer, size);
    }
    return error;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "semaphores",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct semaphore_channel),
        .prepare = prepare,
        .open_receiver = open_receiver,
        .send = send_each,
        .receive = receive_each,
        .close_receiver = close_receiver,
        .clean_up = clean_up,
    };
    return bench_run(argc, argv, &contender);
}
