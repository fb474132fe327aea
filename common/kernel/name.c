/* SPDX-License-Identifier: MIT */
#include "common/kernel/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

int shmq_name_check(const char *name)
{
    if (name == NULL || name[0] == '\0' || name[strspn(name, allowed)] != '\0')
        return -EINVAL;
    return strlen(name) <= SHMQ_NAME_MAX ? 0 : -ENAMETOOLONG;
}

void name_of_object(char text[OBJECT_NAME_BYTES], const char *queue)
{
    (void)snprintf(text, OBJECT_NAME_BYTES, "/shmq.%.*s", SHMQ_NAME_MAX, queue);
}

void name_of_items(char text[OBJECT_NAME_BYTES], const char *queue)
{
    (void)snprintf(text, OBJECT_NAME_BYTES, "/shmq.%.*s.items", SHMQ_NAME_MAX, queue);
}

void name_of_space(char text[OBJECT_NAME_BYTES], const char *queue, uint32_t lane)
{
    (void)snprintf(text, OBJECT_NAME_BYTES, "/shmq.%.*s.space.%u", SHMQ_NAME_MAX, queue, lane);
}

void name_of_semaphore_file(char text[SEMAPHORE_PATH_BYTES], const char *semaphore)
{
    (void)snprintf(text, SEMAPHORE_PATH_BYTES, "/dev/shm/sem.%s", semaphore + 1);
}

void name_of_object_file(char text[OBJECT_NAME_BYTES + 16], const char *queue)
{
    /* Called at every tick of an idle consumer, which does little else: avoids printf. */
    static const char folder[] = "/dev/shm/shmq.";
    const size_t length = strnlen(queue, SHMQ_NAME_MAX);
    memcpy(text, folder, sizeof(folder) - 1);
    memcpy(text + sizeof(folder) - 1, queue, length);
    text[sizeof(folder) - 1 + length] = '\0';
}
