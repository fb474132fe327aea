/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_LANE_FILE_H
#define CONSUMER_LANE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The file that mirrors a lane: each byte of the lane's stream stands in it at the offset that it has there. Any
 * number of consumers write it at once, since none writes what another has in hand.
 *
 * Locks (open file description locks, far behind all content, which die with whoever holds them):
 *   the turn             shared by those that write, alone for whoever cuts the file to the stream's length
 *   a byte for a stream  shared by all that have the file open for this stream; any other such byte that is locked
 *                        belongs to somebody who writes another stream into the file
 */

struct lane_file {
    char *path; /* NULL: not open */
    int fd;
    bool lockable; /* false on a file system without locks */
    dev_t device;
    ino_t inode;
    uint64_t end; /* of what was written to it by us, as far as that was found there; 0: nothing */
};

enum lane_file_turn {
    TURN_WRITE, /* waits for its turn */
    TURN_CUT,   /* -EAGAIN if somebody writes */
};

/*
 * Says early whether lane_file_open could work. Changes nothing.
 *
 * Return: as lane_file_open.
 */
int lane_file_check(const char *path);
/*
 * Opens @path, making it where it is missing.
 *
 * @stream  which stream is to be written; any number that other streams do not have
 *
 * Return: 0; -ESPIPE if it is no regular file; -EBUSY if another stream is written to it; -EINTR when an orderly
 * end was asked for; what the system said.
 */
int lane_file_open(struct lane_file *file, const char *path, uint64_t stream);
/* Return: 0; -EINTR when an orderly end was asked for; -EAGAIN. */
int lane_file_begin_turn(const struct lane_file *file, enum lane_file_turn turn);
void lane_file_end_turn(const struct lane_file *file);
/*
 * Whether what was written is where its reader will look for it.
 *
 * @end  where what was written last ends; 0: nothing new
 *
 * Return: 0; -ESTALE if its name now means another file or none, or it was cut short; what the system said.
 */
int lane_file_verify(struct lane_file *file, uint64_t end);
/* Return: 0; what the system said, which on some file systems is only now that something was not written. */
int lane_file_close(struct lane_file *file);

#endif
