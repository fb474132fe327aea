/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_JOB_LOG_H
#define CONSUMER_JOB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/attempt_record.h"

/*
 * A log of attempts, in the form of GNU parallel's --joblog with the columns Attempt and Id at the end. Any number
 * of consumers, of any queues, may write to one log: each line is one write under an exclusive lock of the open
 * file description, so threads exclude each other, too. Seq numbers the lines of the file.
 *
 * What a killed writer left of a line is removed before the next line is written. If the log is renamed or
 * removed, a new one is begun.
 */

struct job_log {
    const char *path;
    int fd;
    bool is_file;      /* a regular file */
    int64_t grace_ns;  /* how long to wait on for other writers after a request to stop */
    uint64_t sequence; /* of the last line written, if it is not */
    char *line;
    size_t room;
};

/*
 * Opens a log, or makes one. Writes the header to an empty one. There is no grace yet.
 *
 * Return: 0; -EBADMSG: the file is something else; -EINTR: the grace after a request to stop is over, and another
 *         process has the lock; the error of a system call.
 */
int job_log_open(struct job_log *log, const char *path);
/*
 * Adds a line.
 *
 * Return: 0; otherwise the log is as it was: as job_log_open; -ENOMEM.
 */
int job_log_add(struct job_log *log, const struct attempt_record *record);
void job_log_close(struct job_log *log);

#endif
