/* SPDX-License-Identifier: MIT */
/*
 * The barriers between who goes to sleep and who wakes: a producer publishes and looks for sleepers at the very
 * moment at which a consumer counts itself and looks at the ring again, some million times. A wake-up is lost if
 * the consumer then sleeps for its whole tick although the message is there: the processor has let the producer's
 * look pass its store. As built that never happens; with the barriers taken out it has to, or this test would show
 * nothing.
 *
 * time limit: 900 s
 * test: alone (those who meet have a processor each)
 *
 * The library is the real one, but for its two functions that call membarrier: they stand here, and are the real
 * ones, too, where nothing is taken out.
 */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define barrier_register built_register
#define barrier_heavy built_heavy
#include "common/kernel/barrier.c"
#undef barrier_register
#undef barrier_heavy

#include "common/core/layout.h"
#include "common/kernel/clock.h"
#include "common/queue/handle.h"
#include "common/queue/waiting.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define TRIES 2000000
#define TRIES_LEAST 10000 /* where so many take longer than: */
#define TRIES_SECONDS 15
#define LOSS_SECONDS 60 /* many times what the first loss takes */
#define MOST_SECONDS 200
#define LOSSES 3
#define LONG_TICK_NS INT64_C(4000000000)
#define TICK_NS INT64_C(500000000) /* where wake-ups are lost */
#define LENGTH 1000                /* whose stores keep the store of tail waiting */
#define PAUSE_NS 2000              /* before a put, at the most */
#define OVER UINT64_MAX

enum barriers {
    MEMBARRIER,        /* as built */
    NOTHING,           /* membarrier seems to work, but does nothing */
    FENCES,            /* as built, where the kernel refuses membarrier */
    FENCE_OF_SLEEPERS, /* the same without the wakers' */
};

static enum barriers barriers;
static uint64_t armed; /* by this process */

int barrier_register(void);
bool barrier_heavy(void);

int barrier_register(void)
{
    return barriers == MEMBARRIER || barriers == FENCES ? built_register() : 0;
}

bool barrier_heavy(void)
{
    armed++;
    switch (barriers) {
    case NOTHING:
        atomic_signal_fence(memory_order_seq_cst);
        return true;
    case FENCE_OF_SLEEPERS:
        atomic_thread_fence(memory_order_seq_cst);
        return true; /* else everybody would fence */
    default:
        return built_heavy();
    }
}

/* Of both processes. Each word has lines of its own. */
struct bout {
    size_t processors[2];
    int64_t seconds;
    uint64_t tries_wanted; /* UINT64_MAX: as many as it takes to lose a wake-up */
    uint32_t losses_wanted;
    int64_t tick_ns;
    LINE_ALIGNED _Atomic uint64_t round; /* W: the producer */
    LINE_ALIGNED _Atomic uint64_t taken; /* W: the consumer, when it is done with the round's message */
    LINE_ALIGNED _Atomic int64_t put_ns; /* W: the producer, when it has put the round's message */
    LINE_ALIGNED _Atomic uint64_t tries; /* W: the consumer. Rounds in which it armed. */
    _Atomic uint32_t losses;
    _Atomic uint32_t flags; /* of the header, as the consumer leaves it */
};

/* ------------------------------------------------------------------ where it runs */

/* The first and the last processor that we may use: not two halves of one core, if that can be had. */
static bool find_processors(size_t processors[2])
{
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof(usable), &usable) != 0 || CPU_COUNT(&usable) < 2)
        return false;
    processors[1] = 0;
    while (!CPU_ISSET(processors[1], &usable))
        processors[1]++;
    processors[0] = processors[1];
    for (size_t i = processors[0]; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &usable))
            processors[1] = i;
    return true;
}

static void stay_on(size_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    process_require_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* Return: whether the kernel now refuses membarrier to this process. */
static bool refuse_membarrier(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = COUNT(filter), .filter = filter};
    if (built_register() != 0)
        return true;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 && built_register() != 0;
}

/*
 * NULL, or why it cannot be shown here. What a sanitizer puts between a store and the look after it gives the
 * store time to arrive: hardly anything is lost without barriers then, so that nothing is shown with them either.
 */
static const char *find_reason_to_skip(size_t processors[2])
{
    if (test_is_sanitized())
        return "a sanitizer leaves the processor nothing to reorder";
    if (!find_processors(processors))
        return "nothing passes anything on one processor";
    if (barriers == MEMBARRIER && built_register() != 0)
        return "the kernel has no membarrier";
    if (barriers == FENCES && !refuse_membarrier())
        return "membarrier cannot be refused here";
    return NULL;
}

/* ------------------------------------------------------------------ the two processes */

/* So that the look of the one meets the other's anywhere from before its call to its sleep. */
static int64_t choose_pause(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(*random >> 40) % PAUSE_NS;
}

static void pause_for(int64_t ns)
{
    const int64_t end = process_now_ns() + ns;
    while (process_now_ns() < end)
        cpu_relax();
}

static bool is_enough(const struct bout *bout, int64_t started_ns)
{
    const uint64_t tries = atomic_load_explicit(&bout->tries, memory_order_relaxed);
    const int64_t seconds = (process_now_ns() - started_ns) / 1000000000;
    if (atomic_load_explicit(&bout->losses, memory_order_relaxed) >= bout->losses_wanted ||
        seconds >= MOST_SECONDS)
        return true;
    return tries >= bout->tries_wanted || (tries >= TRIES_LEAST && seconds >= bout->seconds);
}

static void produce(void *context)
{
    struct bout *bout = context;
    const struct shmq_options options = SHMQ_OPTIONS_INIT;
    const int64_t started_ns = process_now_ns();
    unsigned char message[LENGTH] = {0};
    uint64_t random = 1;
    struct shmq *handle;
    stay_on(bout->processors[0]);
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &options), 0);
    for (uint64_t round = 1; !is_enough(bout, started_ns); round++) {
        const int64_t pause = choose_pause(&random);
        atomic_store_explicit(&bout->put_ns, INT64_MAX, memory_order_relaxed);
        atomic_store_explicit(&bout->round, round, memory_order_release);
        pause_for(pause);
        process_require_equal(shmq_put(handle, message, LENGTH, SHMQ_FOREVER), 0);
        atomic_store_explicit(&bout->put_ns, process_now_ns(), memory_order_release);
        while (atomic_load_explicit(&bout->taken, memory_order_acquire) != round)
            cpu_relax();
    }
    atomic_store_explicit(&bout->round, OVER, memory_order_release);
    process_require_equal(shmq_close(handle), 0);
}

/* Takes what comes without spinning first. Return: whether its wake-up was lost. */
static bool take(struct bout *bout, struct shmq *handle)
{
    struct shmq_message message;
    const uint32_t missed = atomic_load(&handle->header->bell_generation);
    const uint64_t armed_before = armed;
    handle->spin.limit = 0;
    process_require_equal(shmq_lease(handle, &message, SHMQ_FOREVER), 0);
    const int64_t now = process_now_ns();
    for (size_t i = 0; i < message.length; i++) /* so that its lines are here */
        (void)((const volatile unsigned char *)message.data)[i];
    process_require_equal(shmq_acknowledge(handle, 1), 0);
    if (armed != armed_before)
        atomic_fetch_add_explicit(&bout->tries, 1, memory_order_relaxed);
    /* The tick ended its sleep, and the message had been there for a long time: not rung, but found. */
    return atomic_load(&handle->header->bell_generation) != missed &&
           now - atomic_load(&bout->put_ns) > bout->tick_ns / 2;
}

static void consume(void *context)
{
    struct bout *bout = context;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true, .prefetch = 1};
    struct shmq *handle;
    stay_on(bout->processors[1]);
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    for (uint64_t round = 1;; round++) {
        uint64_t now;
        while ((now = atomic_load_explicit(&bout->round, memory_order_acquire)) != round && now != OVER)
            cpu_relax();
        if (now == OVER)
            break;
        atomic_fetch_add(&bout->losses, take(bout, handle));
        atomic_store_explicit(&bout->taken, round, memory_order_release);
    }
    atomic_store(&bout->flags, atomic_load(&handle->header->flags));
    process_require_equal(shmq_close(handle), 0);
}

/* ------------------------------------------------------------------ a bout of the two */

static void run_bout(struct bout *bout)
{
    struct process producer;
    struct process consumer;
    int status;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,       .create = true, .capacity_bytes = 4096,
                                         .max_message_bytes = LENGTH, .lanes = 1,     .seats = 1,
                                         .tick_ns = bout->tick_ns};
    const int64_t started_ns = process_now_ns();
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(&consumer, consume, bout);
    process_start(&producer, produce, bout);
    ck_assert_int_eq(waitpid(producer.pid, &status, 0), producer.pid);
    ck_assert_int_eq(status, 0);
    process_expect_success(&consumer);
    (void)printf("# %s: %llu tries, %u wake-ups lost, %d ms\n", tcase_name(),
                 (unsigned long long)atomic_load(&bout->tries), atomic_load(&bout->losses),
                 (int)((process_now_ns() - started_ns) / 1000000));
    (void)fflush(stdout);
    test_queue_remove(queue);
}

/* Return: NULL where it cannot be shown here. */
static struct bout *start_bout(enum barriers which, const char *test)
{
    size_t processors[2];
    barriers = which;
    const char *reason = find_reason_to_skip(processors);
    if (reason != NULL) {
        test_skip(reason);
        return NULL;
    }
    use_queue(test);
    struct bout *bout = process_share(sizeof(*bout));
    memcpy(bout->processors, processors, sizeof(processors));
    return bout;
}

static bool fences(const struct bout *bout)
{
    return (atomic_load(&bout->flags) & FLAG_FULL_FENCES) != 0;
}

static void expect_losses(enum barriers which, const char *test)
{
    struct bout *bout = start_bout(which, test);
    if (bout == NULL)
        return;
    bout->seconds = LOSS_SECONDS;
    bout->tries_wanted = UINT64_MAX;
    bout->losses_wanted = LOSSES;
    bout->tick_ns = TICK_NS;
    run_bout(bout);
    ck_assert_msg(atomic_load(&bout->losses) > 0, "none is lost, so this shows nothing");
    ck_assert_msg(!fences(bout), "wakers fence");
}

static void expect_no_loss(enum barriers which, const char *test)
{
    struct bout *bout = start_bout(which, test);
    if (bout == NULL)
        return;
    bout->seconds = TRIES_SECONDS;
    bout->tries_wanted = TRIES;
    bout->losses_wanted = 1;
    bout->tick_ns = LONG_TICK_NS;
    run_bout(bout);
    ck_assert_msg(atomic_load(&bout->losses) == 0, "a wake-up was lost");
    ck_assert_msg(atomic_load(&bout->tries) >= TRIES_LEAST, "too few tries");
    ck_assert_msg(fences(bout) == (which == FENCES), "wakers fence: %d", fences(bout));
}

START_TEST(without_membarrier_wake_ups_are_lost)
{
    expect_losses(NOTHING, "nothing");
}
END_TEST

START_TEST(with_fences_of_sleepers_alone_wake_ups_are_lost)
{
    expect_losses(FENCE_OF_SLEEPERS, "sleepers");
}
END_TEST

START_TEST(with_membarrier_none_is_lost)
{
    expect_no_loss(MEMBARRIER, "membarrier");
}
END_TEST

START_TEST(with_fences_on_both_sides_none_is_lost)
{
    expect_no_loss(FENCES, "fences");
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("without membarrier"),
    TEST(without_membarrier_wake_ups_are_lost),
    TEST_GROUP("fences of sleepers alone"),
    TEST(with_fences_of_sleepers_alone_wake_ups_are_lost),
    TEST_GROUP("membarrier"),
    TEST(with_membarrier_none_is_lost),
    TEST_GROUP("fences on both sides"),
    TEST(with_fences_on_both_sides_none_is_lost),
};

TEST_SUITE("litmus", tests, .seconds = MOST_SECONDS + 40);
