/* SPDX-License-Identifier: MIT */
#include "monitor/top/errand.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "monitor/signal_free_thread.h"

enum { IDLE, UNDER_WAY, DONE };

static int pause_or_resume(void *context)
{
    const struct errand *errand = context;
    return errand->pause ? shmq_pause(errand->name) : shmq_resume(errand->name);
}

static void *run(void *context)
{
    static const uint64_t one = 1;
    struct errand *errand = context;
    errand->error = bus_guard_call(pause_or_resume, errand);
    __atomic_store_n(&errand->state, DONE, __ATOMIC_RELEASE);
    const ssize_t ignored = write(errand->wake, &one, sizeof(one));
    (void)ignored;
    return NULL;
}

int errand_begin(struct errand *errand, const char *name, bool pause)
{
    pthread_t thread;
    if (__atomic_load_n(&errand->state, __ATOMIC_ACQUIRE) != IDLE)
        return -EBUSY;
    snprintf(errand->name, sizeof(errand->name), "%s", name);
    errand->pause = pause;
    errand->state = UNDER_WAY;
    const int error = signal_free_thread(&thread, run, errand);
    if (error == 0)
        (void)pthread_detach(thread); /* nobody waits for it, not even at the end */
    else
        errand->state = IDLE;
    return error;
}

bool errand_is_done(struct errand *errand)
{
    if (__atomic_load_n(&errand->state, __ATOMIC_ACQUIRE) != DONE)
        return false;
    errand->state = IDLE;
    return true;
}
