/* SPDX-License-Identifier: MIT */
#include "common/doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

/* Whether its maker may use the queue, too: its owner, root, we, or a member of the group that shares it. */
static bool is_made_by_us(const struct stat *st, const struct doorbell_access *access)
{
    if (st->st_uid == access->owner || st->st_uid == geteuid() || st->st_uid == 0)
        return true;
    return (access->mode & 0060) == 0060 && st->st_gid == access->group && (st->st_mode & 0002) == 0;
}

/* A file of another kind, size or owner is no semaphore of this queue; touching it might even be fatal. */
static bool may_be_trusted(int fd, const struct doorbell_access *access)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)sizeof(sem_t) &&
           is_made_by_us(&st, access);
}

/* The mode passes through the umask; a queue for a group needs the mode it was given. */
static void grant_access(int fd, const struct doorbell_access *access)
{
    if (access->group != getegid() && fchown(fd, (uid_t)-1, access->group) != 0)
        (void)0; /* others then sleep for their tick */
    (void)fchmod(fd, access->mode);
}

/* Writing it beyond RLIMIT_FSIZE would raise a signal. */
static bool may_be_written(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= sizeof(sem_t);
}

/*
 * Makes the semaphore's file complete before it gets its name: sem_open would give it a passing name first, and a
 * process killed in between would leave that behind for ever.
 */
static bool make_file(const char *path, const struct doorbell_access *access)
{
    sem_t fresh;
    char by_descriptor[64];
    memset(&fresh, 0, sizeof(fresh));
    const int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, access->mode);
    if (fd < 0)
        return false;
    (void)snprintf(by_descriptor, sizeof(by_descriptor), "/proc/self/fd/%d", fd);
    grant_access(fd, access);
    const bool made = sem_init(&fresh, 1, 0) == 0 && write(fd, &fresh, sizeof(fresh)) == (ssize_t)sizeof(fresh) &&
                      (linkat(AT_FDCWD, by_descriptor, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST);
    (void)close(fd);
    return made;
}

/* Without /proc. */
static bool make_by_name(const char *name, const struct doorbell_access *access)
{
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, access->mode, 0u);
    if (semaphore == SEM_FAILED)
        return errno == EEXIST;
    (void)sem_close(semaphore);
    return true;
}

/* sem_open would map a file before we could look at whose it is. */
static sem_t *map_file(int fd)
{
    void *address = mmap(NULL, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

static sem_t *open_or_make(const char *name, const char *path, const struct doorbell_access *access)
{
    for (int tries = 0; tries < 16; tries++) {
        const int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0) {
            sem_t *semaphore = may_be_trusted(fd, access) ? map_file(fd) : NULL;
            (void)close(fd);
            return semaphore;
        }
        if (errno != ENOENT || !may_be_written() || (!make_file(path, access) && !make_by_name(name, access)))
            return NULL;
    }
    return NULL;
}

bool doorbell_open(struct doorbell *bell, const struct doorbell_access *access, uint32_t generation)
{
    if (bell->semaphore != NULL && bell->generation == generation)
        return true;
    if (bell->failed_generation_plus1 == generation + 1)
        return false;

    char path[SEMAPHORE_PATH_BYTES];
    name_of_semaphore_file(path, bell->name);
    sem_t *fresh = open_or_make(bell->name, path, access);
    doorbell_close(bell);
    bell->semaphore = fresh;
    bell->generation = generation;
    bell->failed_generation_plus1 = fresh == NULL ? generation + 1 : 0;
    return fresh != NULL;
}

void doorbell_close(struct doorbell *bell)
{
    if (bell->semaphore != NULL)
        (void)munmap(bell->semaphore, sizeof(sem_t));
    bell->semaphore = NULL;
}

void doorbell_ring(const struct doorbell *bell, uint32_t times)
{
    if (bell->semaphore == NULL)
        return;
    /* At its greatest value it will wake everybody anyway. */
    while (times-- > 0 && sem_post(bell->semaphore) == 0)
        ;
}

bool doorbell_sleep(const struct doorbell *bell, int64_t deadline_ns)
{
    const struct timespec deadline = clock_timespec(deadline_ns);
    if (bell->semaphore != NULL) {
        if (sem_clockwait(bell->semaphore, CLOCK_MONOTONIC, &deadline) == 0)
            return true;
        if (errno == ETIMEDOUT || errno == EINTR)
            return false;
    }
    clock_sleep_until(deadline_ns);
    return false;
}

void doorbell_drain(const struct doorbell *bell, uint32_t plausible)
{
    int value = 0;
    if (bell->semaphore == NULL || sem_getvalue(bell->semaphore, &value) != 0 || value <= (int)plausible)
        return;
    /* Bounded: somebody may be posting all the time. What is left is for the next time. */
    for (int i = 0; i < 1 << 20 && sem_trywait(bell->semaphore) == 0; i++)
        ;
}
