/* SPDX-License-Identifier: MIT */

/* A Unix domain socket that keeps messages apart. */

#include <errno.h>
#include <sys/socket.h>

#include "bench/support/ends.h"

#define LARGEST_BUFFER (16 << 20)

/* More than an ordinary user may set; used if permitted. */
static int set_buffer(int fd, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) == 0)
        return 0;
    return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0 ? 0 : -errno;
}

/* Number of messages that fit. */
static uint64_t fill(const struct ends_channel *mine, uint64_t most)
{
    unsigned char *message = mine->buffer;
    uint64_t sent = 0;
    while (sent < most && send(mine->ends[SENDING], message, mine->channel.plan->size, MSG_DONTWAIT) >= 0)
        sent++;
    for (uint64_t i = 0; i < sent; i++)
        (void)recv(mine->ends[RECEIVING], message, mine->channel.plan->size, MSG_DONTWAIT);
    return sent;
}

/* The kernel's accounting per message is not documented, so the bound is found by trial. */
static int bound(const struct ends_channel *mine)
{
    const uint64_t wanted = plan_messages(mine->channel.plan);
    for (int bytes = 1024; bytes <= LARGEST_BUFFER; bytes += 256) {
        const int error = set_buffer(mine->ends[SENDING], bytes);
        if (error != 0 || fill(mine, wanted + 1) >= wanted)
            return error;
    }
    return -ENOBUFS;
}

static int prepare(struct channel *channel)
{
    struct ends_channel *mine = ends_of(channel);
    static unsigned char buffer[2 << 20];
    mine->buffer = buffer;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mine->ends) != 0)
        return -errno;
    if (channel->plan->bounded)
        return bound(mine);
    const int error = set_buffer(mine->ends[SENDING], LARGEST_BUFFER / 2);
    if (error == 0 && fill(mine, 1) == 0)
        return bench_cannot("a message of this size exceeds what a socket may send here (net.core.wmem_max)");
    return error;
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    const int fd = ends_of(channel)->ends[SENDING];
    for (uint64_t i = 0; i < count; i++)
        if (send(fd, source_take(source), source->size, 0) < 0)
            return -errno;
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct ends_channel *mine = ends_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        const ssize_t got = recv(mine->ends[RECEIVING], mine->buffer, checker->size, 0);
        if (got <= 0)
            return got < 0 ? -errno : -EPIPE;
        checker_take(checker, mine->buffer, (size_t)got);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "seqpacket",
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
