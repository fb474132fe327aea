/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/append_file.h"
#include "consumer/batch.h"
#include "consumer/record_lock.h"

/*
 * stdout and --output. Consumers that share a file or a pipe take turns; append_file.c handles regular files.
 *
 * Writes of up to PIPE_BUF bytes to a pipe are atomic. So if other consumers write to the pipe too, messages that
 * fit are written in pieces of at most PIPE_BUF bytes under a lock on the writer's own byte. That lock excludes
 * only writers of longer messages, which lock all turn bytes. A consumer stopped in such a write therefore does
 * not block others that write short messages. A consumer that has the pipe to itself uses larger writes, which
 * cost less.
 */

static const struct record_range all_presences = {RECORD_LOCK_PRESENCE, 0};

struct output_sink {
    struct sink base;
    const char *name;
    int fd;
    bool is_file; /* a regular file */
    bool is_pipe;
    bool hangs_up; /* poll reports when its reader has closed it */
    struct append_file file;
    struct batch_writer *writer;
};

static enum sink_result report(const struct output_sink *output, int error, const struct shmq_message *message)
{
    char id[SHMQ_ID_SIZE];

    switch (error) {
    case -EINTR:
        return SINK_STOPPED;
    case -EPIPE:
        say_error("%s: its reader has ended (messages not written stay in the queue)", output->name);
        return SINK_FAILED;
    case -EMSGSIZE:
        shmq_message_id(output->base.handle, message, id);
        say_error("%s: message %s of %zu bytes does not fit into --length-prefixed (it stays in the queue)",
                  output->name, id, message->length);
        return SINK_FAILED;
    default:
        say_error("%s: cannot be written: %s (messages not written stay in the queue)", output->name,
                  strerror(-error));
        return SINK_FAILED;
    }
}

static enum sink_result result_of(const struct output_sink *output, enum append_result result,
                                  const struct shmq_message *next)
{
    switch (result) {
    case APPEND_STOPPED:
        return SINK_STOPPED;
    case APPEND_FAILED:
        return SINK_FAILED;
    case APPEND_TOO_LONG:
        return report(output, -EMSGSIZE, next);
    case APPEND_DAMAGED:
        return SINK_DAMAGED;
    case APPEND_OK:
        break;
    }
    return SINK_OK;
}

static bool are_short(const struct output_sink *output, const struct shmq_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (framing_size(&output->base.options->framing, &messages[i]) > PIPE_BUF)
            return false;
    }
    return true;
}

static int write_pipe(const struct output_sink *output, const struct shmq_message *messages, size_t count,
                      size_t *done)
{
    const bool pieces = record_lock_is_held(output->fd, all_presences) && are_short(output, messages, count);
    const struct record_range range = pieces ? (struct record_range){getpid(), 1} : record_lock_pipe_turns;
    const int locked = record_lock_take(output->fd, range);
    int result;

    *done = 0;
    if (locked == -EINTR)
        return locked;
    batch_writer_limit(output->writer, pieces ? PIPE_BUF : 0);
    result = batch_write(output->writer, messages, count, done);
    if (locked == 0)
        record_lock_drop(output->fd, range);
    return result;
}

static enum sink_result output_deliver(struct sink *sink, const struct shmq_message *messages, size_t count,
                                       size_t *done)
{
    struct output_sink *output = (struct output_sink *)sink;
    enum append_result appended;
    int result;

    if (output->is_file) {
        output->file.handle = sink->handle;
        appended = append_file_write(&output->file, messages, count, done);
        return result_of(output, appended, messages + *done);
    }
    if (output->is_pipe)
        result = write_pipe(output, messages, count, done);
    else
        result = batch_write(output->writer, messages, count, done);
    if (result == 0)
        return SINK_OK;
    /* Nobody read what was in the pipe when its reader closed it. */
    if (result == -EPIPE)
        *done = 0;
    return report(output, result, &messages[*done]); /* what was written whole is not all */
}

static void output_acknowledged(struct sink *sink)
{
    struct output_sink *output = (struct output_sink *)sink;

    if (output->is_file)
        append_file_end_turn(&output->file);
}

static enum sink_result output_verify(struct sink *sink)
{
    struct output_sink *output = (struct output_sink *)sink;

    if (!output->is_file)
        return SINK_OK;
    output->file.handle = sink->handle;
    return append_file_verify(&output->file) == APPEND_OK ? SINK_OK : SINK_FAILED;
}

static enum sink_result output_check(struct sink *sink)
{
    struct output_sink *output = (struct output_sink *)sink;
    struct pollfd state = {.fd = output->fd};

    if (output->hangs_up && poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)))
        return report(output, -EPIPE, NULL);
    return output_verify(sink);
}

static enum sink_result output_close(struct sink *sink)
{
    struct output_sink *output = (struct output_sink *)sink;
    enum sink_result result = SINK_OK;

    if (output->is_file)
        append_file_close(&output->file);
    /* Some file systems report a full disk only at close. */
    if (output->fd >= 0 && close(output->fd) < 0 && errno != EINTR) {
        say_error("%s: cannot be closed: %s (the last messages may be missing in it)", output->name,
                  strerror(errno));
        result = SINK_FAILED;
    }
    batch_writer_destroy(output->writer);
    free(output);
    return result;
}

static const struct sink_operations output_operations = {
    .deliver = output_deliver,
    .acknowledged = output_acknowledged,
    .check = output_check,
    .verify = output_verify,
    .close = output_close,
};

static int open_file(struct output_sink *output, const char *path)
{
    do {
        output->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    } while (output->fd < 0 && errno == EINTR && !stop_requested);
    return output->fd < 0 ? -errno : 0;
}

/* say_init replaces a closed stdout with a read-only descriptor. */
static int use_stdout(struct output_sink *output)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    output->fd = STDOUT_FILENO;
    return 0;
}

static int open_output(struct output_sink *output)
{
    const struct consumer_options *options = output->base.options;
    bool file = options->sink == SINK_OUTPUT;
    struct stat status;
    int result = file ? open_file(output, options->target) : use_stdout(output);

    if (result < 0)
        return result;
    if (fstat(output->fd, &status) < 0)
        return -errno;
    output->is_file = S_ISREG(status.st_mode);
    output->is_pipe = S_ISFIFO(status.st_mode);
    output->hangs_up = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    if (output->is_pipe)
        (void)record_lock_try(output->fd, (struct record_range){RECORD_LOCK_PRESENCE + getpid(), 1});
    output->writer = batch_writer_create(output->fd, &options->framing);
    if (!output->writer)
        return -ENOMEM;
    if (output->is_file)
        append_file_init(&output->file, output->fd, file ? options->target : NULL, &status, output->writer);
    return 0;
}

struct sink *sink_output_open(const struct consumer_options *options, struct totals *totals)
{
    struct output_sink *output = calloc(1, sizeof(*output));
    int result;

    if (!output) {
        say_error("memory: %s", strerror(ENOMEM));
        return NULL;
    }
    output->base = (struct sink){.operations = &output_operations, .options = options, .totals = totals};
    output->name = options->sink == SINK_OUTPUT ? options->target : "stdout";
    output->fd = -1;
    result = open_output(output);
    if (result == 0)
        return &output->base;
    if (result != -EINTR)
        say_error("%s: cannot be opened for writing: %s", output->name, strerror(-result));
    output_close(&output->base);
    return NULL;
}
