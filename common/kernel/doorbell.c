/* SPDX-License-Identifier: MIT */
#include "common/kernel/doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kernel/clock.h"

/* Whether its creator may use the queue too: the queue's owner, root, our own user, or a member of its group. */
static bool is_made_by_us(const struct stat *st, const struct doorbell_access *access)
{
    if (st->st_uid == access->owner || st->st_uid == geteuid() || st->st_uid == 0)
        return true;
    return (access->mode & 0060) == 0060 && st->st_gid == access->group && (st->st_mode & 0002) == 0;
}

/* A file of another kind, size or owner is not a semaphore of this queue. Using it might even kill the process. */
static bool may_be_trusted(int fd, const struct doorbell_access *access)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)sizeof(sem_t) &&
           is_made_by_us(&st, access);
}

/*
 * Sets the mode, because creation applies the umask, and the semaphore of a group's queue needs the queue's mode.
 * A semaphore that root creates is given to the queue's owner, who could not replace it otherwise.
 */
static void grant_access(int fd, const struct doorbell_access *access)
{
    const uid_t owner = geteuid() == 0 ? access->owner : geteuid();
    if ((owner != geteuid() || access->group != getegid()) && fchown(fd, owner, access->group) != 0)
        (void)0; /* then others cannot open it, and wake up at their tick */
    (void)fchmod(fd, access->mode);
}

_Static_assert(sizeof(sem_t) % sizeof(uint64_t) == 0 && DOORBELL_CONSTANT_WORDS > 0, "a semaphore is whole words");

/* Called before the semaphore is mapped: from then on, a signal handler may read the constants. */
static void learn_constant(struct doorbell *bell)
{
    union {
        sem_t semaphore;
        uint64_t words[1 + DOORBELL_CONSTANT_WORDS];
    } fresh;
    if (atomic_load_explicit(&bell->place, memory_order_relaxed) != NULL)
        return;
    memset(&fresh, 0, sizeof(fresh));
    (void)sem_init(&fresh.semaphore, 1, 0);
    memcpy(bell->constant, fresh.words + 1, sizeof(bell->constant));
}

/* A process with write access may write anything. Only changes of value and number of sleepers are harmless. */
static bool is_intact(const struct doorbell *bell, const sem_t *semaphore)
{
    const _Atomic uint64_t *words = (const _Atomic uint64_t *)(const void *)semaphore;
    bool intact = true;
    for (size_t i = 0; i < DOORBELL_CONSTANT_WORDS; i++)
        intact = intact && atomic_load_explicit(&words[1 + i], memory_order_relaxed) == bell->constant[i];
    return intact;
}

bool doorbell_is_intact(const struct doorbell *bell)
{
    return bell->semaphore == NULL || is_intact(bell, bell->semaphore);
}

/* Writing the file beyond RLIMIT_FSIZE would raise a signal. */
static bool may_be_written(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= sizeof(sem_t);
}

/*
 * Creates the semaphore's file without a name, and completes it before it gets one. sem_open would use a temporary
 * name, which a process killed in between would leave behind for ever. Return: its descriptor; -1.
 */
static int make_nameless(const struct doorbell_access *access)
{
    sem_t fresh;
    memset(&fresh, 0, sizeof(fresh));
    const int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, access->mode);
    if (fd < 0)
        return -1;
    grant_access(fd, access);
    if (sem_init(&fresh, 1, 0) == 0 && write(fd, &fresh, sizeof(fresh)) == (ssize_t)sizeof(fresh))
        return fd;
    (void)close(fd);
    return -1;
}

/* Another process's semaphore may have the name already: that one is as good. */
static bool give_name(int fd, const char *path)
{
    char by_descriptor[64];
    (void)snprintf(by_descriptor, sizeof(by_descriptor), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, by_descriptor, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST;
}

static bool make_file(const char *path, const struct doorbell_access *access)
{
    const int fd = make_nameless(access);
    const bool made = fd >= 0 && give_name(fd, path);
    if (fd >= 0)
        (void)close(fd);
    return made;
}

/* For systems without /proc. */
static bool make_by_name(const char *name, const struct doorbell_access *access)
{
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, access->mode, 0u);
    if (semaphore == SEM_FAILED)
        return errno == EEXIST;
    (void)sem_close(semaphore);
    return true;
}

/*
 * Maps the file ourselves, because sem_open would map it before we can check its owner. If another one was mapped
 * before, the new mapping replaces it in one step.
 */
static sem_t *map_file(struct doorbell *bell, int fd)
{
    struct stat st;
    sem_t *place = atomic_load_explicit(&bell->place, memory_order_relaxed);
    const int flags = MAP_SHARED | (place != NULL ? MAP_FIXED : 0);
    if (fstat(fd, &st) != 0)
        return NULL;
    void *address = mmap(place, sizeof(sem_t), PROT_READ | PROT_WRITE, flags, fd, 0);
    if (address == MAP_FAILED)
        return NULL;
    bell->device = st.st_dev;
    bell->inode = st.st_ino;
    atomic_store_explicit(&bell->place, address, memory_order_release);
    return address;
}

/* Posts to this page have no effect. */
static void map_bare_page(const struct doorbell *bell)
{
    sem_t *place = atomic_load_explicit(&bell->place, memory_order_relaxed);
    if (place != NULL)
        (void)mmap(place, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static sem_t *open_or_make(struct doorbell *bell, const char *path, const struct doorbell_access *access)
{
    for (int tries = 0; tries < 16; tries++) {
        const int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0) {
            sem_t *semaphore = may_be_trusted(fd, access) ? map_file(bell, fd) : NULL;
            (void)close(fd);
            return semaphore;
        }
        if (errno != ENOENT || !may_be_written() ||
            (!make_file(path, access) && !make_by_name(bell->name, access)))
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
    learn_constant(bell);
    bell->semaphore = open_or_make(bell, path, access);
    if (bell->semaphore == NULL)
        map_bare_page(bell);
    bell->noisy = false;
    bell->generation = generation;
    bell->failed_generation_plus1 = bell->semaphore == NULL ? generation + 1 : 0;
    return bell->semaphore != NULL;
}

void doorbell_close(struct doorbell *bell)
{
    sem_t *place = atomic_exchange_explicit(&bell->place, NULL, memory_order_relaxed);
    if (place != NULL)
        (void)munmap(place, sizeof(sem_t));
    bell->semaphore = NULL;
}

/* Stops at an error: a semaphore at its greatest value wakes all sleepers anyway. */
static void post(const struct doorbell *bell, sem_t *semaphore, uint32_t times)
{
    while (times-- > 0 && is_intact(bell, semaphore) && sem_post(semaphore) == 0)
        ;
}

void doorbell_ring(const struct doorbell *bell, uint32_t times)
{
    if (bell->semaphore != NULL)
        post(bell, bell->semaphore, times);
}

void doorbell_ring_anywhere(const struct doorbell *bell, uint32_t times)
{
    sem_t *place = atomic_load_explicit(&bell->place, memory_order_acquire);
    if (place != NULL)
        post(bell, place, times);
}

bool doorbell_sleep(const struct doorbell *bell, int64_t deadline_ns)
{
    const struct timespec deadline = clock_timespec(deadline_ns);
    if (sem_clockwait(bell->semaphore, CLOCK_MONOTONIC, &deadline) == 0)
        return true;
    if (errno != ETIMEDOUT && errno != EINTR)
        clock_sleep_until(deadline_ns);
    return false;
}

#define DRAIN_MAX 4096u /* rings that are removed one by one; errors of ours leave fewer than that */

/* The C library may return a corrupt value as a negative number. */
static bool is_beyond(const struct doorbell *bell, uint32_t plausible)
{
    int value = 0;
    return bell->semaphore != NULL && sem_getvalue(bell->semaphore, &value) == 0 && (uint32_t)value > plausible;
}

/*
 * Removes rings beyond @plausible. Sleepers may take rings between our check and our removal, so that we remove
 * one that a sleeper waits for. Fewer than @plausible are left then, and we give it back.
 */
static void remove_rings(const struct doorbell *bell, uint32_t plausible)
{
    for (uint32_t i = 0; i < DRAIN_MAX && is_beyond(bell, plausible); i++) {
        if (sem_trywait(bell->semaphore) != 0)
            break;
        if (!is_beyond(bell, plausible - 1)) {
            post(bell, bell->semaphore, 1);
            break;
        }
    }
}

bool doorbell_drain(const struct doorbell *bell, uint32_t plausible)
{
    if (is_beyond(bell, plausible + DRAIN_MAX))
        return false;
    remove_rings(bell, plausible);
    return true;
}

bool doorbell_can_be_heard(struct doorbell *bell, uint32_t plausible)
{
    if (bell->noisy) {
        remove_rings(bell, plausible);
        bell->noisy = is_beyond(bell, plausible + DRAIN_MAX);
    }
    return bell->semaphore != NULL && !bell->noisy && doorbell_is_intact(bell);
}

/* Whether the name still leads to the mapped file. */
static bool has_name(const struct doorbell *bell, const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && st.st_dev == bell->device && st.st_ino == bell->inode;
}

bool doorbell_replace(const struct doorbell *bell, const struct doorbell_access *access)
{
    char path[SEMAPHORE_PATH_BYTES];
    name_of_semaphore_file(path, bell->name);
    if (bell->semaphore == NULL || !has_name(bell, path))
        return bell->semaphore != NULL;
    const int fd = may_be_written() ? make_nameless(access) : -1;
    if (fd < 0)
        return false;
    const bool replaced = unlink(path) == 0 || errno == ENOENT;
    if (replaced)
        (void)give_name(fd, path); /* if this fails, the next process that opens it creates it */
    (void)close(fd);
    return replaced;
}

void doorbell_unlink(const struct doorbell *bell)
{
    char path[SEMAPHORE_PATH_BYTES];
    name_of_semaphore_file(path, bell->name);
    if (bell->semaphore != NULL && has_name(bell, path))
        (void)unlink(path);
}
