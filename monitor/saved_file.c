/* SPDX-License-Identifier: MIT */
#include "monitor/saved_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "monitor/replaceable.h"

#define LOCK_TRIES 200 /* of 10 ms */

/* The folder of a path, "." included. Return: false if it is too long. */
static bool folder_of(const char *path, char folder[PATH_MAX])
{
    const char *last = strrchr(path, '/');
    const size_t length = last == NULL ? 0 : last == path ? 1 : (size_t)(last - path);
    if (length >= PATH_MAX)
        return false;
    if (last == NULL)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", (int)length, path);
    return true;
}

/* Return: false if the path is too long. */
static bool name_temporary(struct saved_file *file, const char *folder)
{
    const char *last = strrchr(file->path, '/');
    const int length = snprintf(file->temporary, sizeof(file->temporary), "%s/.%.200s.XXXXXX", folder,
                                last == NULL ? file->path : last + 1);
    return length > 0 && (size_t)length < sizeof(file->temporary);
}

int saved_file_begin(struct saved_file *file, const char *path)
{
    char folder[PATH_MAX];
    *file = (struct saved_file){.path = path, .fd = -1};
    if (!folder_of(path, folder))
        return -ENAMETOOLONG;
    /* Its name is given through /proc. */
    if (access("/proc/self/fd", X_OK) == 0)
        file->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file->fd >= 0)
        return 0;
    if (!name_temporary(file, folder))
        return -ENAMETOOLONG;
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    const int error = file->fd < 0 ? -errno : 0;
    if (error != 0)
        file->temporary[0] = '\0';
    return error;
}

const char *saved_file_now(const struct saved_file *file)
{
    static char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
    return file->temporary[0] != '\0' ? file->temporary : path;
}

/* Return: 0; -EEXIST if something has the name; negative errno. */
static int give_name(const struct saved_file *file, const char *path)
{
    const int flags = file->temporary[0] != '\0' ? 0 : AT_SYMLINK_FOLLOW;
    return linkat(AT_FDCWD, saved_file_now(file), AT_FDCWD, path, flags) == 0 ? 0 : -errno;
}

static int replace_by_temporary(struct saved_file *file)
{
    if (rename(file->temporary, file->path) != 0)
        return -errno;
    file->temporary[0] = '\0';
    return 0;
}

/* Return: a descriptor of the folder that nobody else locks; -EBUSY if somebody keeps it locked. */
static int lock_folder(const char *folder)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tries = 0;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || ++tries > LOCK_TRIES) {
            (void)close(fd);
            return -EBUSY;
        }
        (void)nanosleep(&pause, NULL);
    }
    return fd < 0 ? -errno : fd;
}

/*
 * A file can replace another one only if it has a name of its own. That is always the same, so what a process that
 * is killed just then leaves behind goes with the next one. The lock keeps others that save there from taking it.
 */
static int replace_other(struct saved_file *file, const char *folder)
{
    const char *last = strrchr(file->path, '/');
    char name[PATH_MAX];
    if (file->temporary[0] != '\0')
        return replace_by_temporary(file);
    const int length =
        snprintf(name, sizeof(name), "%s/.%.200s.saved", folder, last == NULL ? file->path : last + 1);
    if (length < 0 || (size_t)length >= sizeof(name))
        return -ENAMETOOLONG;
    const int lock = lock_folder(folder);
    if (lock < 0)
        return lock;
    (void)unlink(name);
    int error = give_name(file, name);
    if (error == 0 && rename(name, file->path) != 0) {
        error = -errno;
        (void)unlink(name);
    }
    (void)close(lock);
    return error;
}

static int name_it(struct saved_file *file, const char *folder, bool replace)
{
    int error = give_name(file, file->path);
    if (error == -EEXIST && replace)
        error = replace_other(file, folder);
    /* A file system without hard links. */
    if ((error == -EPERM || error == -EOPNOTSUPP) && file->temporary[0] != '\0' &&
        (replace || access(file->path, F_OK) != 0))
        error = replace_other(file, folder);
    return error;
}

static void sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

int saved_file_finish(struct saved_file *file, bool replace)
{
    char folder[PATH_MAX];
    if (!folder_of(file->path, folder))
        return -ENAMETOOLONG;
    if (!replaceable(file->path))
        return -EEXIST;
    if (fsync(file->fd) != 0)
        return -errno;
    const int error = name_it(file, folder, replace);
    if (error == 0)
        sync_folder(folder);
    return error;
}

void saved_file_end(struct saved_file *file)
{
    if (file->temporary[0] != '\0')
        (void)unlink(file->temporary);
    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
}
