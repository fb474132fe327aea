/* SPDX-License-Identifier: MIT */
#include "consumer/append_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "consumer/file_end.h"
#include "consumer/record_lock.h"

void append_file_init(struct append_file *file, int fd, const char *path, const struct stat *status,
                      struct batch_writer *writer)
{
    *file = (struct append_file){
        .name = path ? path : "stdout",
        .path = path,
        .fd = fd,
        .read_fd = -1,
        .lockable = true,
        .named = status->st_nlink > 0,
        .device = status->st_dev,
        .inode = status->st_ino,
        .writer = writer,
    };
}

void append_file_close(struct append_file *file)
{
    if (file->read_fd >= 0)
        close(file->read_fd);
    file->read_fd = -1;
}

/* ------------------------------------------------------------------ checking the file */

static enum append_result report_system(const struct append_file *file, const char *what, int error)
{
    say_error("%s: %s: %s (messages not written stay in the queue)", file->name, what, strerror(error));
    return APPEND_FAILED;
}

/* Whether this consumer or an earlier one may have written a message of the queue to the file. */
static bool was_used(const struct append_file *file)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;

    return file->end > 0 || shmq_stat(file->handle, &stat) < 0 || stat.put_messages > stat.messages;
}

static enum append_result report_lost(const struct append_file *file, const char *what)
{
    if (!was_used(file)) {
        say_error("%s: %s before anything was written to it (start the consumer again)", file->name, what);
        return APPEND_FAILED;
    }
    (void)shmq_report_loss(file->handle);
    say_error(
        "%s: %s while in use: messages already acknowledged are not redelivered (restore the file, or start over "
        "with a new queue)",
        file->name, what);
    return APPEND_FAILED;
}

/* Checks that the path still names the file and that it has at least @end bytes; updates file->size. */
static enum append_result check_file(struct append_file *file, off_t end)
{
    struct stat status;

    if (file->path) {
        if (stat(file->path, &status) < 0)
            return errno == ENOENT || errno == ENOTDIR ? report_lost(file, "was removed or renamed")
                                                       : report_system(file, "cannot be examined", errno);
        if (status.st_dev != file->device || status.st_ino != file->inode)
            return report_lost(file, "was replaced by another file");
    }
    if (fstat(file->fd, &status) < 0)
        return errno == ESTALE ? report_lost(file, "was removed")
                               : report_system(file, "cannot be examined", errno);
    if (file->named && status.st_nlink == 0)
        return report_lost(file, "was removed");
    if (status.st_size < end)
        return report_lost(file, "was cut short");
    file->size = status.st_size;
    return APPEND_OK;
}

enum append_result append_file_verify(struct append_file *file)
{
    return file->handle ? check_file(file, file->end) : APPEND_OK;
}

/* ------------------------------------------------------------------ what a dead consumer left */

static void report_left(const struct append_file *file, uint64_t offset)
{
    say_error("%s: a dead consumer may have left part of a message at byte %llu; it is kept, because it cannot be "
              "told from what others wrote",
              file->name, (unsigned long long)offset);
}

static bool can_read(struct append_file *file)
{
    if (file->read_fd < 0)
        file->read_fd = file_end_open(file->fd, file->path);
    return file->read_fd >= 0;
}

/* Whether the bytes from the intent's offset on are exactly what its writer wrote. */
static bool matches_intent(struct append_file *file, const struct shmq_write_intent *intent,
                           const struct shmq_message *messages, size_t count)
{
    const uint64_t length = (uint64_t)file->size - intent->offset;
    struct framing framing;

    return count > 0 && length <= intent->bytes &&
           framing_of_code(intent->format, &file->writer->framing, &framing) && can_read(file) &&
           file_end_matches(file->read_fd, (off_t)intent->offset, length, &framing, messages, count);
}

/* A shmq_intent_visitor. */
static int settle(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                  size_t count)
{
    struct append_file *file = context;
    const off_t begin = (off_t)intent->offset;
    bool matches;

    if (file->size <= begin)
        return 0;
    /* The messages are acknowledged, so they were written completely. */
    if (count == 0 && (uint64_t)(file->size - begin) >= intent->bytes)
        return 0;
    matches = matches_intent(file, intent, messages, count);
    if (count > 0 && !shmq_intent_holds(file->handle))
        return -EAGAIN; /* the messages changed during the comparison */
    if (matches && file_end_cut(file->fd, file->size, begin) == 0)
        file->size = begin;
    else
        report_left(file, intent->offset);
    return 0;
}

static enum append_result settle_all(struct append_file *file)
{
    int error;

    do {
        error = shmq_visit_write_intents(file->handle, file->device, file->inode, settle, file);
    } while (error == -EAGAIN);
    if (error == -EBADMSG)
        return APPEND_DAMAGED;
    return error < 0 ? report_system(file, "what a dead consumer left in it cannot be examined", -error)
                     : APPEND_OK;
}

/* ------------------------------------------------------------------ writing */

static enum append_result begin_turn(struct append_file *file)
{
    int error = file->lockable ? record_lock_take(file->fd, record_lock_all) : 0;

    if (error == -EINTR)
        return APPEND_STOPPED;
    file->locked = file->lockable && error == 0;
    if (error < 0) {
        say_detail("%s: no record locks (%s): each message is one write, and partial messages are not removed",
                   file->name, strerror(-error));
        file->lockable = false;
        batch_writer_limit(file->writer, 1);
    }
    return APPEND_OK;
}

void append_file_end_turn(struct append_file *file)
{
    if (file->intent_set)
        (void)shmq_set_write_intent(file->handle, NULL);
    file->intent_set = false;
    if (file->locked)
        record_lock_drop(file->fd, record_lock_all);
    file->locked = false;
}

static enum append_result set_intent(struct append_file *file, const struct shmq_message *messages, size_t count)
{
    const struct shmq_write_intent intent = {
        .device = file->device,
        .inode = file->inode,
        .offset = (uint64_t)file->size,
        .bytes = batch_size(file->writer, messages, count),
        .format = framing_code(&file->writer->framing),
        .count = (uint32_t)count,
    };
    int error = intent.bytes > 0 ? shmq_set_write_intent(file->handle, &intent) : 0;

    file->intent_set = error == 0 && intent.bytes > 0;
    if (error == -EBADMSG)
        return APPEND_DAMAGED;
    return error < 0 ? report_system(file, "the next write cannot be recorded in the queue", -error) : APPEND_OK;
}

/*
 * Removes the part of a message that our own failed write left, if it is at the end of the file. Nobody else has
 * written in between if the file has grown by as many bytes as we wrote and our last write ended at its end.
 */
static void remove_own_partial(const struct append_file *file, uint64_t whole)
{
    const uint64_t written = batch_written(file->writer);
    const off_t end = lseek(file->fd, 0, SEEK_CUR);
    struct stat status;

    if (written == whole)
        return;
    if (file->intent_set && fstat(file->fd, &status) == 0 && end == status.st_size &&
        end == file->size + (off_t)written && file_end_cut(file->fd, end, file->size + (off_t)whole) == 0)
        return;
    say_error("%s: an incomplete message remains at byte %lld", file->name,
              (long long)(end - (off_t)(written - whole)));
}

static enum append_result result_of(const struct append_file *file, int error)
{
    switch (error) {
    case 0:
        return APPEND_OK;
    case -EINTR:
        return APPEND_STOPPED;
    case -EMSGSIZE:
        return APPEND_TOO_LONG;
    default:
        return report_system(file, "cannot be written", -error);
    }
}

/* Writes at the end of the file, or at the offset of its description. */
static enum append_result append(struct append_file *file, const struct shmq_message *messages, size_t count,
                                 size_t *done)
{
    enum append_result result;
    off_t end;
    int error = batch_write(file->writer, messages, count, done);

    if (error < 0)
        remove_own_partial(file, batch_size(file->writer, messages, *done));
    end = lseek(file->fd, 0, SEEK_CUR);
    if (end < file->end)
        end = file->end;
    result = check_file(file, end);
    if (result != APPEND_OK) {
        *done = 0;
        return result;
    }
    file->end = end;
    return result_of(file, error);
}

/* If the write will go to the end of the file: removes what dead consumers left there and sets the intent. */
static enum append_result prepare(struct append_file *file, const struct shmq_message *messages, size_t count)
{
    enum append_result result = check_file(file, file->end);

    if (result != APPEND_OK || !file->locked || !file_end_is_next(file->fd, file->size))
        return result;
    result = settle_all(file);
    return result == APPEND_OK ? set_intent(file, messages, count) : result;
}

enum append_result append_file_write(struct append_file *file, const struct shmq_message *messages, size_t count,
                                     size_t *done)
{
    enum append_result result = begin_turn(file);

    *done = 0;
    if (result == APPEND_OK)
        result = prepare(file, messages, count);
    return result == APPEND_OK ? append(file, messages, count, done) : result;
}
