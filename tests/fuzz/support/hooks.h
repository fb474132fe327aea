/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_HOOKS_H
#define FUZZ_HOOKS_H

/*
 * Included before everything else in each source of the product that a fuzzer is linked with. So a fuzzer can
 * change shared memory between any two looks at it, lets no time pass, and gets a program's exit back; and
 * whatever is mapped ends where memory begins that nobody may touch.
 */

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* Comes before each atomic load and compare-and-swap, and while something sleeps. */
void hook_look(void);

void *hook_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset);
int hook_munmap(void *address, size_t bytes);
int hook_clock_gettime(clockid_t clock, struct timespec *now);
int hook_clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left);
int hook_sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until);
ssize_t hook_read(int fd, void *buffer, size_t bytes);
_Noreturn void hook_exit(int status);
int hook_main(int argc, char **argv); /* the program's */

static inline uint64_t hook_load_64(const _Atomic uint64_t *word, memory_order order)
{
    (void)order;
    hook_look();
    return atomic_load(word);
}

static inline uint32_t hook_load_32(const _Atomic uint32_t *word, memory_order order)
{
    (void)order;
    hook_look();
    return atomic_load(word);
}

/* These kinds are never in shared memory. */
static inline long hook_load_long(const _Atomic long *word, memory_order order)
{
    (void)order;
    return atomic_load(word);
}

static inline _Bool hook_load_bool(const _Atomic _Bool *word, memory_order order)
{
    (void)order;
    return atomic_load(word);
}

static inline sem_t *hook_load_semaphore(sem_t *const _Atomic *word, memory_order order)
{
    (void)order;
    return atomic_load(word);
}

static inline _Bool hook_swap_32(_Atomic uint32_t *word, uint32_t *expected, uint32_t desired)
{
    hook_look();
    return atomic_compare_exchange_strong(word, expected, desired);
}

static inline _Bool hook_swap_64(_Atomic uint64_t *word, uint64_t *expected, uint64_t desired)
{
    hook_look();
    return atomic_compare_exchange_strong(word, expected, desired);
}

#undef atomic_load_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit

#define atomic_load_explicit(word, order)                                                                         \
    _Generic((word),                                                                                              \
        _Atomic uint64_t *: hook_load_64,                                                                         \
        const _Atomic uint64_t *: hook_load_64,                                                                   \
        _Atomic uint32_t *: hook_load_32,                                                                         \
        const _Atomic uint32_t *: hook_load_32,                                                                   \
        sem_t *_Atomic *: hook_load_semaphore,                                                                    \
        sem_t *const _Atomic *: hook_load_semaphore,                                                              \
        _Atomic long *: hook_load_long,                                                                           \
        _Atomic _Bool *: hook_load_bool)(word, order)
#define atomic_compare_exchange_strong_explicit(word, expected, desired, success, failure)                        \
    _Generic((word), _Atomic uint64_t * : hook_swap_64, _Atomic uint32_t * : hook_swap_32)(word, expected, desired)
#define atomic_compare_exchange_weak_explicit atomic_compare_exchange_strong_explicit

#define mmap hook_mmap
#define munmap hook_munmap
#define clock_gettime hook_clock_gettime
#define clock_nanosleep hook_clock_nanosleep
#define sem_clockwait hook_sem_clockwait
#define read hook_read
#define exit hook_exit
#define main hook_main

#endif
