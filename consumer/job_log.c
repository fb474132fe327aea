/* SPDX-License-Identifier: MIT */
#include "consumer/job_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "consumer/deadline.h"

static const char theirs[] = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand";
static const char header[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\tAttempt\tId\n";

#define THEIRS_BYTES (sizeof(theirs) - 1)
#define HEADER_BYTES (sizeof(header) - 1)
/* Read at a time, backwards from the end. */
#define TAIL_BYTES 4096
/* How often a log that is renamed just then is opened again. */
#define REOPENINGS_MAX 100
/* Pauses between two looks at a lock that another writer has. */
#define PAUSE_MIN_NS 20000L
#define PAUSE_MAX_NS 1000000L

/* ------------------------------------------------------------------ the file */

static int open_path(struct job_log *log)
{
    struct stat status;

    do {
        log->fd = open(log->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    } while (log->fd < 0 && errno == EINTR);
    if (log->fd < 0 || fstat(log->fd, &status) < 0)
        return -errno;
    log->is_file = S_ISREG(status.st_mode);
    return 0;
}

static void close_file(struct job_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

/*
 * A thread that waits in the kernel would not see a request to stop, and another writer may be stopped. A file
 * system may have no such locks: lines are single writes at the end of the file in any case.
 */
static int lock(const struct job_log *log)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    long pause_ns = PAUSE_MIN_NS;

    while (fcntl(log->fd, F_OFD_SETLK, &all) < 0 && (errno == EAGAIN || errno == EACCES)) {
        if (grace_is_over(log->grace_ns))
            return -EINTR;
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        pause_ns = pause_ns < PAUSE_MAX_NS / 2 ? pause_ns * 2 : PAUSE_MAX_NS;
    }
    return 0;
}

static void unlock(const struct job_log *log)
{
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    (void)fcntl(log->fd, F_OFD_SETLK, &all);
}

static bool is_at_path(const struct job_log *log)
{
    struct stat open_file;
    struct stat named;

    return fstat(log->fd, &open_file) == 0 && stat(log->path, &named) == 0 && open_file.st_dev == named.st_dev &&
           open_file.st_ino == named.st_ino;
}

/* Locks the file that has the path now. */
static int take(struct job_log *log)
{
    for (int i = 0; i < REOPENINGS_MAX; i++) {
        int error = log->fd < 0 ? open_path(log) : 0;

        if (error == 0)
            error = lock(log);
        if (error < 0)
            return error;
        if (!log->is_file || is_at_path(log))
            return 0;
        close_file(log);
    }
    return -ESTALE;
}

/* ------------------------------------------------------------------ what it holds */

/* Bytes at @offset; negative: an error. */
static ssize_t read_at(const struct job_log *log, char *to, size_t length, off_t offset)
{
    ssize_t bytes;

    do {
        bytes = pread(log->fd, to, length, offset);
    } while (bytes < 0 && errno == EINTR);
    return bytes < 0 ? -errno : bytes;
}

/* Finds where the line begins that ends before @end: after the newline before. Return: 0; a negative errno. */
static int find_line(const struct job_log *log, off_t end, off_t *begin)
{
    char tail[TAIL_BYTES];

    while (end > 0) {
        const size_t length = end < TAIL_BYTES ? (size_t)end : TAIL_BYTES;
        const ssize_t bytes = read_at(log, tail, length, end - (off_t)length);
        const char *newline;

        if (bytes < 0 || (size_t)bytes != length)
            return bytes < 0 ? (int)bytes : -EIO;
        newline = memrchr(tail, '\n', length);
        if (newline) {
            *begin = end - (off_t)length + (newline - tail) + 1;
            return 0;
        }
        end -= (off_t)length;
    }
    *begin = 0;
    return 0;
}

/* Whether it is a job log; also one of which only part of the header was written. */
static int check_header(const struct job_log *log, off_t size)
{
    char begin[HEADER_BYTES];
    const ssize_t bytes = read_at(log, begin, sizeof(begin), 0);

    if (bytes < 0)
        return (int)bytes;
    if ((size_t)bytes > THEIRS_BYTES && memcmp(begin, theirs, THEIRS_BYTES) == 0)
        return 0;
    return bytes == size && memcmp(begin, header, (size_t)bytes) == 0 ? 0 : -EBADMSG;
}

/* Reads the number of the last line, which ends before @end. */
static int read_sequence(struct job_log *log, off_t end)
{
    char digits[24] = "";
    off_t begin = 0;
    ssize_t bytes;
    int error = find_line(log, end - 1, &begin);

    if (error < 0)
        return error;
    bytes = read_at(log, digits, sizeof(digits) - 1, begin);
    log->sequence = bytes > 0 ? strtoull(digits, NULL, 10) : 0; /* of the header: 0 */
    return bytes < 0 ? (int)bytes : 0;
}

/*
 * Checks the file, and removes an incomplete last line. @size receives its bytes, all in whole lines.
 */
static int examine(struct job_log *log, off_t *size)
{
    struct stat status;
    off_t whole = 0;
    int error;

    *size = 0;
    if (!log->is_file)
        return 0;
    if (fstat(log->fd, &status) < 0)
        return -errno;
    error = check_header(log, status.st_size);
    if (error == 0)
        error = find_line(log, status.st_size, &whole);
    if (error == 0 && whole < status.st_size && ftruncate(log->fd, whole) < 0)
        error = -errno;
    if (error < 0)
        return error;
    *size = whole;
    log->sequence = 0;
    return whole > 0 ? read_sequence(log, whole) : 0;
}

/* Appends in one write. If it fails, the file is as before. */
static int append(const struct job_log *log, const char *text, size_t length, off_t size)
{
    ssize_t bytes;
    int error;

    do {
        bytes = write(log->fd, text, length);
    } while (bytes < 0 && errno == EINTR);
    if (bytes == (ssize_t)length)
        return 0;
    error = bytes < 0 ? -errno : -ENOSPC;
    if (bytes > 0 && log->is_file && ftruncate(log->fd, size) < 0)
        error = -errno; /* whoever writes next removes the part */
    return error;
}

/* ------------------------------------------------------------------ lines */

int job_log_open(struct job_log *log, const char *path)
{
    off_t size = 0;
    int error;

    *log = (struct job_log){.path = path, .fd = -1};
    error = take(log);
    if (error == 0) {
        error = examine(log, &size);
        if (error == 0 && size == 0)
            error = append(log, header, HEADER_BYTES, 0);
        unlock(log);
    }
    if (error < 0)
        job_log_close(log);
    return error;
}

static int compose(struct job_log *log, const struct attempt_record *record, size_t *length)
{
    char start[ATTEMPT_RECORD_TIME_BYTES];
    char runtime[ATTEMPT_RECORD_TIME_BYTES];
    const size_t bytes = strlen(record->command) + strlen(record->id) + 256;
    int written;

    if (bytes > log->room) {
        char *line = realloc(log->line, bytes);

        if (!line)
            return -ENOMEM;
        log->line = line;
        log->room = bytes;
    }
    written = snprintf(log->line, log->room, "%llu\t:\t%s\t%10s\t%llu\t%llu\t%d\t%d\t%s\t%u\t%s\n",
                       (unsigned long long)log->sequence + 1, attempt_record_seconds(start, record->start_ns),
                       attempt_record_seconds(runtime, record->runtime_ns), (unsigned long long)record->sent,
                       (unsigned long long)record->received, attempt_record_exit_value(record),
                       attempt_record_signal(record), record->command, record->attempt, record->id);
    *length = (size_t)written;
    return 0;
}

int job_log_add(struct job_log *log, const struct attempt_record *record)
{
    size_t length = 0;
    off_t size = 0;
    int error = take(log);

    if (error < 0)
        return error;
    error = examine(log, &size);
    if (error == 0 && size == 0 && log->is_file) {
        error = append(log, header, HEADER_BYTES, 0);
        size = error == 0 ? (off_t)HEADER_BYTES : 0;
    }
    if (error == 0)
        error = compose(log, record, &length);
    if (error == 0)
        error = append(log, log->line, length, size);
    if (error == 0)
        log->sequence++;
    unlock(log);
    return error;
}

void job_log_close(struct job_log *log)
{
    close_file(log);
    free(log->line);
    *log = (struct job_log){.fd = -1};
}
