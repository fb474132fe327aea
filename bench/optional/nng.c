/* SPDX-License-Identifier: MIT */

/* nng, push to pull over ipc. Each producer listens at its own address, and every consumer dials all of them. */

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>

#include "bench/support/harness.h"

/* The library's own limit. */
#define DEEPEST 8192

struct nng_channel {
    struct channel channel;
    char folder[256];
    nng_socket socket;
};

static inline struct nng_channel *mine_of(struct channel *channel)
{
    return (struct nng_channel *)channel;
}

/* nng has error numbers of its own; some are those of the system. */
static int error_of(int code)
{
    if (code == 0)
        return 0;
    (void)fprintf(stderr, "nng: %s\n", nng_strerror(code));
    return -EIO;
}

static int prepare(struct channel *channel)
{
    const char *folder = bench_folder();
    if (folder == NULL)
        return -errno;
    (void)snprintf(mine_of(channel)->folder, sizeof(mine_of(channel)->folder), "%s", folder);
    return 0;
}

static void address_of(const struct nng_channel *mine, unsigned producer, char *address, size_t size)
{
    (void)snprintf(address, size, "ipc://%s/%u.%u", mine->folder, mine->channel.index, producer);
}

/* Half of the capacity is on each side. */
static int depth(const struct channel *channel)
{
    const uint64_t half = plan_messages(channel->plan) / 2;
    return half < 1 ? 1 : half < DEEPEST ? (int)half : DEEPEST;
}

static int open_sender(struct channel *channel, unsigned number)
{
    struct nng_channel *mine = mine_of(channel);
    char address[300];
    address_of(mine, number, address, sizeof(address));
    int code = nng_push0_open(&mine->socket);
    if (code == 0)
        code = nng_socket_set_int(mine->socket, NNG_OPT_SENDBUF, depth(channel));
    if (code == 0)
        code = nng_listen(mine->socket, address, NULL, 0);
    return error_of(code);
}

static int open_receiver(struct channel *channel, unsigned number)
{
    struct nng_channel *mine = mine_of(channel);
    char address[300];
    (void)number;
    int code = nng_pull0_open(&mine->socket);
    if (code == 0)
        code = nng_socket_set_int(mine->socket, NNG_OPT_RECVBUF, depth(channel));
    if (code == 0)
        code = nng_socket_set_size(mine->socket, NNG_OPT_RECVMAXSZ, 0);
    if (code == 0)
        code = nng_socket_set_ms(mine->socket, NNG_OPT_RECONNMINT, 1);
    for (unsigned i = 0; code == 0 && i < channel->plan->producers; i++) {
        address_of(mine, i, address, sizeof(address));
        code = nng_dial(mine->socket, address, NULL, NNG_FLAG_NONBLOCK);
    }
    return error_of(code);
}

static void close_socket(struct channel *channel)
{
    (void)nng_close(mine_of(channel)->socket);
}

/* The parameter is not const, but nng only reads the data. */
static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    int code = 0;
    while (code == 0 && count > 0) {
        const struct iovec *messages;
        const uint32_t taken = source_take_many(source, count, &messages);
        for (uint32_t i = 0; code == 0 && i < taken; i++)
            code = nng_send(mine_of(channel)->socket, messages[i].iov_base, messages[i].iov_len, 0);
        count -= taken;
    }
    return error_of(code);
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    int code = 0;
    for (uint64_t i = 0; code == 0 && i < count; i++) {
        nng_msg *message;
        code = nng_recvmsg(mine_of(channel)->socket, &message, 0);
        if (code != 0)
            break;
        checker_take(checker, nng_msg_body(message), nng_msg_len(message));
        nng_msg_free(message);
    }
    return error_of(code);
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "nng",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct nng_channel),
        .prepare = prepare,
        .open_sender = open_sender,
        .open_receiver = open_receiver,
        .send = send_each,
        .receive = receive_each,
        .close_sender = close_socket,
        .close_receiver = close_socket,
    };
    return bench_run(argc, argv, &contender);
}
