/* SPDX-License-Identifier: MIT */

/* ZeroMQ, PUSH to PULL over ipc. Each producer binds its own address, and every consumer connects to all of them.
 */

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "bench/support/harness.h"

/* The library's own default. */
#define USUAL_MARK 1000

struct zeromq_channel {
    struct channel channel;
    char folder[256];
    void *context;
    void *socket;
};

static inline struct zeromq_channel *mine_of(struct channel *channel)
{
    return (struct zeromq_channel *)channel;
}

static int prepare(struct channel *channel)
{
    const char *folder = bench_folder();
    if (folder == NULL)
        return -errno;
    (void)snprintf(mine_of(channel)->folder, sizeof(mine_of(channel)->folder), "%s", folder);
    return 0;
}

/* Half of the capacity is on each side. */
static int set_marks(const struct zeromq_channel *mine)
{
    const uint64_t half = plan_messages(mine->channel.plan) / 2;
    const int mark = half < 1 ? 1 : half < USUAL_MARK ? (int)half : USUAL_MARK;
    const int at_once = 0, retry_ms = 1, bytes = 4096;
    int failed = zmq_setsockopt(mine->socket, ZMQ_SNDHWM, &mark, sizeof(mark));
    failed |= zmq_setsockopt(mine->socket, ZMQ_RCVHWM, &mark, sizeof(mark));
    failed |= zmq_setsockopt(mine->socket, ZMQ_LINGER, &at_once, sizeof(at_once));
    failed |= zmq_setsockopt(mine->socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms));
    if (mine->channel.plan->bounded) {
        failed |= zmq_setsockopt(mine->socket, ZMQ_SNDBUF, &bytes, sizeof(bytes));
        failed |= zmq_setsockopt(mine->socket, ZMQ_RCVBUF, &bytes, sizeof(bytes));
    }
    return failed == 0 ? 0 : -errno;
}

static int open_socket(struct zeromq_channel *mine, int type)
{
    mine->context = zmq_ctx_new();
    if (mine->context == NULL)
        return -errno;
    mine->socket = zmq_socket(mine->context, type);
    return mine->socket != NULL ? set_marks(mine) : -errno;
}

static void address_of(const struct zeromq_channel *mine, unsigned producer, char *address, size_t size)
{
    (void)snprintf(address, size, "ipc://%s/%u.%u", mine->folder, mine->channel.index, producer);
}

static int open_sender(struct channel *channel, unsigned number)
{
    struct zeromq_channel *mine = mine_of(channel);
    char address[300];
    const int error = open_socket(mine, ZMQ_PUSH);
    if (error != 0)
        return error;
    address_of(mine, number, address, sizeof(address));
    return zmq_bind(mine->socket, address) == 0 ? 0 : -errno;
}

static int open_receiver(struct channel *channel, unsigned number)
{
    struct zeromq_channel *mine = mine_of(channel);
    char address[300];
    (void)number;
    int error = open_socket(mine, ZMQ_PULL);
    for (unsigned i = 0; error == 0 && i < channel->plan->producers; i++) {
        address_of(mine, i, address, sizeof(address));
        error = zmq_connect(mine->socket, address) == 0 ? 0 : -errno;
    }
    return error;
}

static void close_socket(struct channel *channel)
{
    (void)zmq_close(mine_of(channel)->socket);
    (void)zmq_ctx_term(mine_of(channel)->context);
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    void *socket = mine_of(channel)->socket;
    for (uint64_t i = 0; i < count; i++)
        if (zmq_send(socket, source_take(source), source->size, 0) < 0)
            return -errno;
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    void *socket = mine_of(channel)->socket;
    zmq_msg_t message;
    (void)zmq_msg_init(&message);
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        if (zmq_msg_recv(&message, socket, 0) < 0)
            error = -errno;
        else
            checker_take(checker, zmq_msg_data(&message), zmq_msg_size(&message));
    }
    (void)zmq_msg_close(&message);
    return error;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "zeromq",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct zeromq_channel),
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
