/* SPDX-License-Identifier: MIT */

/*
 * Several producers and consumers share a channel, on processors chosen by the system. They run for a time, not
 * for a number of messages: the parent reads the consumers' tallies twice, tells the producers to stop, and waits
 * until everything sent has arrived. Then it ends all processes, so none of them has to recognise its last
 * message.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/support/children.h"
#include "bench/support/load.h"

#define WARM_UP_S 0.1
#define LOOK_NS 500000
#define DEADLINE_S 30.0
#define PARTIES_MAX 64u

struct counted {
    _Alignas(128) _Atomic uint64_t sent; /* written by a producer when it has stopped */
    _Atomic bool done;
};

struct row {
    _Alignas(128) struct tally tallies[PARTIES_MAX]; /* written by a consumer, one for each producer */
    _Atomic uint64_t bad;
};

struct hall {
    _Atomic uint32_t ready;
    _Atomic uint32_t go;
    _Atomic uint32_t stop;
    struct counted producers[PARTIES_MAX];
    struct row consumers[PARTIES_MAX];
};

struct crowd {
    struct run *run;
    struct hall *hall;
    struct children children;
};

static void get_ready(struct hall *hall)
{
    atomic_fetch_add(&hall->ready, 1);
    while (atomic_load(&hall->go) == 0)
        bench_sleep_ns(100000);
}

static uint64_t stride(size_t size)
{
    const uint64_t fits = SOURCE_BYTES / size;
    return fits < 1 ? 1 : fits < SOURCE_MESSAGES ? fits : SOURCE_MESSAGES;
}

static int produce(const struct crowd *crowd, unsigned number)
{
    const struct run *run = crowd->run;
    const size_t size = run->arguments.plan.size;
    struct counted *counted = &crowd->hall->producers[number];
    struct source source;
    uint64_t sent = 0;
    int error = source_init(&source, size, number);
    if (error == 0)
        error = run_open_sender(run, 0, number);
    if (error != 0)
        return error;
    get_ready(crowd->hall);
    while (error == 0 && atomic_load_explicit(&crowd->hall->stop, memory_order_relaxed) == 0) {
        error = run->contender->send(run->channels[0], &source, stride(size));
        sent += stride(size);
    }
    atomic_store(&counted->sent, sent);
    atomic_store(&counted->done, error == 0);
    return error;
}

static int consume(const struct crowd *crowd, unsigned number)
{
    const struct run *run = crowd->run;
    struct row *row = &crowd->hall->consumers[number];
    struct checker checker;
    checker_init(&checker, run->arguments.plan.size, row->tallies, run->arguments.plan.producers);
    int error = run_open_receiver(run, 0, number);
    if (error == 0)
        get_ready(crowd->hall);
    while (error == 0) {
        error = run->contender->receive(run->channels[0], &checker, stride(run->arguments.plan.size));
        atomic_store_explicit(&row->bad, checker.bad, memory_order_relaxed);
    }
    return error;
}

static int take_part(void *context, unsigned number)
{
    const struct crowd *crowd = context;
    const unsigned producers = crowd->run->arguments.plan.producers;
    const int error = number < producers ? produce(crowd, number) : consume(crowd, number - producers);
    if (error != 0)
        return run_status(number < producers ? "producer" : "consumer", error);
    for (;;) /* its messages in flight may need it alive */
        (void)pause();
}

/* ------------------------------------------------------------------ the parent */

static uint64_t received(const struct crowd *crowd)
{
    const struct plan *plan = &crowd->run->arguments.plan;
    uint64_t sum = 0;
    for (unsigned c = 0; c < plan->consumers; c++)
        for (unsigned p = 0; p < plan->producers; p++)
            sum += atomic_load_explicit(&crowd->hall->consumers[c].tallies[p].messages, memory_order_acquire);
    return sum;
}

static uint64_t bad_ones(const struct crowd *crowd)
{
    uint64_t sum = 0;
    for (unsigned c = 0; c < crowd->run->arguments.plan.consumers; c++)
        sum += atomic_load(&crowd->hall->consumers[c].bad);
    return sum;
}

/* Returns whether all producers have stopped; @sent receives how many messages they sent. */
static bool all_sent(const struct crowd *crowd, uint64_t *sent)
{
    *sent = 0;
    for (unsigned p = 0; p < crowd->run->arguments.plan.producers; p++) {
        if (!atomic_load(&crowd->hall->producers[p].done))
            return false;
        *sent += atomic_load(&crowd->hall->producers[p].sent);
    }
    return true;
}

static int watch_for(struct crowd *crowd, double seconds)
{
    const int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    int failed = 0;
    for (int64_t now = bench_now_ns(); failed == 0 && now < end; now = bench_now_ns())
        failed = children_watch(&crowd->children, end - now);
    return failed;
}

static int await_ready(struct crowd *crowd)
{
    const struct plan *plan = &crowd->run->arguments.plan;
    const int64_t end = bench_now_ns() + (int64_t)(DEADLINE_S * 1e9);
    int failed = 0;
    while (failed == 0 && atomic_load(&crowd->hall->ready) < plan->producers + plan->consumers) {
        failed = children_watch(&crowd->children, LOOK_NS);
        if (bench_now_ns() > end)
            return bench_failed("getting all processes ready", -ETIMEDOUT);
    }
    return failed;
}

static int await_last(struct crowd *crowd, uint64_t *sent)
{
    const int64_t end = bench_now_ns() + (int64_t)(DEADLINE_S * 1e9);
    int failed = 0;
    while (failed == 0 && (!all_sent(crowd, sent) || received(crowd) < *sent)) {
        failed = children_watch(&crowd->children, LOOK_NS);
        if (bench_now_ns() > end)
            return run_status("waiting for the last messages", run_check(bad_ones(crowd), received(crowd), *sent));
    }
    return failed;
}

/* Checks that each message arrived exactly once: the counts are equal and the message numbers add up. */
static int check_tallies(const struct crowd *crowd, uint64_t sent)
{
    const struct plan *plan = &crowd->run->arguments.plan;
    uint64_t bad = bad_ones(crowd);
    for (unsigned p = 0; p < plan->producers; p++) {
        const uint64_t count = atomic_load(&crowd->hall->producers[p].sent);
        const uint64_t first = (uint64_t)p << PAYLOAD_PRODUCER_SHIFT;
        uint64_t messages = 0, sum = 0;
        for (unsigned c = 0; c < plan->consumers; c++) {
            messages += atomic_load(&crowd->hall->consumers[c].tallies[p].messages);
            sum += crowd->hall->consumers[c].tallies[p].sum;
        }
        bad += messages != count || sum != first * count + count * (count - 1) / 2;
    }
    return run_status("judging", run_check(bad, received(crowd), sent));
}

static int report(const struct run *run, uint64_t messages, double seconds)
{
    const struct plan *plan = &run->arguments.plan;
    const double rate = (double)messages / seconds;
    if (run->arguments.header)
        (void)puts("contender,bytes,producers,consumers,messages,seconds,messages_per_s,bytes_per_s,line_ns");
    (void)printf("%s,%zu,%u,%u,%" PRIu64 ",%.6f,%.0f,%.0f,0\n", run->contender->name, plan->size, plan->producers,
                 plan->consumers, messages, seconds, rate, rate * (double)plan->size);
    return run_reported();
}

static int measure(struct crowd *crowd)
{
    int failed = await_ready(crowd);
    if (failed != 0)
        return failed;
    atomic_store(&crowd->hall->go, 1);
    failed = watch_for(crowd, WARM_UP_S);
    const int64_t start = bench_now_ns();
    const uint64_t before = received(crowd);
    if (failed == 0)
        failed = watch_for(crowd, crowd->run->arguments.seconds);
    const uint64_t after = received(crowd);
    const double seconds = (double)(bench_now_ns() - start) / 1e9;
    atomic_store(&crowd->hall->stop, 1);
    uint64_t sent = 0;
    if (failed == 0)
        failed = await_last(crowd, &sent);
    if (failed == 0)
        failed = check_tallies(crowd, sent);
    return failed != 0 ? failed : report(crowd->run, after - before, seconds);
}

int many_run(struct run *run)
{
    const struct plan *plan = &run->arguments.plan;
    static struct crowd crowd;
    struct hall *hall = mmap(NULL, sizeof(*hall), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    crowd = (struct crowd){.run = run, .hall = hall};
    if (hall == MAP_FAILED)
        return bench_failed("memory", -errno);
    if (plan->producers > PARTIES_MAX || plan->consumers > PARTIES_MAX)
        return bench_failed("starting so many processes", -E2BIG);
    children_begin();
    int error = 0;
    for (unsigned i = 0; error == 0 && i < plan->producers + plan->consumers; i++)
        error = children_start(&crowd.children, -1, take_part, &crowd);
    const int failed = error != 0 ? bench_failed("forking", error) : measure(&crowd);
    children_kill(&crowd.children);
    return failed;
}
