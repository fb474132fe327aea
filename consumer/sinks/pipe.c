/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/cli/say.h"
#include "consumer/batch.h"
#include "consumer/command.h"
#include "consumer/deadline.h"

/* --pipe: one command that reads all messages. If the consumer dies, the command sees end-of-file on its stdin. */

/* How long a command that has closed its stdin may take to exit, so that its status can be reported. */
#define EXIT_WAIT_NS INT64_C(1000000000)
/* Longest pause between checks whether it has begun to read. */
#define FIRST_READ_MS 32

struct pipe_sink {
    struct sink base;
    struct command command;
    bool running;
    bool has_read;    /* the command has read something */
    uint64_t written; /* bytes written to the pipe before has_read is set */
    struct batch_writer *writer;
};

/* Waits for the command to end, which may take long (it may be sorting). False if the deadline passes first. */
static bool wait_for_end(struct pipe_sink *sink, int64_t deadline_ns)
{
    while (!command_has_ended(&sink->command)) {
        struct pollfd watch = {.fd = sink->command.pidfd, .events = POLLIN};

        if (stop_now_ns() >= deadline_ns)
            return false;
        poll(&watch, 1, sink->command.pidfd >= 0 ? POLL_MS : POLL_WITHOUT_PIDFD_MS);
        totals_tick(sink->base.totals);
    }
    return true;
}

/* The command has ended, is ending, or has closed its stdin. */
static enum sink_result report_end(struct pipe_sink *sink)
{
    char status[80] = "it has closed its stdin";

    sink->running = false;
    command_end_input(&sink->command);
    if (wait_for_end(sink, deadline_after(EXIT_WAIT_NS)))
        command_describe(command_reap(&sink->command), status, sizeof(status));
    if (sink->has_read)
        say_error("--pipe: the command stopped reading: %s (messages not written stay in the queue)", status);
    else
        say_error("--pipe: the command has read nothing: %s (all messages stay in the queue)", status);
    return SINK_FAILED;
}

/* Everything that was written is still in the pipe. */
static bool is_untouched(const struct pipe_sink *sink)
{
    int unread = 0;

    return ioctl(sink->command.input, FIONREAD, &unread) == 0 && (uint64_t)unread >= sink->written;
}

/*
 * Until the command has read something, it may be one that never will ("exec awkk"); messages that are only in the
 * pipe would then be acknowledged and lost. A stop request does not end this wait: the command might read the
 * messages later, and they would be delivered twice.
 */
static enum sink_result await_first_read(struct pipe_sink *sink)
{
    struct pollfd events[] = {
        {.fd = sink->command.pidfd, .events = POLLIN},
        {.fd = sink->command.input}, /* POLLERR: the pipe has no reader */
    };
    int pause_ms = 1;

    while (sink->written > 0 && !sink->has_read) {
        /* Checked before is_untouched, so that what it read before it ended is seen. */
        bool ended = (events[1].revents & POLLERR) != 0 || command_has_ended(&sink->command);

        sink->has_read = !is_untouched(sink);
        if (sink->has_read)
            break;
        if (ended)
            return report_end(sink);
        poll(events, 2, pause_ms);
        pause_ms = pause_ms < FIRST_READ_MS / 2 ? pause_ms * 2 : FIRST_READ_MS;
        totals_tick(sink->base.totals);
    }
    return SINK_OK;
}

/* Called until the command is known to have read something. */
static enum sink_result count_written(struct pipe_sink *sink, const struct shmq_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sink->written += framing_size(&sink->base.options->framing, &messages[i]);
    return await_first_read(sink);
}

static enum sink_result pipe_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                     size_t *done)
{
    struct pipe_sink *sink = (struct pipe_sink *)base;
    int result = batch_write(sink->writer, messages, count, done);
    bool written = result == 0 || result == -EINTR || result == -EMSGSIZE;

    if (!sink->has_read && written && count_written(sink, messages, *done) != SINK_OK) {
        *done = 0;
        return SINK_FAILED;
    }
    if (result == 0)
        return SINK_OK;
    if (result == -EINTR)
        return SINK_STOPPED;
    if (result == -EMSGSIZE) {
        say_error("--pipe: a message of %zu bytes does not fit into --length-prefixed (it stays in the queue)",
                  messages[*done].length);
        return SINK_FAILED;
    }
    /* Nobody read what was in the pipe when its reader closed it. */
    *done = 0;
    if (result == -EPIPE)
        return report_end(sink);
    say_error("--pipe: cannot write to the command: %s (messages not written stay in the queue)",
              strerror(-result));
    return SINK_FAILED;
}

static enum sink_result pipe_check(struct sink *base)
{
    struct pipe_sink *sink = (struct pipe_sink *)base;

    return command_has_ended(&sink->command) ? report_end(sink) : SINK_OK;
}

static enum sink_result pipe_close(struct sink *base)
{
    struct pipe_sink *sink = (struct pipe_sink *)base;
    enum sink_result result = SINK_OK;
    char text[80];
    int status;

    if (sink->running) {
        command_end_input(&sink->command);
        wait_for_end(sink, INT64_MAX);
        status = command_reap(&sink->command);
        if (status != 0) {
            command_describe(status, text, sizeof(text));
            say_error("--pipe: the command failed: %s (it was given all acknowledged messages)", text);
            result = SINK_FAILED;
        }
    }
    batch_writer_destroy(sink->writer);
    free(sink);
    return result;
}

static const struct sink_operations pipe_operations = {
    .deliver = pipe_deliver,
    .check = pipe_check,
    .close = pipe_close,
};

static int start(struct pipe_sink *sink)
{
    const struct consumer_options *options = sink->base.options;
    const char *words[COMMAND_SHELL_WORDS];
    struct command_call call = command_shell(options->target, words);
    int result;

    if (setenv("SHMQ_QUEUE", options->common.queue, 1) < 0)
        return -errno;
    result = command_start(&sink->command, &call, NULL);
    if (result < 0)
        return result;
    sink->running = true;
    sink->writer = batch_writer_create(sink->command.input, &options->framing);
    return sink->writer ? 0 : -ENOMEM;
}

struct sink *sink_pipe_open(const struct consumer_options *options, struct totals *totals)
{
    struct pipe_sink *sink = calloc(1, sizeof(*sink));
    int result = -ENOMEM;

    if (sink) {
        sink->base = (struct sink){.operations = &pipe_operations, .options = options, .totals = totals};
        result = start(sink);
        if (result == 0)
            return &sink->base;
        pipe_close(&sink->base);
    }
    say_error("--pipe: cannot start the command: %s", strerror(-result));
    return NULL;
}
