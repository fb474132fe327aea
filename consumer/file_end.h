/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_FILE_END_H
#define CONSUMER_FILE_END_H

#include <stdbool.h>
#include <sys/types.h>

#include "consumer/framing.h"

/* Comparing and truncating the end of a file that messages are appended to. */

/* Opens the file behind @fd for reading, by way of /proc or @path; returns -1 if that is not permitted. */
int file_end_open(int fd, const char *path);

/* Whether the next write to @fd goes to the end of the file, which is at @size. */
bool file_end_is_next(int fd, off_t size);

/* Whether the @length bytes from @offset on equal the beginning of the framed messages. */
bool file_end_matches(int read_fd, off_t offset, uint64_t length, const struct framing *framing,
                      const struct shmq_message *messages, size_t count);

/*
 * Truncates the file from @size to @end, unless its size has changed, and sets the offset of its description
 * there.
 *
 * Return: 0; -EAGAIN if its size is not @size; the error of the system call.
 */
int file_end_cut(int fd, off_t size, off_t end);

#endif
