/* SPDX-License-Identifier: MIT */
#include "monitor/doctor/semaphore_file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char prefix[] = "sem.shmq.";

/* Length of the name before ".items" or ".space.LANE"; 0 if it ends otherwise. */
static size_t name_length(const char *name)
{
    static const char items[] = ".items";
    static const char space[] = ".space";
    const size_t length = strlen(name);
    if (length > sizeof(items) - 1 && strcmp(name + length - (sizeof(items) - 1), items) == 0)
        return length - (sizeof(items) - 1);
    const char *last = strrchr(name, '.');
    const size_t before = last == NULL ? 0 : (size_t)(last - name);
    if (last == NULL || last[1] == '\0' || last[1 + strspn(last + 1, "0123456789")] != '\0' ||
        before <= sizeof(space) - 1 || strncmp(last - (sizeof(space) - 1), space, sizeof(space) - 1) != 0)
        return 0;
    return before - (sizeof(space) - 1);
}

bool semaphore_file_of(const char *file, char queue[SHMQ_NAME_MAX + 1])
{
    if (strncmp(file, prefix, sizeof(prefix) - 1) != 0)
        return false;
    const char *name = file + sizeof(prefix) - 1;
    const size_t length = name_length(name);
    if (length == 0 || length > SHMQ_NAME_MAX)
        return false;
    memcpy(queue, name, length);
    queue[length] = '\0';
    return shmq_name_check(queue) == 0;
}

void semaphore_files_visit(const char *queue, semaphore_file_visitor *visit, void *context)
{
    const struct dirent *entry;
    char of[SHMQ_NAME_MAX + 1];
    DIR *directory = opendir("/dev/shm");
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (semaphore_file_of(entry->d_name, of) && (queue == NULL || strcmp(of, queue) == 0))
            visit(context, entry->d_name);
    if (directory != NULL)
        (void)closedir(directory);
}

void semaphore_file_path(char path[PATH_MAX], const char *file)
{
    (void)snprintf(path, PATH_MAX, "/dev/shm/%.255s", file);
}
