/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_NAME_H
#define SHMQ_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"

/* Enough bytes for each name of an object or semaphore: "/shmq." NAME ".space." LANE and its NUL. */
#define OBJECT_NAME_BYTES (SHMQ_NAME_MAX + 32)

/* "/shmq.NAME", "/shmq.NAME.items", "/shmq.NAME.space.LANE" for shm_open and sem_open. */
void name_of_object(char text[OBJECT_NAME_BYTES], const char *queue);
void name_of_items(char text[OBJECT_NAME_BYTES], const char *queue);
void name_of_space(char text[OBJECT_NAME_BYTES], const char *queue, uint32_t lane);
/* The path of the object: "/dev/shm/shmq.NAME". */
void name_of_object_file(char text[OBJECT_NAME_BYTES + 16], const char *queue);
/* The path of a semaphore in glibc: "/dev/shm/sem.NAME". */
#define SEMAPHORE_PATH_BYTES (OBJECT_NAME_BYTES + 16)
void name_of_semaphore_file(char text[SEMAPHORE_PATH_BYTES], const char *semaphore);

#endif
