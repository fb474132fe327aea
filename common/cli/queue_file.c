/* SPDX-License-Identifier: MIT */
#include "common/cli/queue_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cli/say.h"

const char *queue_file_object_name(const char *path)
{
    static const char prefix[] = "/dev/shm/shmq.";
    const size_t length = sizeof(prefix) - 1;
    return strncmp(path, prefix, length) == 0 && shmq_name_check(path + length) == 0 ? path + length : NULL;
}

bool queue_file_is_path(const char *name)
{
    return strchr(name, '/') != NULL && queue_file_object_name(name) == NULL;
}

const char *queue_file_kind(const char *name)
{
    return queue_file_is_path(name) ? "file" : "queue";
}

int queue_file_open(struct shmq **queue, const char *name)
{
    const char *object = queue_file_object_name(name);
    if (queue_file_is_path(name))
        return shmq_open_file(queue, name);
    return shmq_open(queue, object != NULL ? object : name, SHMQ_OBSERVER, NULL);
}

static const char *kind_of_file(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return "is not a regular file";
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
        return "is a directory, not a copy of a queue";
    case S_IFIFO:
        return "is a FIFO, not a copy of a queue";
    case S_IFSOCK:
        return "is a socket, not a copy of a queue";
    case S_IFCHR:
    case S_IFBLK:
        return "is a device, not a copy of a queue";
    default:
        return "permission denied";
    }
}

static const char *explain_no_copy(const char *path)
{
    static _Thread_local char text[256];
    struct stat st;
    snprintf(text, sizeof(text), "%s ('%smonitor save NAME FILE' makes a copy of a queue)",
             stat(path, &st) == 0 && st.st_size == 0
                 ? "it is empty"
                 : "not a copy of a queue, or its beginning is damaged or missing",
             say_prefix());
    return text;
}

const char *queue_file_error(const char *path, int error)
{
    switch (error) {
    case -EPERM:
        return kind_of_file(path);
    case -ENOENT:
        return "no such file";
    case -EACCES:
        return "permission denied";
    case -EBADMSG:
        return explain_no_copy(path);
    case -EPROTO:
        return "made by another version of shmq, or on another kind of machine (read it with that version, there)";
    case -EFBIG:
        return "its queue is larger than the file size limit (see 'ulimit -f')";
    default:
        return shmq_strerror(error);
    }
}

struct findings {
    char *first;
    size_t size;
    unsigned count;
};

static void find(void *context, const char *problem)
{
    struct findings *findings = context;
    if (findings->count++ == 0)
        snprintf(findings->first, findings->size, "%s", problem);
}

const char *queue_file_damage(struct shmq *queue, const char *name, char text[static QUEUE_FILE_TEXT_BYTES])
{
    struct findings findings = {.first = text, .size = QUEUE_FILE_TEXT_BYTES};
    text[0] = '\0';
    (void)shmq_check(queue, find, &findings);
    const size_t used = strlen(text);
    if (findings.count > 1)
        snprintf(text + used, QUEUE_FILE_TEXT_BYTES - used, " (and %u more: see '%smonitor check %s')",
                 findings.count - 1, say_prefix(), queue_file_is_path(name) ? "FILE" : name);
    return text;
}
