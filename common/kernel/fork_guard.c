/* SPDX-License-Identifier: MIT */
#include "common/kernel/fork_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int *watched;
static size_t watched_count;
static size_t watched_room;

static void lock_before_fork(void)
{
    (void)pthread_mutex_lock(&mutex);
}

static void unlock_in_parent(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

static void close_in_child(void)
{
    for (size_t i = 0; i < watched_count; i++)
        (void)close(watched[i]);
    watched_count = 0;
    (void)pthread_mutex_unlock(&mutex);
}

static void install(void)
{
    (void)pthread_atfork(lock_before_fork, unlock_in_parent, close_in_child);
}

static int make_room(void)
{
    if (watched_count < watched_room)
        return 0;
    const size_t room = watched_room == 0 ? 8 : watched_room * 2;
    int *larger = realloc(watched, room * sizeof(*larger));
    if (larger == NULL)
        return -ENOMEM;
    watched = larger;
    watched_room = room;
    return 0;
}

static int above_standard(int fd)
{
    if (fd > STDERR_FILENO)
        return fd;
    const int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int error = -errno;
    (void)close(fd);
    return higher >= 0 ? higher : error;
}

static int open_object(const char *name, int flags, mode_t mode)
{
    const int fd = shm_open(name, flags, mode);
    return fd < 0 ? -errno : above_standard(fd); /* System errors: -ENOENT, -EACCES, -EROFS, -EMFILE. */
}

int fork_guard_open(const char *name, int flags, mode_t mode)
{
    (void)pthread_once(&once, install);
    (void)pthread_mutex_lock(&mutex);
    int fd = make_room();
    if (fd == 0)
        fd = open_object(name, flags, mode);
    if (fd >= 0)
        watched[watched_count++] = fd;
    (void)pthread_mutex_unlock(&mutex);
    return fd;
}

int fork_guard_take(int fd)
{
    fd = fd < 0 ? -errno : above_standard(fd); /* System errors: -EMFILE. */
    if (fd < 0)
        return fd;
    (void)pthread_once(&once, install);
    (void)pthread_mutex_lock(&mutex);
    const int error = make_room();
    if (error == 0)
        watched[watched_count++] = fd;
    (void)pthread_mutex_unlock(&mutex);
    if (error == 0)
        return fd;
    (void)close(fd);
    return error;
}

static void forget(int fd)
{
    for (size_t i = 0; i < watched_count; i++) {
        if (watched[i] != fd)
            continue;
        watched[i] = watched[--watched_count];
        break;
    }
    if (watched_count == 0) {
        free(watched);
        watched = NULL;
        watched_room = 0;
    }
}

void fork_guard_close(int fd)
{
    (void)pthread_mutex_lock(&mutex);
    forget(fd);
    (void)close(fd);
    (void)pthread_mutex_unlock(&mutex);
}
