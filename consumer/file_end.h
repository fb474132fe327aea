/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_FILE_END_H
#define CONSUMER_FILE_END_H

#include <stdbool.h>
#include <sys/types.h>

#include "consumer/framing.h"

/* The end of a file that messages are appended to, and taking bytes off it. */

/* A descriptor that reads what @fd writes, or else @path if it is that file; -1 where it may not be read. */
int file_end_open(int fd, const char *path);

/* Whether what is written to the file now stands at its end, which is at @size. */
bool file_end_is_next(int fd, off_t size);

/* Whether the @length bytes from @offset on are what the messages, framed, begin with. */
bool file_end_matches(int read_fd, off_t offset, uint64_t length, const struct framing *framing,
                      const struct shmq_message *messages, size_t count);

/*
 * Cuts the file from @size to @end, unless it has grown meanwhile; what is written next stands there, also by
 * others that share the description.
 *
 * Return: 0; -EAGAIN if it has grown; what the system said.
 */
int file_end_cut(int fd, off_t size, off_t end);

#endif
