/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_TAIL_H
#define CONSUMER_TAIL_H

#include <sys/stat.h>

#include "consumer/framing.h"

/*
 * The end of a file that consumers append to. One that is killed while it writes leaves a message cut off, which
 * will be delivered again: the next one that writes keeps it from running into what it writes itself.
 */

/* Opens @path, which is @file, for tail_mend; -1 where it may not be read, and cut messages have to stay. */
int tail_open(const char *path, const struct stat *file);

/* Whose the end of a file may be, where no delimiter ends it. */
enum tail_owner {
    TAIL_CONSUMERS, /* a consumer wrote it */
    TAIL_ANYBODY,   /* only what a message begins with is known to be a consumer's */
};

/*
 * Ends what the file ends with, if no delimiter does: takes it back where one of the messages begins with it and
 * was delivered before, and else gives it a line of its own, unless it may be somebody else's.
 *
 * @fd       the file, to append to, locked; @tail_fd reads it, or is -1
 * @size     bytes of the file; receives what it is then
 *
 * Return: 0 or a negative errno.
 */
int tail_mend(int fd, int tail_fd, off_t *size, enum tail_owner owner, const struct framing *framing,
              const struct shmq_message *messages, size_t count);

/*
 * Takes back what stands behind the last delimiter: for a file that the caller has seen end with one at @ended, so
 * that whoever wrote the rest was killed, and its message is delivered again.
 * The other parameters and Return: as tail_mend.
 */
int tail_cut(int fd, int tail_fd, off_t *size, off_t ended, const struct framing *framing);

/* @size if the file ends there with a delimiter, or is empty; -1 if not. */
off_t tail_ended(int tail_fd, off_t size, const struct framing *framing);

#endif
