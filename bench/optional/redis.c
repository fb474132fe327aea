/* SPDX-License-Identifier: MIT */

/*
 * A Redis list: RPUSH in pipelines, BLPOP to wait and LPOP to take several, over a Unix socket, with its own
 * server that stores nothing on disk. A list has no bound, so a producer that finds it too long waits a moment.
 */

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/harness.h"

#define TAKEN_AT_ONCE 128u
#define WAIT_NS 50000
#define START_NS INT64_C(10000000000)

struct redis_channel {
    struct channel channel;
    char socket[256];
    char list[16];
    redisContext *connection;
};

static pid_t server;

static inline struct redis_channel *mine_of(struct channel *channel)
{
    return (struct redis_channel *)channel;
}

static void become_server(const char *folder, const char *path)
{
    const int nowhere = open("/dev/null", O_RDWR);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        _exit(1);
    (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly",
                 "no", "--dir", folder, "--loglevel", "warning", (char *)NULL);
    _exit(127);
}

/* Waits until the server answers. */
static int await_server(const char *path)
{
    const int64_t end = bench_now_ns() + START_NS;
    for (;;) {
        redisContext *connection = redisConnectUnix(path);
        const bool answers = connection != NULL && connection->err == 0;
        if (connection != NULL)
            redisFree(connection);
        if (answers)
            return 0;
        if (waitpid(server, NULL, WNOHANG) != 0) {
            server = 0;
            return bench_cannot("redis-server does not start (is it installed?)");
        }
        if (bench_now_ns() > end)
            return -ETIMEDOUT;
        bench_sleep_ns(2000000);
    }
}

static int prepare(struct channel *channel)
{
    struct redis_channel *mine = mine_of(channel);
    const char *folder = bench_folder();
    if (folder == NULL)
        return -errno;
    (void)snprintf(mine->socket, sizeof(mine->socket), "%s/socket", folder);
    (void)snprintf(mine->list, sizeof(mine->list), "list%u", channel->index);
    if (server != 0)
        return 0;
    server = fork();
    if (server == 0)
        become_server(folder, mine->socket);
    return server > 0 ? await_server(mine->socket) : -errno;
}

static void clean_up(struct channel *channel)
{
    (void)channel;
    if (server <= 0)
        return;
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    server = 0;
}

static int open_either(struct channel *channel, unsigned number)
{
    struct redis_channel *mine = mine_of(channel);
    (void)number;
    mine->connection = redisConnectUnix(mine->socket);
    return mine->connection != NULL && mine->connection->err == 0 ? 0 : -ECONNREFUSED;
}

static void close_either(struct channel *channel)
{
    redisFree(mine_of(channel)->connection);
}

/* Returns the number in the reply or a negative errno. */
static long long number_answered(redisContext *connection)
{
    redisReply *reply;
    if (redisGetReply(connection, (void **)&reply) != REDIS_OK)
        return -EIO;
    const long long number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -EPROTO;
    freeReplyObject(reply);
    return number;
}

static long long ask_length(const struct redis_channel *mine)
{
    (void)redisAppendCommand(mine->connection, "LLEN %s", mine->list);
    return number_answered(mine->connection);
}

static int send_pipeline(const struct redis_channel *mine, const struct iovec *messages, uint32_t count)
{
    const long long most = (long long)plan_messages(mine->channel.plan);
    long long length = 0;
    for (uint32_t i = 0; i < count; i++)
        if (redisAppendCommand(mine->connection, "RPUSH %s %b", mine->list, messages[i].iov_base,
                               messages[i].iov_len) != REDIS_OK)
            return -EIO;
    for (uint32_t i = 0; length >= 0 && i < count; i++)
        length = number_answered(mine->connection);
    while (length > most) {
        bench_sleep_ns(WAIT_NS);
        length = ask_length(mine);
    }
    return length < 0 ? (int)length : 0;
}

static int send_all(struct channel *channel, struct source *source, uint64_t count)
{
    int error = 0;
    while (error == 0 && count > 0) {
        const struct iovec *messages;
        const uint32_t taken = source_take_many(source, count, &messages);
        error = send_pipeline(mine_of(channel), messages, taken);
        count -= taken;
    }
    return error;
}

/* Returns how many messages there were, 0 if the caller has to wait, or a negative errno. */
static int take_reply(redisReply *reply, struct checker *checker, bool with_key)
{
    const size_t first = with_key ? 1 : 0;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        return -EIO;
    if (reply->type != REDIS_REPLY_ARRAY)
        return 0;
    for (size_t i = first; i < reply->elements; i++)
        checker_take(checker, reply->element[i]->str, reply->element[i]->len);
    return (int)(reply->elements - first);
}

static int receive_some(const struct redis_channel *mine, struct checker *checker, uint64_t most)
{
    const uint64_t asked = most < TAKEN_AT_ONCE ? most : TAKEN_AT_ONCE;
    redisReply *reply = NULL;
    int got = 0;
    if (most > 1) {
        reply = redisCommand(mine->connection, "LPOP %s %llu", mine->list, (unsigned long long)asked);
        got = take_reply(reply, checker, false);
        freeReplyObject(reply);
    }
    if (got == 0) {
        reply = redisCommand(mine->connection, "BLPOP %s 0", mine->list);
        got = take_reply(reply, checker, true);
        freeReplyObject(reply);
    }
    return got;
}

static int receive_all(struct channel *channel, struct checker *checker, uint64_t count)
{
    while (count > 0) {
        const int got = receive_some(mine_of(channel), checker, count);
        if (got < 0)
            return got;
        count -= (uint64_t)got;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "redis",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .unbounded = true,
        .channel_bytes = sizeof(struct redis_channel),
        .prepare = prepare,
        .open_sender = open_either,
        .open_receiver = open_either,
        .send = send_all,
        .receive = receive_all,
        .close_sender = close_either,
        .close_receiver = close_either,
        .clean_up = clean_up,
    };
    return bench_run(argc, argv, &contender);
}
