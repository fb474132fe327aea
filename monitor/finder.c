/* SPDX-License-Identifier: MIT */
#include "monitor/finder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/cli/stop.h"
#include "monitor/signal_free_thread.h"

/* Queues are objects of shared memory, which are files (docs/DESIGN.md). */
#define FOLDER "/dev/shm"
#define PREFIX "shmq."

#define SECOND_NS INT64_C(1000000000)
/* Between two looks whether /dev/shm has changed. */
#define LOOK_NS SECOND_NS
/* Between two rounds if it has not: permissions may have changed. */
#define ROUND_NS (5 * SECOND_NS)
/* The kernel's time of a change is so coarse that another one just after it may have the same. */
#define COARSE_NS INT64_C(100000000)
/* A queue that cannot be opened is tried again later and later; one that takes so long, seldom from the start. */
#define FIRST_PAUSE_NS SECOND_NS
#define LAST_PAUSE_NS (8 * SECOND_NS)
#define BUSY_PAUSE_NS (10 * SECOND_NS)

/* An object that was there in the last round. */
struct known {
    char name[SHMQ_NAME_MAX + 1];
    dev_t device;
    ino_t inode; /* a new queue of the same name has another one */
    uid_t owner;
    int absent; /* 0: it is there; a negative errno: why it is not */
    bool plain; /* a regular file */
    int error;  /* of the last attempt to open it */
    bool told;  /* some finding about it was handed over */
    bool fresh; /* not tried yet, or its handle was lost */
    int64_t pause_ns;
    int64_t again_ns;
    uint64_t round; /* in which it was seen last */
};

struct finder {
    char *const *names;
    size_t name_count;
    int wake;
    unsigned spare;
    struct known **known; /* sorted by name */
    size_t count;
    size_t room;
    uint64_t round;
    struct timespec changed; /* /dev/shm, before the last round; 0: another change may have the same time */
    int64_t next_round_ns;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t stop;
    pthread_cond_t looked;
    struct finding *first;
    struct finding **last;
    struct finding *lost; /* names whose handles were of no use */
    int error;            /* why /dev/shm could not be listed last; 0: it could */
    bool stopping;
    bool has_looked;
};

/* ------------------------------------------------------------------ what is known */

/* Return: the place of @name, or where it would stand. */
static size_t place_of(const struct finder *finder, const char *name)
{
    size_t low = 0;
    size_t high = finder->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(finder->known[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct known *find(const struct finder *finder, const char *name)
{
    const size_t place = place_of(finder, name);
    const bool there = place < finder->count && strcmp(finder->known[place]->name, name) == 0;
    return there ? finder->known[place] : NULL;
}

/* Return: NULL without memory; the queue is then found in a later round. */
static struct known *add(struct finder *finder, const char *name)
{
    const size_t place = place_of(finder, name);
    if (finder->count == finder->room) {
        const size_t room = finder->room * 2 + 16;
        struct known **more = realloc(finder->known, room * sizeof(struct known *));
        if (more == NULL)
            return NULL;
        finder->known = more;
        finder->room = room;
    }
    struct known *known = calloc(1, sizeof(*known));
    if (known == NULL)
        return NULL;
    snprintf(known->name, sizeof(known->name), "%s", name);
    known->fresh = true;
    memmove(&finder->known[place + 1], &finder->known[place], (finder->count - place) * sizeof(struct known *));
    finder->known[place] = known;
    finder->count++;
    return known;
}

/* ------------------------------------------------------------------ what is told */

static struct finding *new_finding(const char *name)
{
    struct finding *finding = calloc(1, sizeof(*finding));
    if (finding != NULL)
        snprintf(finding->name, sizeof(finding->name), "%s", name);
    return finding;
}

static void wake(const struct finder *finder)
{
    static const uint64_t one = 1;
    if (finder->wake < 0)
        return;
    const ssize_t ignored =
        write(finder->wake, &one, sizeof(one)); /* if it is full, the other side wakes up, too */
    (void)ignored;
}

static void tell(struct finder *finder, struct finding *finding)
{
    pthread_mutex_lock(&finder->mutex);
    *finder->last = finding;
    finder->last = &finding->next;
    pthread_mutex_unlock(&finder->mutex);
    wake(finder);
}

static void find_owner(char *owner, uid_t uid)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char room[4096];
    if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found != NULL)
        snprintf(owner, FINDER_OWNER_BYTES, "%s", found->pw_name);
    else
        snprintf(owner, FINDER_OWNER_BYTES, "%u", uid);
}

/* ------------------------------------------------------------------ a round */

/* Whoever can serve nobody, as all descriptors are taken by queues, is of no use. Return: 0; -EMFILE. */
static int check_descriptors(const struct finder *finder)
{
    struct rlimit limit;
    const int lowest = open(FOLDER, O_PATH | O_CLOEXEC);
    if (lowest < 0)
        return errno == EMFILE ? -EMFILE : 0;
    close(lowest);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    const rlim_t spare = finder->spare < limit.rlim_cur / 2 ? finder->spare : limit.rlim_cur / 2;
    return (rlim_t)lowest + spare < limit.rlim_cur ? 0 : -EMFILE;
}

static int open_observer(void *context)
{
    struct finding *finding = context;
    return shmq_open(&finding->handle, finding->name, SHMQ_OBSERVER, NULL);
}

static bool is_there(const char *name)
{
    char path[sizeof(FOLDER "/" PREFIX) + SHMQ_NAME_MAX];
    struct stat st;
    snprintf(path, sizeof(path), FOLDER "/" PREFIX "%s", name);
    return lstat(path, &st) == 0;
}

static void wait_before_next(struct known *known)
{
    const int64_t longer_ns = 2 * known->pause_ns;
    known->pause_ns = known->fresh || known->pause_ns == 0 ? FIRST_PAUSE_NS
                      : longer_ns < LAST_PAUSE_NS          ? longer_ns
                                                           : LAST_PAUSE_NS;
    known->again_ns = stop_now_ns() + (known->error == -EBUSY ? BUSY_PAUSE_NS : known->pause_ns);
}

/* Tries to open the queue; tells the result if it is another one than before. */
static void try(struct finder *finder, struct known *known)
{
    struct finding *finding = new_finding(known->name);
    if (finding == NULL)
        return;
    int error = known->absent;
    if (error == 0 && !known->plain)
        error = -EBADMSG;
    if (error == 0)
        error = check_descriptors(finder);
    if (error == 0)
        error = bus_guard_call(open_observer, finding);
    if (error == -ENOENT && known->absent == 0 && !is_there(known->name)) {
        free(finding); /* removed meanwhile: the next round tells */
        return;
    }
    if (known->told && error != 0 && error == known->error && !known->fresh) {
        free(finding);
    } else {
        finding->error = error;
        finding->missing = known->absent == -ENOENT;
        if (known->absent == 0)
            find_owner(finding->owner, known->owner);
        tell(finder, finding);
        known->told = true;
    }
    known->error = error;
    wait_before_next(known);
    known->fresh = false;
}

static void look_at(struct finder *finder, int folder, const char *name)
{
    char file[sizeof(PREFIX) + SHMQ_NAME_MAX];
    struct stat st;
    snprintf(file, sizeof(file), PREFIX "%s", name);
    const int absent = fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ? -errno : 0;
    if (absent != 0 && finder->name_count == 0)
        return; /* what is known, and not seen, is gone */
    struct known *known = find(finder, name);
    if (known == NULL)
        known = add(finder, name);
    if (known == NULL)
        return;
    known->round = finder->round;
    if (absent != known->absent || (absent == 0 && (st.st_ino != known->inode || st.st_dev != known->device)))
        known->fresh = true;
    known->absent = absent;
    if (absent != 0)
        return;
    known->inode = st.st_ino;
    known->device = st.st_dev;
    known->owner = st.st_uid;
    known->plain = S_ISREG(st.st_mode);
}

static void look_at_all(struct finder *finder, int folder, DIR *directory)
{
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name + sizeof(PREFIX) - 1;
        if (strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) == 0 && shmq_name_check(name) == 0)
            look_at(finder, folder, name);
    }
}

static bool is_stopping(struct finder *finder)
{
    pthread_mutex_lock(&finder->mutex);
    const bool stopping = finder->stopping;
    pthread_mutex_unlock(&finder->mutex);
    return stopping;
}

/* Tries what is new, or what it is time for. Those that take so long come last. */
static void try_all(struct finder *finder)
{
    for (int busy = 0; busy < 2; busy++) {
        for (size_t i = 0; i < finder->count && !is_stopping(finder); i++) {
            struct known *known = finder->known[i];
            if ((known->error == -EBUSY) == (busy != 0) &&
                (known->fresh || (known->error != 0 && stop_now_ns() >= known->again_ns)))
                try(finder, known);
        }
    }
}

static void forget_gone(struct finder *finder)
{
    size_t kept = 0;
    for (size_t i = 0; i < finder->count; i++) {
        struct known *known = finder->known[i];
        struct finding *finding = known->round == finder->round ? NULL : new_finding(known->name);
        if (finding == NULL) {
            finder->known[kept++] = known;
            continue;
        }
        finding->gone = true;
        tell(finder, finding);
        free(known);
    }
    finder->count = kept;
}

/* Looks which names are there. What is known stays as it was if that cannot be told. */
static void list(struct finder *finder)
{
    DIR *directory = opendir(FOLDER);
    const int error = directory == NULL ? -errno : 0;
    pthread_mutex_lock(&finder->mutex);
    finder->error = error;
    pthread_mutex_unlock(&finder->mutex);
    if (directory == NULL)
        return;
    finder->round++;
    for (size_t i = 0; i < finder->name_count; i++)
        look_at(finder, dirfd(directory), finder->names[i]);
    if (finder->name_count == 0)
        look_at_all(finder, dirfd(directory), directory);
    closedir(directory);
    forget_gone(finder);
}

/* Whether names may have come or gone since the last time; at least now and then. */
static bool is_time_to_list(struct finder *finder)
{
    struct stat st = {0};
    struct timespec now;
    const bool stated = stat(FOLDER, &st) == 0;
    const bool changed =
        stated && (st.st_mtim.tv_sec != finder->changed.tv_sec || st.st_mtim.tv_nsec != finder->changed.tv_nsec);
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age_ns = (now.tv_sec - st.st_mtim.tv_sec) * SECOND_NS + (now.tv_nsec - st.st_mtim.tv_nsec);
    finder->changed = stated && age_ns > COARSE_NS ? st.st_mtim : (struct timespec){0};
    return changed || stop_now_ns() >= finder->next_round_ns;
}

/* ------------------------------------------------------------------ the thread */

static void take_lost(struct finder *finder, struct finding *lost)
{
    while (lost != NULL) {
        struct finding *next = lost->next;
        struct known *known = find(finder, lost->name);
        if (known != NULL)
            known->fresh = true;
        free(lost);
        lost = next;
    }
}

static struct timespec time_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

static void look_around(struct finder *finder)
{
    if (is_time_to_list(finder)) {
        list(finder);
        finder->next_round_ns = stop_now_ns() + ROUND_NS;
    }
    try_all(finder);
}

static void *run(void *context)
{
    struct finder *finder = context;
    pthread_mutex_lock(&finder->mutex);
    while (!finder->stopping) {
        struct finding *lost = finder->lost;
        finder->lost = NULL;
        pthread_mutex_unlock(&finder->mutex);
        take_lost(finder, lost);
        look_around(finder);
        const struct timespec until = time_of(stop_now_ns() + LOOK_NS);
        pthread_mutex_lock(&finder->mutex);
        if (!finder->has_looked) {
            finder->has_looked = true;
            pthread_cond_broadcast(&finder->looked);
            wake(finder);
        }
        while (!finder->stopping && pthread_cond_timedwait(&finder->stop, &finder->mutex, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&finder->mutex);
    return NULL;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

int finder_start(struct finder **out, char *const *names, size_t count, int wake_descriptor, unsigned spare)
{
    struct finder *finder = calloc(1, sizeof(*finder));
    if (finder == NULL)
        return -ENOMEM;
    finder->names = names;
    finder->name_count = count;
    finder->wake = wake_descriptor;
    finder->spare = spare;
    finder->last = &finder->first;
    pthread_mutex_init(&finder->mutex, NULL);
    init_condition(&finder->stop);
    init_condition(&finder->looked);
    const int error = signal_free_thread(&finder->thread, run, finder);
    if (error != 0) {
        free(finder);
        return error;
    }
    *out = finder;
    return 0;
}

void finder_await_first(struct finder *finder, int64_t deadline_ns)
{
    const struct timespec until = time_of(deadline_ns);
    pthread_mutex_lock(&finder->mutex);
    while (!finder->has_looked && pthread_cond_timedwait(&finder->looked, &finder->mutex, &until) == 0)
        ;
    pthread_mutex_unlock(&finder->mutex);
}

bool finder_has_looked(struct finder *finder)
{
    pthread_mutex_lock(&finder->mutex);
    const bool looked = finder->has_looked;
    pthread_mutex_unlock(&finder->mutex);
    return looked;
}

int finder_error(struct finder *finder)
{
    pthread_mutex_lock(&finder->mutex);
    const int error = finder->error;
    pthread_mutex_unlock(&finder->mutex);
    return error;
}

struct finding *finder_take(struct finder *finder)
{
    pthread_mutex_lock(&finder->mutex);
    struct finding *first = finder->first;
    finder->first = NULL;
    finder->last = &finder->first;
    pthread_mutex_unlock(&finder->mutex);
    return first;
}

void finder_lost(struct finder *finder, const char *name)
{
    struct finding *lost = new_finding(name);
    if (lost == NULL)
        return;
    pthread_mutex_lock(&finder->mutex);
    lost->next = finder->lost;
    finder->lost = lost;
    pthread_mutex_unlock(&finder->mutex);
}

static void free_findings(struct finding *finding)
{
    while (finding != NULL) {
        struct finding *next = finding->next;
        (void)shmq_close(finding->handle);
        free(finding);
        finding = next;
    }
}

void finder_stop(struct finder *finder)
{
    const struct timespec patience = {.tv_sec = time(NULL) + 1};
    if (finder == NULL)
        return;
    pthread_mutex_lock(&finder->mutex);
    finder->stopping = true;
    pthread_cond_broadcast(&finder->stop);
    pthread_mutex_unlock(&finder->mutex);
    if (pthread_timedjoin_np(finder->thread, NULL, &patience) != 0)
        return;
    free_findings(finder->first);
    free_findings(finder->lost);
    for (size_t i = 0; i < finder->count; i++)
        free(finder->known[i]);
    free(finder->known);
    free(finder);
}
