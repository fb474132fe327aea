/* SPDX-License-Identifier: MIT */
#include "common/cli/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/shmq.h"

static const char *text_of_file(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "it is no plain file (see 'ls -l /dev/shm'; remove it, or use another name)";
    if ((st->st_mode & S_IWOTH) != 0)
        return "anybody may write it (see 'ls -l /dev/shm'; remove it, or use another name)";
    if (st->st_uid != geteuid())
        return "it belongs to another user (use another name; its owner can make it with --mode and --group)";
    return NULL;
}

static const char *damaged_text(void)
{
    static char text[256];
    snprintf(text, sizeof(text),
             "damaged, or not a queue (see '%smonitor check'; '%smonitor remove --force' deletes it)",
             say_prefix(), say_prefix());
    return text;
}

const char *refusal_text(const char *queue, int error)
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    struct stat st;
    const char *text = NULL;
    if (error == -EBADMSG)
        return damaged_text();
    snprintf(path, sizeof(path), "/dev/shm/shmq.%s", queue);
    if (error == -EPERM && lstat(path, &st) == 0)
        text = text_of_file(&st);
    return text != NULL ? text : shmq_strerror(error);
}
