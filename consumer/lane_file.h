/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_LANE_FILE_H
#define CONSUMER_LANE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The file that mirrors a lane: it holds each byte of the lane's stream at that byte's offset in the stream. Any
 * number of consumers write it at once, since no two of them lease the same message.
 *
 * Locks (open file description locks on bytes far beyond the content; the kernel drops them when the holder dies):
 *   turn byte    shared while writing, exclusive while truncating the file to the length of the stream
 *   stream byte  one for each stream, shared by all that have the file open for it; another locked stream byte
 *                means that somebody writes a different stream to the file
 */

struct lane_file {
    char *path; /* NULL: not open */
    int fd;
    bool lockable; /* false on a file system without locks */
    dev_t device;
    ino_t inode;
    uint64_t end; /* end of our last verified write; 0: none */
};

enum lane_file_turn {
    TURN_WRITE, /* waits until it can write */
    TURN_CUT,   /* -EAGAIN if somebody is writing */
};

/*
 * Checks whether lane_file_open can succeed, without changing anything.
 *
 * Return: as lane_file_open.
 */
int lane_file_check(const char *path);
/*
 * Opens @path; creates it if it is missing.
 *
 * @stream  number of the stream to be written, different for each stream
 *
 * Return: 0; -ESPIPE or -EISDIR if it is not a regular file; -EBUSY if another stream is being written to it;
 * -EINTR when a stop was requested; the error of a system call.
 */
int lane_file_open(struct lane_file *file, const char *path, uint64_t stream);
/* Return: 0; -EINTR when a stop was requested; -EAGAIN (TURN_CUT only). */
int lane_file_begin_turn(const struct lane_file *file, enum lane_file_turn turn);
void lane_file_end_turn(const struct lane_file *file);
/*
 * Checks that the written data is still where its reader expects it.
 *
 * @end  end of the last write; 0: nothing new was written
 *
 * Return: 0; -ESTALE if the path names another file or none, or the file is shorter; the error of a system call.
 */
int lane_file_verify(struct lane_file *file, uint64_t end);
/* Return: 0; the error of close, by which some file systems report a failed write. */
int lane_file_close(struct lane_file *file);

#endif
