/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_SEMAPHORE_FILE_H
#define SHMQ_MONITOR_SEMAPHORE_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "common/shmq.h"

/* The files of semaphores in /dev/shm: "sem.shmq.NAME.items" and "sem.shmq.NAME.space.LANE". */

/* Whether the name of a file is that of a queue's semaphore, and of which queue's. */
bool semaphore_file_of(const char *file, char queue[SHMQ_NAME_MAX + 1]);
/* Called with the name of each semaphore file of the queue, and of every one if @queue is NULL. */
typedef void semaphore_file_visitor(void *context, const char *file);
void semaphore_files_visit(const char *queue, semaphore_file_visitor *visit, void *context);
/* Its path. */
void semaphore_file_path(char path[PATH_MAX], const char *file);

#endif
