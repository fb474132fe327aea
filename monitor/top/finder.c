/* SPDX-License-Identifier: MIT */
#include "monitor/top/finder.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"

#define LOOK_SECONDS 1  /* between two looks whether /dev/shm has changed */
#define ROUND_SECONDS 5 /* between two rounds, if it has not: permissions may have changed */

struct finder {
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t changed;
    int wake;
    bool ending;
    struct found *found; /* not yet taken */
    size_t found_count;
    size_t taken;
    char (*known)[SHMQ_NAME_MAX + 1]; /* queues whose handles were handed over */
    size_t known_count;
    bool hurry; /* a handle was closed */
    bool asked;
    struct found question;
    /* Of the thread alone. */
    uint64_t round;
    struct timespec seen; /* when /dev/shm had last changed */
    int64_t next_round_s;
};

static int64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Without memory, it is found again in a later round. Return: whether it is handed over. */
static bool hand_over(struct finder *finder, const struct found *found)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&finder->lock);
    struct found *more = realloc(finder->found, (finder->found_count + 1) * sizeof(*more));
    if (more != NULL) {
        finder->found = more;
        finder->found[finder->found_count++] = *found;
    }
    pthread_mutex_unlock(&finder->lock);
    if (more != NULL && write(finder->wake, &one, sizeof(one)) < 0)
        return true; /* it is full, so the other side wakes up */
    return more != NULL;
}

bool finder_take(struct finder *finder, struct found *found)
{
    pthread_mutex_lock(&finder->lock);
    const bool any = finder->taken < finder->found_count;
    if (any)
        *found = finder->found[finder->taken++];
    if (finder->taken == finder->found_count)
        finder->taken = finder->found_count = 0;
    pthread_mutex_unlock(&finder->lock);
    return any;
}

static size_t place_of(const struct finder *finder, const char *name)
{
    size_t i = 0;
    while (i < finder->known_count && strcmp(finder->known[i], name) != 0)
        i++;
    return i;
}

static bool is_known(struct finder *finder, const char *name)
{
    pthread_mutex_lock(&finder->lock);
    const bool known = place_of(finder, name) < finder->known_count;
    pthread_mutex_unlock(&finder->lock);
    return known;
}

bool finder_know(struct finder *finder, const char *name)
{
    pthread_mutex_lock(&finder->lock);
    void *more = realloc(finder->known, (finder->known_count + 1) * sizeof(*finder->known));
    if (more != NULL) {
        finder->known = more;
        snprintf(finder->known[finder->known_count++], sizeof(*finder->known), "%s", name);
    }
    pthread_mutex_unlock(&finder->lock);
    return more != NULL;
}

void finder_forget(struct finder *finder, const char *name)
{
    pthread_mutex_lock(&finder->lock);
    const size_t i = place_of(finder, name);
    if (i < finder->known_count)
        memcpy(finder->known[i], finder->known[--finder->known_count], sizeof(*finder->known));
    finder->hurry = true;
    pthread_mutex_unlock(&finder->lock);
}

bool finder_ask(struct finder *finder, const char *name, bool pause)
{
    pthread_mutex_lock(&finder->lock);
    const bool free = !finder->asked;
    if (free) {
        finder->asked = true;
        finder->question = (struct found){.kind = FOUND_ANSWER, .pause = pause};
        snprintf(finder->question.name, sizeof(finder->question.name), "%s", name);
        pthread_cond_signal(&finder->changed);
    }
    pthread_mutex_unlock(&finder->lock);
    return free;
}

/* ------------------------------------------------------------------ the thread */

static int visit(void *context, const struct shmq_listed *listed)
{
    struct finder *finder = context;
    struct found found = {.kind = FOUND_QUEUE, .error = listed->error, .round = finder->round};
    snprintf(found.name, sizeof(found.name), "%s", listed->name);
    if (is_known(finder, listed->name))
        found.kind = FOUND_SAME;
    else if (listed->error == 0)
        found.error = shmq_open(&found.handle, listed->name, SHMQ_OBSERVER, NULL);
    if (found.error == -ENOENT && listed->error == 0)
        return 0; /* removed meanwhile */
    if (found.handle != NULL && !finder_know(finder, listed->name)) {
        (void)shmq_close(found.handle);
        return -ENOMEM;
    }
    if (!hand_over(finder, &found) && found.handle != NULL) {
        (void)shmq_close(found.handle);
        finder_forget(finder, found.name);
    }
    return __atomic_load_n(&finder->ending, __ATOMIC_RELAXED) ? -EINTR : 0;
}

static int list(void *context)
{
    return shmq_list(visit, context);
}

/* Visits all names. A round that was broken off says nothing of what is not there. */
static void go_round(struct finder *finder)
{
    struct found all = {.kind = FOUND_ALL};
    all.round = ++finder->round;
    all.error = bus_guard_call(list, finder);
    hand_over(finder, &all);
    finder->next_round_s = now_s() + ROUND_SECONDS;
}

/* Whether names may have come or gone since the last round; at least now and then. */
static bool is_time(struct finder *finder)
{
    struct stat st;
    const bool stated = stat("/dev/shm", &st) == 0;
    const bool changed =
        stated && (st.st_mtim.tv_sec != finder->seen.tv_sec || st.st_mtim.tv_nsec != finder->seen.tv_nsec);
    if (stated)
        finder->seen = st.st_mtim;
    return changed || now_s() >= finder->next_round_s;
}

static int answer(void *context)
{
    const struct found *question = context;
    return question->pause ? shmq_pause(question->name) : shmq_resume(question->name);
}

/* Waits for a question, or until it is time to look for queues again. Return: false at the end. */
static bool wait_for_work(struct finder *finder, struct found *question)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_SECONDS;
    pthread_mutex_lock(&finder->lock);
    int error = 0;
    while (error == 0 && !finder->ending && !finder->asked)
        error = pthread_cond_timedwait(&finder->changed, &finder->lock, &until);
    const bool ending = finder->ending;
    question->name[0] = '\0';
    if (finder->asked)
        *question = finder->question;
    if (finder->hurry)
        finder->next_round_s = 0;
    finder->hurry = false;
    pthread_mutex_unlock(&finder->lock);
    return !ending;
}

static void *run(void *context)
{
    struct finder *finder = context;
    struct found question;
    do {
        if (is_time(finder))
            go_round(finder);
        if (!wait_for_work(finder, &question))
            break;
        if (question.name[0] == '\0')
            continue;
        question.error = bus_guard_call(answer, &question);
        pthread_mutex_lock(&finder->lock);
        finder->asked = false;
        pthread_mutex_unlock(&finder->lock);
        hand_over(finder, &question);
    } while (true);
    return NULL;
}

static void destroy(struct finder *finder)
{
    for (size_t i = finder->taken; i < finder->found_count; i++)
        (void)shmq_close(finder->found[i].handle);
    pthread_cond_destroy(&finder->changed);
    pthread_mutex_destroy(&finder->lock);
    free(finder->found);
    free(finder->known);
    free(finder);
}

int finder_start(struct finder **out, int wake)
{
    struct finder *finder = calloc(1, sizeof(*finder));
    pthread_condattr_t attributes;
    sigset_t blocked;
    sigset_t before;
    if (finder == NULL)
        return -ENOMEM;
    finder->wake = wake;
    pthread_mutex_init(&finder->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&finder->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    /* The main thread takes the signals, except for those that the kernel directs at this one. */
    sigfillset(&blocked);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const int error = pthread_create(&finder->thread, NULL, run, finder);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        destroy(finder);
    else
        *out = finder;
    return -error;
}

void finder_stop(struct finder *finder)
{
    struct timespec until;
    pthread_mutex_lock(&finder->lock);
    __atomic_store_n(&finder->ending, true, __ATOMIC_RELAXED);
    pthread_cond_signal(&finder->changed);
    pthread_mutex_unlock(&finder->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += until.tv_nsec / 700000000;
    until.tv_nsec = (until.tv_nsec + 300000000) % 1000000000;
    if (pthread_timedjoin_np(finder->thread, NULL, &until) == 0)
        destroy(finder);
}
