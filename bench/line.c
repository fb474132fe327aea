/* SPDX-License-Identifier: MIT */

/*
 * The lower limit of a round trip: one cache line that two processors write in turn. The line holds the message
 * itself, so a message is no longer than a line.
 */

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "bench/support/harness.h"

#define LINE_BYTES 64u
#define LINE_WORDS (LINE_BYTES / sizeof(uint64_t))

/* Both channels use the line in turn: the turn is odd after a message there, even after one back. */
struct line {
    _Alignas(128) _Atomic uint64_t turn;
    uint64_t words[LINE_WORDS - 1];
};

struct line_channel {
    struct channel channel;
    struct line *line;
};

static inline struct line *line_of(struct channel *channel)
{
    return ((struct line_channel *)channel)->line;
}

static int prepare(struct channel *channel)
{
    static struct line *line;
    if (channel->plan->size > LINE_BYTES)
        return bench_cannot("a message must fit into a cache line of 64 bytes");
    if (line == NULL)
        line = mmap(NULL, sizeof(*line), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ((struct line_channel *)channel)->line = line;
    return line != MAP_FAILED ? 0 : -errno;
}

/* The message's first word is its number, from which the turn follows. */
static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    struct line *line = line_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t *message = source_take(source);
        memcpy(line->words, message + 1, source->size - sizeof(*message));
        atomic_store_explicit(&line->turn, 2 * message[0] + channel->index + 1, memory_order_release);
    }
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    struct line *line = line_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t message[LINE_WORDS] = {checker->next};
        const uint64_t turn = 2 * checker->next + channel->index + 1;
        while (atomic_load_explicit(&line->turn, memory_order_acquire) != turn)
            ;
        memcpy(message + 1, line->words, checker->size - sizeof(*message));
        checker_take(checker, message, checker->size);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "line",
        .loads = LOAD_ROUND_TRIP,
        .channel_bytes = sizeof(struct line_channel),
        .prepare = prepare,
        .send = send_each,
        .receive = receive_each,
    };
    return bench_run(argc, argv, &contender);
}
