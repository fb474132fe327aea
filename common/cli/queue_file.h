/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_QUEUE_FILE_H
#define SHMQ_CLI_QUEUE_FILE_H

#include <stdbool.h>

#include "common/shmq.h"

/*
 * A user may name a queue, or a file that is a copy of one: whatever has a '/' in it, as no name has. The path of
 * a queue's own object names the queue.
 */

/* The name of the queue whose object the path leads to, by its spelling; else NULL. */
const char *queue_file_object_name(const char *path);
/* Whether it is a file and no queue. */
bool queue_file_is_path(const char *name);
/* "queue" or "file", for messages. */
const char *queue_file_kind(const char *name);
/* Opens either as an observer. Return: as shmq_open and shmq_open_file. */
int queue_file_open(struct shmq **queue, const char *name);
/* Explains why the file cannot be opened and what to do; see open_error_text for queues. Valid until the next
 * call. */
const char *queue_file_error(const char *path, int error);

enum { QUEUE_FILE_TEXT_BYTES = 640 };

/*
 * Says what is wrong with a file that was opened: the first thing that a check finds, and how many more.
 *
 * @name  the file or, where its object is read because it cannot be opened, the queue, as monitor takes it
 *
 * Return: @text; "" if nothing is.
 */
const char *queue_file_damage(struct shmq *queue, const char *name, char text[static QUEUE_FILE_TEXT_BYTES]);

#endif
