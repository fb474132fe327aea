/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/hooks.h"

#include <errno.h>

#include "tests/fuzz/support/fuzz.h"

#undef mmap
#undef munmap
#undef read
#undef exit

#if defined(__has_feature)
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#endif

#define GUARD_BYTES 65536u
#define CLOCK_STEP_NS 1000
#define OVERSLEPT_NS 25000000 /* so that whoever sleeps and looks, again and again, is soon through with it */

void (*fuzz_on_look)(void);
uint64_t fuzz_looks_left = UINT64_MAX;
jmp_buf *fuzz_on_exit;
ssize_t (*fuzz_on_read)(int fd, size_t bytes);
int64_t fuzz_now_ns = INT64_C(1000000000000);

/* ------------------------------------------------------------------ looks */

static void count_look(void)
{
    fuzz_require(fuzz_looks_left-- > 0, "a call does not end");
}

void hook_look(void)
{
    count_look();
    if (fuzz_on_look != NULL)
        fuzz_on_look();
}

/* ------------------------------------------------------------------ memory */

static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) & ~(page - 1);
}

/* A mapping stands alone between pages that nobody may touch; of its own last page, what was not asked for counts.
 */
void *hook_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    if (address != NULL)
        return mmap(address, bytes, protection, flags, fd, offset);
    const size_t inside = whole_pages(bytes);
    const int reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    unsigned char *outside = mmap(NULL, inside + 2 * GUARD_BYTES, PROT_NONE, reserve, -1, 0);
    if (outside == MAP_FAILED)
        return MAP_FAILED;
    unsigned char *start = outside + GUARD_BYTES;
    if (mmap(start, bytes, protection, flags | MAP_FIXED, fd, offset) == MAP_FAILED) {
        const int error = errno;
        (void)munmap(outside, inside + 2 * GUARD_BYTES);
        errno = error;
        return MAP_FAILED;
    }
    ASAN_POISON_MEMORY_REGION(start + bytes, inside - bytes);
    return start;
}

int hook_munmap(void *address, size_t bytes)
{
    unsigned char *start = address;
    const size_t inside = whole_pages(bytes);
    ASAN_UNPOISON_MEMORY_REGION(start, inside);
    return munmap(start - GUARD_BYTES, inside + 2 * GUARD_BYTES);
}

/* ------------------------------------------------------------------ time */

int hook_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    count_look();
    fuzz_now_ns += CLOCK_STEP_NS;
    now->tv_sec = (time_t)(fuzz_now_ns / 1000000000);
    now->tv_nsec = (long)(fuzz_now_ns % 1000000000);
    return 0;
}

/* What others do to shared memory while somebody sleeps, they do at its beginning. */
static void sleep_until(const struct timespec *until)
{
    const int64_t end_ns = (int64_t)until->tv_sec * 1000000000 + until->tv_nsec;
    hook_look();
    if (fuzz_now_ns < end_ns)
        fuzz_now_ns = end_ns;
}

int hook_clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    (void)clock;
    (void)left;
    fuzz_require(flags == TIMER_ABSTIME, "sleeps are until some time, not for some time");
    sleep_until(until);
    fuzz_now_ns += OVERSLEPT_NS;
    return 0;
}

int hook_sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    (void)clock;
    if (sem_trywait(semaphore) == 0)
        return 0;
    sleep_until(until);
    if (sem_trywait(semaphore) == 0)
        return 0;
    errno = ETIMEDOUT;
    return -1;
}

/* ------------------------------------------------------------------ input and end */

ssize_t hook_read(int fd, void *buffer, size_t bytes)
{
    const ssize_t now = fuzz_on_read != NULL ? fuzz_on_read(fd, bytes) : (ssize_t)bytes;
    if (now < 0) {
        errno = (int)-now;
        return -1;
    }
    return read(fd, buffer, (size_t)now);
}

void hook_exit(int status)
{
    if (fuzz_on_exit != NULL)
        longjmp(*fuzz_on_exit, status + 1);
    exit(status);
}
