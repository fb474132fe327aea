/* SPDX-License-Identifier: MIT */
/*
 * The library as it is shipped, killed after every instruction of every operation that leaves something else
 * behind. time limit: 1800 s
 *
 * For each operation the path of its instructions is recorded once, by single steps. Then, for each point of the
 * path at which others see another state than at the point before, a fresh queue gets survivors and a victim; the
 * victim is brought to the point and killed there; and the survivors, without help, have to deliver what was
 * committed, and nothing else, to put and get to the full capacity, and to remove the queue without a trace. What
 * has to come has to come within two ticks: where it does not, the machine may have been busy, and the point gets
 * other tries, each with a tick twice as long. At a sample of the points the victim is stopped for a while
 * instead: it must lose nothing, hold up nobody, and go on afterwards.
 *
 * What a killed process leaves is what it has shared, and what the kernel knows. So all points are taken that
 * follow an instruction, of the library or of the C library, by which a byte of shared memory has changed, or a
 * system call, or before which one is made; and of all others each so-many-th, which find out if there is more to
 * it. What was left out is counted and said.
 *
 * SHMQ_KILL_STEPS=all leaves nothing out, for which it takes an hour.
 *
 * SHMQ_KILL_STEPS=137 takes only that point, and CK_RUN_CASE=put only that operation.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "common/queue/handle.h"
#include "tests/support/half_move.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/step.h"
#include "tests/support/test_queue.h"

#define CAPACITY 4096
#define CELLS 64
#define LANES 2
#define SEATS 4
#define SOURCE 77
#define OTHER_SOURCE 78
#define TICK_NS INT64_C(2000000)
#define LONG_TICK_NS INT64_C(10000000000) /* while a path is recorded, which is slow */
#define SHORT_NS INT64_C(1000000)         /* less than a tick, but more than it pays to spin */
#define GRAIN_NS INT64_C(1000000)         /* beyond the two ticks that a recovery may take: the work itself */
#define SLACK_MS 5000                     /* the same, of a try that a busy machine may spoil */
#define LATE_TRIES 10                     /* each with a tick twice as long */
#define STOPPED_NS INT64_C(1000000000)
#define STOPPED_TICK_NS INT64_C(50000000) /* while somebody is stopped: the usual one */
#define STOPS 8                           /* points at which an operation is stopped, all at once */
#define STRIDE 16                         /* of the points at which nothing has changed */
#define SPINS 2                           /* looks of the victim before it sleeps, each as good as another */
#define SLEEPS_MAX 100                    /* of an operation; one that is long counts often */
#define TRIES 3
#define KILLERS 2
#define WORKERS (KILLERS + STOPS)
#define SHORT 24  /* bytes of a message of one cell */
#define LONG 1000 /* of one of sixteen */
#define BATCH_MAX 64

/* Numbers of messages. */
enum {
    SURVIVORS = 1,    /* of the producer that lives */
    OLD = 50,         /* of one that died long ago */
    VICTIMS = 101,    /* of the producer that is killed; they have a source */
    BYSTANDERS = 200, /* of a producer that waits beside */
    PING = 280,
    MEANWHILE = 290,
    TO_TAKE = 299,
    FILL = 300,
    FILL_OTHER = 400,
    FILL_FIRST = 500,
    IDS = 600
};
#define MESSAGES 12 /* of the survivors' producer */

struct world;
static int set_far_slot(struct world *world);

/* What may become of a message after the kill. */
struct fate {
    uint32_t least; /* deliveries to survivors */
    uint32_t most;
    int redelivered; /* 0, 1; -1: either */
    uint32_t attempts_least;
    uint32_t attempts_most;
};

static const struct fate never = {0, 0, 0, 0, 0};
static const struct fate fresh = {1, 1, 0, 0, 0};
static const struct fate maybe = {0, 1, 0, 0, 0};
static const struct fate again = {1, 1, 1, 0, 0};
static const struct fate maybe_again = {0, 1, 1, 0, 1};
static const struct fate either = {1, 1, -1, 0, 1};
static const struct fate maybe_either = {0, 1, -1, 0, 1};

/* A message that is delivered again for sure, after so many attempts. */
static struct fate again_after(uint32_t least, uint32_t most)
{
    return (struct fate){1, 1, 1, least, most};
}

/* Shared by all processes that work on one queue. */
struct ledger {
    struct fate fates[IDS];             /* W: the test */
    _Atomic uint32_t returned;          /* the operation has returned */
    _Atomic int code;                   /* with this */
    _Atomic uint32_t put[IDS];          /* puts that returned */
    _Atomic uint32_t received[IDS];     /* by survivors */
    _Atomic uint32_t acknowledged[IDS]; /* by victims, acknowledgement returned */
    _Atomic uint32_t taken;             /* messages of the batch that a victim leased first, lease returned */
    _Atomic uint64_t source_bytes;      /* of the victim's source, as survivors received it */
    _Atomic int sleeper_code;           /* why the consumer beside ended; 1: it has not */
    _Atomic uint32_t settled;           /* visitors of a victim that returned */
};

struct tally {
    _Atomic uint64_t points;  /* states in which it was killed or stopped */
    _Atomic uint64_t asleep;  /* of these, inside a system call */
    _Atomic uint64_t walked;  /* reached by single steps, because the breakpoint was not come to */
    _Atomic uint64_t strayed; /* reached, but by another way than the recorded one */
    _Atomic uint64_t ended;   /* the operation was over before */
    _Atomic uint64_t awake;   /* sleeps of the recorded path that did not come */
    _Atomic uint64_t late;    /* tries in which a recovery took longer than it may */
    _Atomic int64_t slowest_ns;
};

/* One queue and all who work on it. */
struct world {
    const struct operation *operation;
    struct ledger *ledger;
    struct tally *tally;
    int64_t tick_ns;
    struct shmq *producer; /* of the survivors, attached before; NULL: none */
    struct shmq *consumer;
    struct process sleeper;    /* a consumer beside */
    struct process blocked;    /* a producer beside */
    struct shmq *victim;       /* in the child, from here on */
    unsigned char ready[LONG]; /* what it puts */
    struct shmq_message leased[BATCH_MAX];
    uint64_t leased_ids[BATCH_MAX]; /* once they were read */
    size_t leased_count;
    uint64_t last_position[LANES][2]; /* of first deliveries, of redeliveries */
    int64_t killed_ns;
    int64_t took_ns; /* the longest recovery since it was begun */
    char how[80];
    uintptr_t pc;
};

struct operation {
    const char *name;
    void (*set_up)(struct world *world);                /* the queue and the survivors */
    void (*prepare)(struct world *world);               /* in the child; NULL: nothing */
    void (*arrange)(struct world *world);               /* survivors, when the child is prepared; NULL: nothing */
    int (*act)(struct world *world);                    /* in the child: the operation */
    void (*count)(struct world *world);                 /* in the child, once it has returned; NULL: nothing */
    void (*expect)(struct world *world, bool returned); /* sets the fates */
    void (*settle)(struct world *world);                /* survivors, after the kill */
    void (*go_on)(struct world *world);                 /* in the child, when it was only stopped */
    void (*on_sleep)(struct world *world, uint32_t earlier); /* survivors, when it sleeps; NULL: it does not */
    int code;                                                /* what it returns */
    bool redelivers; /* another one died before with messages leased, or this one gives some back */
    bool takes;      /* needs a message to end */
    bool consumes;   /* what it forwarded is consumed before the rest is forwarded */
};

/* ------------------------------------------------------------------ failing */

static char destination[SHMQ_NAME_MAX + 1]; /* where messages of the queue are moved to */

/* Names the instruction, where the tool for it is there. */
static void say_where(uintptr_t pc)
{
    Dl_info info;
    char command[512];
    char line[256];
    if (pc == 0 || dladdr((const void *)pc, &info) == 0)
        return;
    const size_t offset = pc - (uintptr_t)info.dli_fbase;
    (void)fprintf(stderr, "  next is %s+%#zx %s\n", info.dli_fname, offset,
                  info.dli_sname != NULL ? info.dli_sname : "");
    (void)snprintf(command, sizeof(command), "addr2line -pif -e '%s' %#zx 2>/dev/null", info.dli_fname, offset);
    FILE *pipe = popen(command, "re");
    while (pipe != NULL && fgets(line, sizeof(line), pipe) != NULL)
        (void)fprintf(stderr, "  %s", line);
    if (pipe != NULL)
        (void)pclose(pipe);
}

__attribute__((noreturn, format(printf, 3, 4))) static void fail_world(const struct world *world, int line,
                                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "%s, %s: line %d: ", world->operation->name, world->how, line);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    say_where(world->pc);
    _exit(99);
}

#define require(world, condition, ...)                                                                            \
    do {                                                                                                          \
        if (!(condition))                                                                                         \
            fail_world(world, __LINE__, __VA_ARGS__);                                                             \
    } while (0)

static void require_code(const struct world *world, int line, const char *what, int code, int expected)
{
    if (code != expected)
        fail_world(world, line, "%s: %d (%s), not %d", what, code, code != 0 ? shmq_strerror(code) : "success",
                   expected);
}

#define require_call(world, call, expected) require_code(world, __LINE__, #call, call, expected)

/* ------------------------------------------------------------------ messages that show whether they are whole */

struct body {
    uint64_t id;
    uint64_t length;
};

static unsigned char filling(uint64_t id, size_t at)
{
    return (unsigned char)(id * 31 + at * 7);
}

static void write_body(void *place, uint64_t id, size_t length)
{
    unsigned char *bytes = place;
    const struct body body = {.id = id, .length = length};
    for (size_t i = sizeof(body); i < length; i++)
        bytes[i] = filling(id, i);
    memcpy(bytes, &body, sizeof(body));
}

/* Return: its number; 0 if it is not whole. */
static uint64_t read_body(const struct shmq_message *message)
{
    struct body body;
    const unsigned char *bytes = message->data;
    if (message->length < sizeof(body))
        return 0;
    memcpy(&body, bytes, sizeof(body));
    if (body.length != message->length || body.id >= IDS)
        return 0;
    for (size_t i = sizeof(body); i < message->length; i++)
        if (bytes[i] != filling(body.id, i))
            return 0;
    return body.id;
}

#define HEADERS "Kill: steps\nOther: more than fits the rest of a cell, so that it takes two\n"

/* A header block comes whole or not at all. */
static void require_headers(const struct world *world, const struct shmq_message *message)
{
    size_t length;
    const char *headers = shmq_message_headers(message, &length);
    require(world, headers == NULL || (length == strlen(HEADERS) && memcmp(headers, HEADERS, length) == 0),
            "headers are not whole");
}

static int put_one(struct world *world, struct shmq *handle, uint64_t id, size_t length, int64_t timeout_ns)
{
    unsigned char bytes[LONG];
    write_body(bytes, id, length);
    const int code = shmq_put(handle, bytes, length, timeout_ns);
    if (code == 0)
        atomic_fetch_add(&world->ledger->put[id], 1);
    return code;
}

static void set_fates(struct world *world, uint64_t first, uint64_t count, struct fate fate)
{
    for (uint64_t i = 0; i < count; i++)
        world->ledger->fates[first + i] = fate;
}

/* ------------------------------------------------------------------ survivors */

static struct shmq *open_role(struct world *world, enum shmq_role role, bool follow, uint64_t source)
{
    struct shmq *handle;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true,     .capacity_bytes = CAPACITY,
                                         .lanes = LANES,        .seats = SEATS,     .tick_ns = world->tick_ns,
                                         .follow = follow,      .source_id = source};
    require_call(world, shmq_open(&handle, queue, role, &options), 0);
    return handle;
}

static void open_survivors(struct world *world)
{
    world->producer = open_role(world, SHMQ_PRODUCER, false, 0);
    world->consumer = open_role(world, SHMQ_CONSUMER, true, 0);
}

static void put_survivors(struct world *world, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        require_call(world, put_one(world, world->producer, first + i, SHORT, 0), 0);
}

static void open_survivors_and_put(struct world *world)
{
    open_survivors(world);
    put_survivors(world, SURVIVORS, MESSAGES);
}

static void open_survivors_and_put_one(struct world *world)
{
    open_survivors(world);
    put_survivors(world, SURVIVORS, 1);
}

/* Judges a delivery by what may become of the message. Return: its number. */
static uint64_t judge(struct world *world, const struct shmq_message *message)
{
    const uint64_t id = read_body(message);
    require(world, id != 0, "a message of %zu bytes in lane %u is not whole", message->length, message->lane);
    require_headers(world, message);
    const struct fate fate = world->ledger->fates[id];
    const uint32_t times = atomic_load(&world->ledger->received[id]) + 1;
    require(world, times <= fate.most, "message %d came %u times, not %u", (int)id, times, fate.most);
    require(world, fate.redelivered < 0 || message->redelivered == fate.redelivered,
            "message %d says redelivered: %d", (int)id, message->redelivered);
    require(world, message->attempts >= fate.attempts_least && message->attempts <= fate.attempts_most,
            "message %d says %u attempts, not %u to %u", (int)id, message->attempts, fate.attempts_least,
            fate.attempts_most);
    uint64_t *last = &world->last_position[message->lane][message->redelivered];
    require(world, message->position > *last, "message %d came out of order", (int)id);
    *last = message->position;
    return id;
}

/* A note comes whole or not at all. */
static void require_note(const struct world *world, struct shmq *consumer)
{
    uint64_t note[SHMQ_ASIDE_WORDS];
    require_call(world, shmq_aside_note(consumer, note), 0);
    for (size_t i = 1; i < SHMQ_ASIDE_WORDS; i++)
        require(world, note[i] == note[0], "a note of %d and %d", (int)note[0], (int)note[i]);
}

/* Takes one batch; it counts once it is acknowledged. Return: as shmq_lease_many. */
static int receive_batch(struct world *world, struct shmq *consumer, int64_t timeout_ns)
{
    struct shmq_message messages[BATCH_MAX];
    uint64_t ids[BATCH_MAX];
    size_t count = 0;
    const int code = shmq_lease_many(consumer, messages, BATCH_MAX, &count, timeout_ns);
    if (code != 0)
        return code;
    for (size_t i = 0; i < count; i++)
        ids[i] = judge(world, &messages[i]);
    require_note(world, consumer);
    require_call(world, shmq_acknowledge(consumer, count), 0);
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&world->ledger->received[ids[i]], 1);
        if (ids[i] >= VICTIMS && ids[i] < BYSTANDERS)
            atomic_fetch_add(&world->ledger->source_bytes, messages[i].length + 1);
    }
    return 0;
}

static uint64_t first_missing(const struct world *world)
{
    for (uint64_t id = 1; id < IDS; id++)
        if (atomic_load(&world->ledger->received[id]) < world->ledger->fates[id].least)
            return id;
    return 0;
}

static int64_t recovery_ns(const struct world *world)
{
    return 2 * world->tick_ns + process_stretched_ms(SLACK_MS) * 1000000;
}

/* What had to come since the kill has come. */
static void note_recovery(struct world *world)
{
    const int64_t took_ns = process_now_ns() - world->killed_ns;
    require(world, took_ns <= recovery_ns(world), "recovery took %d ms", (int)(took_ns / 1000000));
    if (took_ns > world->took_ns)
        world->took_ns = took_ns;
}

/* What has to come, in time; then whatever else may come. */
static void drain(struct world *world)
{
    int code = 0;
    while (first_missing(world) != 0 && code == 0)
        code = receive_batch(world, world->consumer, recovery_ns(world));
    require(world, first_missing(world) == 0, "message %d does not come: %s", (int)first_missing(world),
            shmq_strerror(code));
    note_recovery(world);
    while (code == 0)
        code = receive_batch(world, world->consumer, 0);
    require(world, code == -EAGAIN, "the rest: %s", shmq_strerror(code));
    require_call(world, shmq_join(world->consumer, 0), 0);
}

static void say_problem(void *context, const char *problem)
{
    (void)context;
    (void)fprintf(stderr, "  check: %s\n", problem);
}

static void check(struct world *world)
{
    require_call(world, shmq_check(world->consumer, say_problem, NULL), 0);
}

/* ------------------------------------------------------------------ a consumer that sleeps beside */

static void sleep_and_receive(void *context)
{
    struct world *world = context;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    struct shmq *handle;
    int code;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    process_report(0);
    while ((code = receive_batch(world, handle, SHMQ_FOREVER)) == 0)
        ;
    atomic_store(&world->ledger->sleeper_code, code);
    (void)process_await_order();
    (void)shmq_close(handle);
}

static bool is_asleep(void *context)
{
    return step_is_asleep(((struct process *)context)->pid);
}

static void start_sleeper(struct world *world)
{
    atomic_store(&world->ledger->sleeper_code, 1);
    process_start(&world->sleeper, sleep_and_receive, world);
    (void)process_hear(&world->sleeper);
    process_wait_until(is_asleep, &world->sleeper, "the consumer beside sleeps");
}

static bool has_nothing_missing(void *context)
{
    return first_missing(context) == 0;
}

static bool has_sleeper_ended(void *context)
{
    return atomic_load(&((struct world *)context)->ledger->sleeper_code) != 1;
}

/* Everything is acknowledged, and it has counted what it got: it can die without leaving anything. */
static bool is_sleeper_idle(void *context)
{
    const struct world *world = context;
    return shmq_join(world->consumer, 0) == 0 && step_is_asleep(world->sleeper.pid);
}

static bool is_all_acknowledged(void *context)
{
    return shmq_join(((struct world *)context)->consumer, 0) == 0;
}

/* It gets whatever is there, rung for or not, and what is put then, without anybody's help. */
static void let_sleeper_receive(struct world *world)
{
    if (world->sleeper.pid == 0)
        start_sleeper(world);
    else
        process_wait_until(is_all_acknowledged, world, "the consumer beside gets what is there");
    if (world->killed_ns != 0)
        note_recovery(world);
    set_fates(world, PING, 1, fresh);
    put_survivors(world, PING, 1);
    process_wait_until(has_nothing_missing, world, "the consumer beside gets everything");
    process_wait_until(is_sleeper_idle, world, "the consumer beside has nothing to do");
    process_kill(&world->sleeper);
    world->killed_ns = process_now_ns();
}

static void expect_end_of_sleeper(struct world *world, int code)
{
    process_wait_until(has_sleeper_ended, world, "the consumer beside learns of the end");
    require_call(world, atomic_load(&world->ledger->sleeper_code), code);
    process_order(&world->sleeper, 0);
    process_expect_success(&world->sleeper);
}

/* ------------------------------------------------------------------ a producer that waits for room beside */

static void fill_and_wait(void *context)
{
    struct world *world = context;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, NULL), 0);
    for (uint64_t i = 0; i < CELLS; i++)
        process_require_equal(put_one(world, handle, BYSTANDERS + i, SHORT, 0), 0);
    process_report(0);
    (void)process_await_order();
    process_report(0);
    /* So long that it does not sleep a short, patient sleep first. */
    process_require_equal(put_one(world, handle, BYSTANDERS + CELLS, LONG, SHMQ_FOREVER), 0);
    process_require_equal(shmq_close(handle), 0);
}

static void open_survivors_and_fill(struct world *world)
{
    open_survivors(world);
    process_start(&world->blocked, fill_and_wait, world);
    (void)process_hear(&world->blocked);
}

static void let_producer_wait(struct world *world)
{
    process_order(&world->blocked, 0);
    (void)process_hear(&world->blocked);
    process_wait_until(is_asleep, &world->blocked, "the producer beside sleeps");
}

/* ------------------------------------------------------------------ what has to work after every kill */

static void fill_lane(struct world *world, struct shmq *producer, uint64_t first)
{
    uint64_t count = 0;
    int code;
    set_fates(world, first, CELLS, fresh);
    while ((code = put_one(world, producer, first + count, SHORT, 0)) == 0)
        count++;
    require(world, count == CELLS && code == -EAGAIN, "a lane of %d takes %d messages: %s", CELLS, (int)count,
            shmq_strerror(code));
}

static void receive_everything(struct world *world, struct shmq *one, struct shmq *other)
{
    int codes[2] = {0, 0};
    while (codes[0] == 0 || codes[1] == 0) {
        codes[0] = receive_batch(world, one, 0);
        codes[1] = receive_batch(world, other, 0);
    }
    require(world, codes[0] == -EAGAIN && codes[1] == -EAGAIN, "draining: %s", shmq_strerror(codes[0]));
    require(world, first_missing(world) == 0, "message %d is lost", (int)first_missing(world));
}

/* No seat is lost. */
static void sit_on_all_seats(struct world *world)
{
    struct shmq *handles[SEATS - 2];
    for (size_t i = 0; i < SEATS - 2; i++)
        handles[i] = open_role(world, SHMQ_CONSUMER, true, 0);
    for (size_t i = 0; i < SEATS - 2; i++)
        require_call(world, shmq_close(handles[i]), 0);
}

static void remove_without_trace(struct world *world)
{
    require_call(world, shmq_remove(queue, false), 0);
    require(world, test_leftovers(queue) == 0, "something is left in /dev/shm");
}

/* The victim's source goes on behind what the victim committed. */
static struct shmq *open_successor(struct world *world)
{
    uint64_t offset;
    struct shmq *handle = open_role(world, SHMQ_PRODUCER, false, SOURCE);
    const uint64_t bytes = atomic_load(&world->ledger->source_bytes);
    require_call(world, shmq_resume_offset(handle, &offset), 0);
    require(world, offset == bytes, "its source goes on at %d, not %d", (int)offset, (int)bytes);
    return handle;
}

/* Both lanes to their full capacity, every seat, the end of the stream, removal. */
static void work_to_the_end(struct world *world)
{
    struct shmq *producer = open_successor(world);
    struct shmq *consumer = open_role(world, SHMQ_CONSUMER, false, 0);
    struct shmq_message message;
    sit_on_all_seats(world);
    fill_lane(world, world->producer, FILL);
    fill_lane(world, producer, FILL_OTHER);
    check(world);
    receive_everything(world, world->consumer, consumer);
    check(world);
    require_call(world, shmq_close(producer), 0);
    require_call(world, shmq_close(world->producer), 0);
    require_call(world, shmq_lease(consumer, &message, recovery_ns(world)), -ENODATA);
    require_call(world, shmq_close(consumer), 0);
    require_call(world, shmq_close(world->consumer), 0);
    remove_without_trace(world);
}

/* Before anybody looks after what the victim left: it must not be overwritten. Return: how many there was room
 * for. */
static uint64_t put_until_full(struct world *world)
{
    uint64_t count = 0;
    int code = 0;
    set_fates(world, FILL_FIRST, CELLS, maybe);
    while (count < CELLS && (code = put_one(world, world->producer, FILL_FIRST + count, SHORT, 0)) == 0)
        count++;
    require(world, code == 0 || code == -EAGAIN, "put: %s", shmq_strerror(code));
    set_fates(world, FILL_FIRST, count, fresh);
    return count;
}

static void settle(struct world *world)
{
    check(world);
    (void)put_until_full(world);
    drain(world);
    if (world->blocked.pid != 0)
        process_expect_success(&world->blocked);
    work_to_the_end(world);
}

/* There was one message; where it was done, its room is there at once. */
static void settle_single(struct world *world)
{
    check(world);
    const uint64_t room = put_until_full(world);
    drain(world);
    require(world, room + atomic_load(&world->ledger->received[SURVIVORS]) == CELLS, "there is room for %d",
            (int)room);
    work_to_the_end(world);
}

static void settle_beside_sleeper(struct world *world)
{
    check(world);
    let_sleeper_receive(world);
    settle(world);
}

/* A finish counts at once with being one. */
static void settle_finish(struct world *world)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    require_call(world, shmq_stat_lane(world->consumer, 1, &stat), 0);
    require(world, stat.finished == (stat.finishes == 1), "%d finishes are counted", (int)stat.finishes);
    require(world, stat.finished || atomic_load(&world->ledger->returned) == 0, "its lane is unfinished");
    settle_beside_sleeper(world);
}

/* ------------------------------------------------------------------ a source's note, parts of a source */

#define NOTE_BYTES SHMQ_NOTE_MAX
#define GROUP 9

/* The note is the one before or the new one, never a mixture. */
static void settle_note(struct world *world)
{
    unsigned char note[NOTE_BYTES];
    unsigned char expected[NOTE_BYTES];
    size_t length;
    struct shmq *handle = open_role(world, SHMQ_PRODUCER, false, SOURCE);
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    require_call(world, shmq_source_note(handle, note, &length), 0);
    require(world, length == NOTE_BYTES, "the note has %d bytes", (int)length);
    memset(expected, note[0], sizeof(expected));
    require(world, memcmp(note, expected, NOTE_BYTES) == 0, "the note is a mixture");
    require(world, note[0] == 'n' || (note[0] == 'o' && !returned), "the note is neither: %c", note[0]);
    shmq_abandon(handle);
    settle(world);
}

/* The cursor of a number. */
static struct shmq_cursor cursor_of(uint64_t n)
{
    return (struct shmq_cursor){.words = {n, ~n, n << 40, n * 3}};
}

/* The cursor is that of the last message that the queue had. */
static void settle_cursor(struct world *world)
{
    uint64_t offset;
    struct shmq_cursor found;
    struct shmq *handle = open_role(world, SHMQ_PRODUCER, false, SOURCE);
    require_call(world, shmq_resume_offset(handle, &offset), 0);
    require_call(world, shmq_resume_cursor(handle, &found), 0);
    const bool put = offset >= 2 * (SHORT + 1); /* one that was only stopped goes on */
    const struct shmq_cursor wanted = cursor_of(put ? 2 : 1);
    require(world, put || atomic_load(&world->ledger->returned) == 0, "what was put is not there");
    require(world, put || offset == SHORT + 1, "the source is at %d", (int)offset);
    require(world, memcmp(&found, &wanted, sizeof(found)) == 0, "the cursor is not that of the last message");
    shmq_abandon(handle);
    settle(world);
}

/* ------------------------------------------------------------------ a source's slots */

#define SLOT 3            /* the one that is set */
#define NEIGHBOUR 2       /* never */
#define FAR_SLOT 300      /* in memory of its own */
#define KEPT_BYTES 77     /* of the neighbour's record */
#define OLD_BYTES 120     /* of the record that is replaced */
#define SLOT_NEW_BYTES 99 /* of the new one */

/* The letters of a slot; 0: empty; -1: a mixture. */
static int letter_of_slot(struct world *world, struct shmq *handle, uint32_t slot, size_t *length)
{
    char data[SHMQ_SLOT_MAX];
    require_call(world, shmq_source_slot(handle, slot, data, length), 0);
    for (size_t i = 1; i < *length; i++)
        if (data[i] != data[0])
            return -1;
    return *length == 0 ? 0 : data[0];
}

static void require_slot(struct world *world, struct shmq *handle, uint32_t slot, char letter, size_t bytes)
{
    size_t length;
    const int found = letter_of_slot(world, handle, slot, &length);
    require(world, found == letter && length == bytes, "slot %d has %d bytes of %d, not %d of %d", (int)slot,
            (int)length, found, (int)bytes, letter);
}

/* The record is the one before or the new one, never a mixture; no other has changed. */
static void settle_slot(struct world *world)
{
    size_t length;
    const bool far = world->operation->act == set_far_slot;
    struct shmq *handle = open_role(world, SHMQ_PRODUCER, false, SOURCE);
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const int letter = letter_of_slot(world, handle, far ? FAR_SLOT : SLOT, &length);
    const bool is_old = far ? letter == 0 : letter == 'o' && length == OLD_BYTES;
    const bool is_new = letter == 'n' && length == SLOT_NEW_BYTES;
    require(world, is_new || (is_old && !returned), "the slot has %d bytes of %d", (int)length, letter);
    require_slot(world, handle, NEIGHBOUR, 'k', KEPT_BYTES);
    require_slot(world, handle, FAR_SLOT - 1, 0, 0);
    shmq_abandon(handle);
    settle(world);
}

/* What the other source had: all or nothing. */
static void require_all_of_other(struct world *world, struct shmq *handle, bool all)
{
    unsigned char note[SHMQ_NOTE_MAX];
    size_t length;
    struct shmq_cursor cursor;
    const struct shmq_cursor wanted = all ? cursor_of(1) : (struct shmq_cursor){.words = {0}};
    require_call(world, shmq_source_note(handle, note, &length), 0);
    require(world, length == (all ? NOTE_BYTES : 0), "a note of %d bytes", (int)length);
    require_call(world, shmq_resume_cursor(handle, &cursor), 0);
    require(world, memcmp(&cursor, &wanted, sizeof(cursor)) == 0, "the cursor of another");
    require_slot(world, handle, NEIGHBOUR, all ? 'k' : 0, all ? KEPT_BYTES : 0);
    require_slot(world, handle, SLOT, all ? 'o' : 0, all ? OLD_BYTES : 0);
    require_slot(world, handle, FAR_SLOT, 0, 0);
}

/* The victim's source begins with nothing, in whichever lane. */
static void settle_newcomer(struct world *world)
{
    struct shmq *handle = open_role(world, SHMQ_PRODUCER, false, SOURCE);
    require_all_of_other(world, handle, false);
    shmq_abandon(handle);
    settle(world);
}

/* The other source comes back, unless the victim has its lane: nothing of its own is missing, or everything. */
static void settle_comeback(struct world *world)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    require_call(world, shmq_stat_lane(world->consumer, 1, &stat), 0);
    require(world, stat.source_id != 0 || atomic_load(&world->ledger->returned) == 0, "the victim has no lane");
    if (stat.source_id != SOURCE) {
        struct shmq *handle = open_role(world, SHMQ_PRODUCER, false, OTHER_SOURCE);
        require_all_of_other(world, handle, stat.source_id == OTHER_SOURCE);
        require_call(world, shmq_close(handle), 0);
    }
    settle(world);
}

static struct shmq_options part_options(const struct world *world, uint64_t part, uint64_t size)
{
    return (struct shmq_options){SHMQ_OPTIONS_DEFAULTS,
                                 .create = true,
                                 .capacity_bytes = CAPACITY,
                                 .lanes = LANES,
                                 .seats = SEATS,
                                 .tick_ns = world->tick_ns,
                                 .source_id = part == 2 ? SOURCE : 0,
                                 .source_group = GROUP,
                                 .source_part = part,
                                 .source_size = size};
}

/* What the first part said holds, although its lane is now the second one's. */
static void settle_part(struct world *world)
{
    uint64_t size;
    uint64_t said;
    struct shmq *handle;
    const struct shmq_options options = part_options(world, 2, 3000);
    require_call(world, shmq_open(&handle, queue, SHMQ_PRODUCER, &options), 0);
    require_call(world, shmq_source_whole(handle, &size, &said), 0);
    require(world, size == 1000, "the whole has %d bytes", (int)size);
    shmq_abandon(handle);
    settle(world);
}

static void settle_withdrawal(struct world *world)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    require_call(world, shmq_stat_lane(world->consumer, 1, &stat), 0);
    require(world, stat.finishes == 1, "%d finishes are counted", (int)stat.finishes);
    require(world, stat.finished || atomic_load(&world->ledger->returned) == 0, "its lane is unfinished");
    settle_beside_sleeper(world);
}

/* ------------------------------------------------------------------ victims: producers */

static struct shmq *open_victim(struct world *world, enum shmq_role role, uint64_t source, uint32_t prefetch)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .source_id = source, .prefetch = prefetch,
                                         .follow = true};
    process_require_equal(shmq_open(&world->victim, queue, role, &options), 0);
    if (role == SHMQ_PRODUCER)
        process_require_equal(shmq_set_frame(world->victim, SHMQ_FRAME_DELIMITER, '\n'), 0);
    return world->victim;
}

static void victim_puts(struct world *world, uint64_t first, uint64_t count, size_t length)
{
    for (uint64_t i = 0; i < count; i++)
        process_require_equal(put_one(world, world->victim, first + i, length, 0), 0);
}

/* Runs something in a process that then dies as it stands. */
static void let_die(struct world *world, void (*run)(struct world *world))
{
    const pid_t pid = fork();
    process_require(pid >= 0);
    if (pid == 0) {
        run(world);
        (void)raise(SIGKILL);
    }
    process_require_equal(waitpid(pid, NULL, 0), pid);
}

static int attach_producer(struct world *world)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .source_id = SOURCE};
    return shmq_open(&world->victim, queue, SHMQ_PRODUCER, &options);
}

static void put_old(struct world *world)
{
    process_require_equal(shmq_open(&world->victim, queue, SHMQ_PRODUCER, NULL), 0);
    victim_puts(world, OLD, 3, SHORT);
}

static void put_as_source(struct world *world)
{
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
    victim_puts(world, VICTIMS, 3, SHORT);
}

static void leave_lane_to_anybody(struct world *world)
{
    let_die(world, put_old);
}

static void leave_lane_to_source(struct world *world)
{
    let_die(world, put_as_source);
}

static void expect_old(struct world *world, bool returned)
{
    (void)returned;
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    set_fates(world, OLD, 3, fresh);
}

static void expect_source(struct world *world, bool returned)
{
    (void)returned;
    set_fates(world, VICTIMS, 3, fresh);
}

static void expect_survivors(struct world *world, bool returned)
{
    (void)returned;
    set_fates(world, SURVIVORS, MESSAGES, fresh);
}

static void prepare_producer(struct world *world)
{
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
    victim_puts(world, VICTIMS, 1, SHORT);
    write_body(world->ready, VICTIMS + 1, SHORT);
}

static void prepare_note(struct world *world)
{
    prepare_producer(world);
    memset(world->ready, 'o', NOTE_BYTES);
    process_require_equal(shmq_set_source_note(world->victim, world->ready, NOTE_BYTES), 0);
    memset(world->ready, 'n', NOTE_BYTES);
}

static int set_note(struct world *world)
{
    return shmq_set_source_note(world->victim, world->ready, NOTE_BYTES);
}

static void fill_slot(struct world *world, uint32_t slot, char letter, size_t bytes)
{
    memset(world->ready, letter, bytes);
    process_require_equal(shmq_set_source_slot(world->victim, slot, world->ready, bytes), 0);
}

static void fill_slots(struct world *world)
{
    prepare_producer(world);
    fill_slot(world, NEIGHBOUR, 'k', KEPT_BYTES);
    fill_slot(world, SLOT, 'o', OLD_BYTES);
}

/* By a successor, which has not set any. */
static void prepare_slot(struct world *world)
{
    let_die(world, fill_slots);
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
    memset(world->ready, 'n', SLOT_NEW_BYTES);
}

static int set_slot(struct world *world)
{
    return shmq_set_source_slot(world->victim, SLOT, world->ready, SLOT_NEW_BYTES);
}

/* Reserves memory. */
static int set_far_slot(struct world *world)
{
    return shmq_set_source_slot(world->victim, FAR_SLOT, world->ready, SLOT_NEW_BYTES);
}

static void put_as_other_source(struct world *world)
{
    const struct shmq_cursor cursor = cursor_of(1);
    (void)open_victim(world, SHMQ_PRODUCER, OTHER_SOURCE, 0);
    fill_slot(world, NEIGHBOUR, 'k', KEPT_BYTES);
    fill_slot(world, SLOT, 'o', OLD_BYTES);
    process_require_equal(shmq_set_source_note(world->victim, world->ready, NOTE_BYTES), 0);
    process_require_equal(shmq_set_cursor(world->victim, &cursor), 0);
    victim_puts(world, OLD, 3, SHORT);
    process_require_equal(shmq_close(world->victim), 0);
}

static void leave_lane_of_other_source(struct world *world)
{
    let_die(world, put_as_other_source);
}

static void prepare_cursor(struct world *world)
{
    const struct shmq_cursor cursor = cursor_of(1);
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
    process_require_equal(shmq_set_cursor(world->victim, &cursor), 0);
    victim_puts(world, VICTIMS, 1, SHORT);
    write_body(world->ready, VICTIMS + 1, SHORT);
}

static int put_with_headers(struct world *world)
{
    const struct shmq_cursor cursor = cursor_of(2);
    const struct shmq_outgoing message = {.size = sizeof(message),
                                          .data = world->ready,
                                          .length = SHORT,
                                          .headers = HEADERS,
                                          .headers_length = strlen(HEADERS),
                                          .cursor = &cursor};
    const int code = shmq_put_outgoing(world->victim, &message, 1, NULL, 0);
    if (code == 0)
        atomic_fetch_add(&world->ledger->put[VICTIMS + 1], 1);
    return code;
}

static void run_first_part(struct world *world)
{
    const struct shmq_options options = part_options(world, 1, 1000);
    process_require_equal(shmq_open(&world->victim, queue, SHMQ_PRODUCER, &options), 0);
    process_require_equal(shmq_close(world->victim), 0);
}

static void leave_first_part(struct world *world)
{
    let_die(world, run_first_part);
}

static int attach_part(struct world *world)
{
    const struct shmq_options options = part_options(world, 2, 2000);
    return shmq_open(&world->victim, queue, SHMQ_PRODUCER, &options);
}

static void put_as_source_and_finish(struct world *world)
{
    put_as_source(world);
    process_require_equal(shmq_close(world->victim), 0);
}

static void prepare_withdrawal(struct world *world)
{
    let_die(world, put_as_source_and_finish);
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
}

static int withdraw(struct world *world)
{
    shmq_withdraw(world->victim);
    world->victim = NULL;
    return 0;
}

/* The operation itself is the library's work alone. */
static int put_ready(struct world *world, uint64_t id, size_t length)
{
    const int code = shmq_put(world->victim, world->ready, length, SHMQ_FOREVER);
    atomic_fetch_add(&world->ledger->put[id], code == 0);
    return code;
}

static int put_another(struct world *world)
{
    return put_ready(world, VICTIMS + 1, SHORT);
}

static void expect_another(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    set_fates(world, VICTIMS, 1, fresh);
    set_fates(world, VICTIMS + 1, 1, returned ? fresh : maybe);
}

static void expect_another_alone(struct world *world, bool returned)
{
    set_fates(world, VICTIMS, 1, fresh);
    set_fates(world, VICTIMS + 1, 1, returned ? fresh : maybe);
}

static void expect_first(struct world *world, bool returned)
{
    (void)returned;
    set_fates(world, VICTIMS, 1, fresh);
}

static void expect_noted(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    expect_first(world, returned);
}

static int reserve_and_commit(struct world *world)
{
    void *payload;
    int code = shmq_reserve(world->victim, LONG, &payload, SHMQ_FOREVER);
    if (code != 0)
        return code;
    memcpy(payload, world->ready, SHORT);
    code = shmq_commit(world->victim, SHORT);
    atomic_fetch_add(&world->ledger->put[VICTIMS + 1], code == 0);
    return code;
}

#define MANY 5

static void prepare_many(struct world *world)
{
    prepare_producer(world);
    for (size_t i = 0; i < MANY; i++)
        write_body(world->ready + i * SHORT, VICTIMS + 1 + i, SHORT);
}

static int put_many(struct world *world)
{
    struct iovec parts[MANY];
    size_t done = 0;
    for (size_t i = 0; i < MANY; i++)
        parts[i] = (struct iovec){.iov_base = world->ready + i * SHORT, .iov_len = SHORT};
    const int code = shmq_put_many(world->victim, parts, MANY, &done, SHMQ_FOREVER);
    for (size_t i = 0; i < done; i++)
        atomic_fetch_add(&world->ledger->put[VICTIMS + 1 + i], 1);
    return code;
}

static void expect_many(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    set_fates(world, VICTIMS, 1, fresh);
    set_fates(world, VICTIMS + 1, MANY, returned ? fresh : maybe);
}

static void fill_with_long(struct world *world)
{
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
    victim_puts(world, VICTIMS, CELLS / 16, LONG);
    write_body(world->ready, VICTIMS + CELLS / 16, LONG);
}

static int put_long(struct world *world)
{
    return put_ready(world, VICTIMS + CELLS / 16, LONG);
}

static void expect_long(struct world *world, bool returned)
{
    set_fates(world, VICTIMS, CELLS / 16, fresh);
    set_fates(world, VICTIMS + CELLS / 16, 1, returned ? fresh : maybe);
}

/* It has slept before, so that its doorbell is there. */
static void fill_with_short(struct world *world)
{
    (void)open_victim(world, SHMQ_PRODUCER, SOURCE, 0);
    victim_puts(world, VICTIMS, CELLS, SHORT);
    process_require_equal(put_one(world, world->victim, VICTIMS + CELLS, SHORT, SHORT_NS), -ETIMEDOUT);
    write_body(world->ready, VICTIMS + CELLS, SHORT);
}

static int put_short(struct world *world)
{
    return put_ready(world, VICTIMS + CELLS, SHORT);
}

static void expect_short(struct world *world, bool returned)
{
    set_fates(world, VICTIMS, CELLS, fresh);
    set_fates(world, VICTIMS + CELLS, 1, returned ? fresh : maybe);
}

static void make_room(struct world *world, uint32_t earlier)
{
    (void)earlier;
    const int code = receive_batch(world, world->consumer, 0);
    require(world, code == 0 || code == -EAGAIN, "making room: %s", shmq_strerror(code));
}

/* The first sleep is short, and meant for more room than that. */
static void make_room_in_second_sleep(struct world *world, uint32_t earlier)
{
    if (earlier > 0)
        make_room(world, earlier);
}

static int finish(struct world *world)
{
    return shmq_finish(world->victim);
}

static int finish_dead(struct world *world)
{
    (void)world;
    return shmq_finish_lane(queue, 1);
}

static int close_victim(struct world *world)
{
    struct shmq *victim = world->victim;
    world->victim = NULL;
    return shmq_close(victim);
}

static void producer_goes_on(struct world *world)
{
    if (world->victim == NULL)
        return;
    process_require_equal(shmq_set_frame(world->victim, SHMQ_FRAME_DELIMITER, '\n'), 0);
    const int code = put_one(world, world->victim, BYSTANDERS - 1, SHORT, SHMQ_FOREVER);
    process_require(code == 0 || code == -ESHUTDOWN);
    process_require_equal(shmq_close(world->victim), 0);
}

/* ------------------------------------------------------------------ victims: consumers */

/* Takes all of a batch. */
static void victim_leases(struct world *world)
{
    process_require_equal(
        shmq_lease_many(world->victim, world->leased, BATCH_MAX, &world->leased_count, SHMQ_FOREVER), 0);
    process_require(world->leased_count >= 3);
    if (atomic_load(&world->ledger->taken) == 0)
        atomic_store(&world->ledger->taken, (uint32_t)world->leased_count);
}

/* What it holds must still be what it was. */
static void read_leased(struct world *world, size_t count)
{
    for (size_t i = 0; i < count; i++)
        process_require((world->leased_ids[i] = read_body(&world->leased[i])) != 0);
}

static void forget_leased(struct world *world, size_t count)
{
    for (size_t i = 0; i < count; i++)
        atomic_fetch_add(&world->ledger->acknowledged[world->leased_ids[i]], 1);
    world->leased_count -= count;
    memmove(world->leased, world->leased + count, world->leased_count * sizeof(world->leased[0]));
}

/* Acknowledges the oldest. */
static void victim_acknowledges(struct world *world, size_t count)
{
    read_leased(world, count);
    process_require_equal(shmq_acknowledge(world->victim, count), 0);
    forget_leased(world, count);
}

static int attach_consumer(struct world *world)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    return shmq_open(&world->victim, queue, SHMQ_CONSUMER, &options);
}

static int attach_observer(struct world *world)
{
    return shmq_open(&world->victim, queue, SHMQ_OBSERVER, NULL);
}

static void prepare_consumer(struct world *world)
{
    (void)open_victim(world, SHMQ_CONSUMER, 0, 0);
}

static void prepare_single_consumer(struct world *world)
{
    (void)open_victim(world, SHMQ_CONSUMER, 0, 1);
}

static void prepare_lease(struct world *world)
{
    prepare_consumer(world);
    victim_leases(world);
}

static void prepare_last_of_lease(struct world *world)
{
    prepare_lease(world);
    victim_acknowledges(world, world->leased_count - 1);
}

static void prepare_held(struct world *world)
{
    prepare_last_of_lease(world);
    process_require_equal(shmq_hold(world->victim, &world->leased[0]), 0);
}

static int lease_one(struct world *world)
{
    const int code = shmq_lease(world->victim, &world->leased[0], SHMQ_FOREVER);
    world->leased_count = code == 0;
    return code;
}

static void prepare_single(struct world *world)
{
    prepare_consumer(world);
    process_require_equal(lease_one(world), 0);
}

static int get_one(struct world *world)
{
    size_t length;
    return shmq_get(world->victim, world->ready, SHORT, &length, SHMQ_FOREVER);
}

static void count_got(struct world *world)
{
    const struct shmq_message message = {.data = world->ready, .length = SHORT};
    atomic_fetch_add(&world->ledger->acknowledged[read_body(&message)], 1);
}

static int get_in_vain(struct world *world)
{
    unsigned char bytes[SHORT];
    size_t length;
    return shmq_get(world->victim, bytes, sizeof(bytes), &length, SHORT_NS);
}

/* Its sleep ends at once, and then it replaces the semaphore. The value is the first 32 bits of glibc's. */
static void prepare_noisy_consumer(struct world *world)
{
    const uint32_t value = SEM_VALUE_MAX;
    prepare_consumer(world);
    process_require_equal(get_in_vain(world), -ETIMEDOUT); /* the semaphore is there now */
    process_require(world->victim->items.semaphore != NULL);
    memcpy(world->victim->items.semaphore, &value, sizeof(value));
}

static int acknowledge_one(struct world *world)
{
    return shmq_acknowledge(world->victim, 1);
}

static void count_acknowledged(struct world *world)
{
    forget_leased(world, 1);
}

static int hold(struct world *world)
{
    return shmq_hold(world->victim, &world->leased[0]);
}

static int count_failure(struct world *world)
{
    return shmq_fail(world->victim, NULL);
}

static int release(struct world *world)
{
    return shmq_release(world->victim);
}

/* Its note has one number in all words. */
static int put_aside_with(struct world *world, uint64_t number, int64_t delay_ns)
{
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    aside.delay_ns = delay_ns;
    for (size_t i = 0; i < SHMQ_ASIDE_WORDS; i++)
        aside.note[i] = number;
    return shmq_put_aside(world->victim, &aside);
}

static int put_aside(struct world *world)
{
    return put_aside_with(world, 2, SHORT_NS);
}

static void count_released(struct world *world)
{
    world->leased_count = 0;
}

/* What was leased before the operation: its first one, and the others. */
static void expect_batch(struct world *world, struct fate first, struct fate others)
{
    const uint32_t taken = atomic_load(&world->ledger->taken);
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    set_fates(world, SURVIVORS, taken, others);
    if (taken > 0)
        set_fates(world, SURVIVORS, 1, first);
}

/* Only the last of the batch was not yet acknowledged. */
static void expect_last(struct world *world, struct fate last)
{
    const uint32_t taken = atomic_load(&world->ledger->taken);
    expect_batch(world, never, never);
    if (taken > 0)
        set_fates(world, SURVIVORS + taken - 1, 1, last);
}

static void expect_lease(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, either);
    if (returned)
        set_fates(world, SURVIVORS, 1, again_after(1, 1));
}

static void expect_get(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    set_fates(world, SURVIVORS, 1, returned ? never : maybe_either);
}

static void expect_acknowledge_one(struct world *world, bool returned)
{
    expect_batch(world, returned ? never : maybe_again, again);
    set_fates(world, SURVIVORS + 1, 1, returned ? again_after(1, 1) : again_after(0, 1));
}

static void expect_acknowledge_single(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, 1, returned ? never : maybe_again);
}

static void expect_acknowledge_last(struct world *world, bool returned)
{
    expect_last(world, returned ? never : maybe_again);
}

static void expect_hold(struct world *world, bool returned)
{
    (void)returned;
    expect_last(world, again_after(1, 1));
}

static void expect_failure(struct world *world, bool returned)
{
    expect_batch(world, returned ? again_after(2, 2) : again_after(1, 2), again);
}

/* Given back in order it counts for no attempt. */
static void expect_given_back(struct world *world, bool returned)
{
    expect_batch(world, returned ? again_after(0, 0) : again_after(0, 1), again);
}

static void expect_held_given_back(struct world *world, bool returned)
{
    expect_last(world, returned ? again_after(0, 0) : again_after(0, 1));
}

static void put_one_more(struct world *world, uint32_t earlier)
{
    (void)earlier;
    if (atomic_load(&world->ledger->put[SURVIVORS]) == 0)
        put_survivors(world, SURVIVORS, 1);
}

static void do_nothing(struct world *world, uint32_t earlier)
{
    (void)world;
    (void)earlier;
}

static void expect_one_more(struct world *world, bool returned)
{
    const bool put = atomic_load(&world->ledger->put[SURVIVORS]) != 0;
    set_fates(world, SURVIVORS, 1, returned ? again_after(1, 1) : put ? either : never);
}

static void expect_nothing(struct world *world, bool returned)
{
    (void)world;
    (void)returned;
}

static void lease_of_bystander(struct world *world)
{
    prepare_consumer(world);
    victim_leases(world);
    victim_acknowledges(world, world->leased_count - 1);
}

/* The producer beside put them, and puts one more when there is room. */
static void expect_bystander(struct world *world, bool returned)
{
    const uint32_t taken = atomic_load(&world->ledger->taken);
    set_fates(world, BYSTANDERS, CELLS + 1, fresh);
    set_fates(world, BYSTANDERS, taken, never);
    if (taken > 0)
        set_fates(world, BYSTANDERS + taken - 1, 1, returned ? never : maybe_again);
}

static void consumer_goes_on(struct world *world)
{
    if (world->victim == NULL)
        return;
    victim_acknowledges(world, world->leased_count);
    while (shmq_lease(world->victim, &world->leased[0], 0) == 0) {
        world->leased_count = 1;
        victim_acknowledges(world, 1);
    }
    process_require_equal(shmq_close(world->victim), 0);
}

/* ------------------------------------------------------------------ victims: undertakers */

static void die_with_lease(struct world *world)
{
    prepare_lease(world);
    victim_acknowledges(world, 1);
}

/* The heir sits down in the dead one's seat. */
static void prepare_heir(struct world *world)
{
    let_die(world, die_with_lease);
    prepare_consumer(world);
}

/* The undertaker has a seat of its own. */
static void prepare_undertaker(struct world *world)
{
    prepare_consumer(world);
    let_die(world, die_with_lease);
}

static void prepare_undertaker_of_held(struct world *world)
{
    prepare_consumer(world);
    let_die(world, prepare_held);
}

static void prepare_last_of_adopted(struct world *world)
{
    prepare_undertaker(world);
    victim_leases(world);
    victim_acknowledges(world, world->leased_count - 1);
}

static void prepare_adopted_held(struct world *world)
{
    prepare_undertaker_of_held(world);
    process_require_equal(lease_one(world), 0);
}

static void die_with_one_aside(struct world *world)
{
    prepare_last_of_lease(world);
    process_require_equal(put_aside_with(world, 1, 0), 0);
}

static void prepare_undertaker_of_aside(struct world *world)
{
    prepare_consumer(world);
    let_die(world, die_with_one_aside);
}

static void prepare_taken_from_aside(struct world *world)
{
    prepare_undertaker_of_aside(world);
    process_require_equal(lease_one(world), 0);
}

static void prepare_adopted(struct world *world)
{
    prepare_undertaker(world);
    victim_leases(world);
}

static void expect_adopted(struct world *world, bool returned)
{
    expect_batch(world, never, again);
    set_fates(world, SURVIVORS + 1, 1, returned ? again_after(2, 2) : again_after(1, 2));
}

static void expect_adopted_held(struct world *world, bool returned)
{
    expect_last(world, returned ? again_after(2, 2) : again_after(1, 2));
}

/* Taken from aside it counts as an attempt only once it was taken. */
static void expect_taken_from_aside(struct world *world, bool returned)
{
    expect_last(world, returned ? again_after(1, 1) : again_after(0, 1));
}

static void expect_adopted_given_back(struct world *world, bool returned)
{
    expect_batch(world, never, again);
    set_fates(world, SURVIVORS + 1, 1, returned ? again_after(1, 1) : again_after(1, 2));
}

static void expect_last_of_adopted(struct world *world, bool returned)
{
    expect_last(world, returned ? never : maybe_again);
}

static void expect_acknowledged_held(struct world *world, bool returned)
{
    expect_last(world, returned ? never : (struct fate){0, 1, 1, 2, 2});
}

/* ------------------------------------------------------------------ victims that drop, or come to what is dropped
 */

#define POSITION(id) (CELLS + (uint64_t)(id)-SURVIVORS)
#define DROPPED (SURVIVORS + 2)

static uint64_t dropped_id; /* by the victim; 0: it came too late */

/* Others may have the message when the victim goes on after it was stopped. */
static int drop(uint64_t id)
{
    const int code = shmq_drop(queue, 0, POSITION(id));
    dropped_id = code == 0 ? id : 0;
    return code == -ENOMSG || code == -EBUSY ? 0 : code;
}

/* Done, as if it had been acknowledged. */
static void count_dropped(struct world *world)
{
    if (dropped_id != 0)
        atomic_fetch_add(&world->ledger->acknowledged[dropped_id], 1);
}

static int drop_one(struct world *world)
{
    (void)world;
    return drop(DROPPED);
}

static int drop_held(struct world *world)
{
    return drop(SURVIVORS + atomic_load(&world->ledger->taken) - 1);
}

static void prepare_estate(struct world *world)
{
    let_die(world, die_with_lease);
}

static void prepare_estate_of_held(struct world *world)
{
    let_die(world, prepare_held);
}

static void expect_dropped(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, fresh);
    set_fates(world, DROPPED, 1, returned ? never : maybe);
}

static void expect_dropped_of_estate(struct world *world, bool returned)
{
    expect_batch(world, never, again);
    set_fates(world, SURVIVORS + 1, 1, again_after(1, 1));
    set_fates(world, DROPPED, 1, returned ? never : (struct fate){0, 1, 1, 0, 0});
}

static void expect_dropped_of_held(struct world *world, bool returned)
{
    expect_last(world, returned ? never : (struct fate){0, 1, 1, 1, 1});
}

static void prepare_behind_dropped(struct world *world)
{
    process_require_equal(drop(SURVIVORS), 0);
    count_dropped(world);
    prepare_consumer(world);
}

static void expect_lease_behind_dropped(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, 1, never);
    set_fates(world, SURVIVORS + 1, MESSAGES - 1, either);
    if (returned)
        set_fates(world, SURVIVORS + 1, 1, again_after(1, 1));
}

static void prepare_before_dropped(struct world *world)
{
    process_require_equal(drop(SURVIVORS + 1), 0);
    count_dropped(world);
    prepare_single(world);
}

static void expect_acknowledge_before_dropped(struct world *world, bool returned)
{
    set_fates(world, SURVIVORS, MESSAGES, either);
    set_fates(world, SURVIVORS, 1, returned ? never : maybe_again);
    set_fates(world, SURVIVORS + 1, 1, never);
    set_fates(world, SURVIVORS + 2, 1, returned ? again_after(1, 1) : again_after(0, 1));
}

/* ------------------------------------------------------------------ victims: movers */

static struct shmq_mover *mover; /* the victim's */

static const struct shmq_options destination_options = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = CAPACITY,
    .lanes = LANES,        .seats = SEATS, .tick_ns = TICK_NS};

static void open_survivors_with_destination(struct world *world)
{
    open_survivors_and_put(world);
    require_call(world, shmq_create(destination, &destination_options), 0);
}

static void open_mover(struct world *world)
{
    process_require_equal(shmq_mover_open(&mover, world->victim, destination, NULL), 0);
}

static int move_one(struct world *world)
{
    (void)world;
    return shmq_move(mover, HEADERS, strlen(HEADERS), SHMQ_FOREVER);
}

static void prepare_move(struct world *world)
{
    prepare_lease(world);
    read_leased(world, 1);
    open_mover(world);
}

static void prepare_held_move(struct world *world)
{
    prepare_held(world);
    read_leased(world, 1);
    open_mover(world);
}

static void die_in_a_move(struct world *world)
{
    prepare_move(world);
    process_require_equal(half_move(mover, world->victim, destination, &destination_options, HEADERS), 0);
}

static void prepare_adopted_move(struct world *world)
{
    prepare_consumer(world);
    let_die(world, die_in_a_move);
    victim_leases(world);
    read_leased(world, 1);
    open_mover(world);
}

static void count_moved(struct world *world)
{
    world->leased_count--;
    memmove(world->leased, world->leased + 1, world->leased_count * sizeof(world->leased[0]));
    shmq_mover_close(mover);
}

/* The survivors move what was left, as what it was leased by. */
static void move_the_rest(struct world *world)
{
    struct shmq_mover *own;
    struct shmq_message message;
    bool first = true;
    require_call(world, shmq_mover_open(&own, world->consumer, destination, NULL), 0);
    while (shmq_join(world->consumer, 0) != 0) {
        require_call(world, shmq_lease(world->consumer, &message, recovery_ns(world)), 0);
        require_call(world, shmq_move(own, HEADERS, strlen(HEADERS), SHMQ_FOREVER), 0);
        if (first)
            note_recovery(world);
        first = false;
    }
    shmq_mover_close(own);
}

/* Each message is there once, but for those that were acknowledged without being moved. */
static void expect_destination(struct world *world)
{
    struct shmq *consumer;
    struct shmq_message message;
    uint32_t found[IDS] = {0};
    int code;
    require_call(world, shmq_open(&consumer, destination, SHMQ_CONSUMER, NULL), 0);
    require_call(world, shmq_check(consumer, say_problem, NULL), 0);
    while ((code = shmq_lease(consumer, &message, recovery_ns(world))) == 0) {
        const uint64_t id = read_body(&message);
        require(world, id != 0 && message.headers_length == strlen(HEADERS), "what was moved is not whole");
        require_headers(world, &message);
        require_call(world, shmq_acknowledge(consumer, 1), 0);
        found[id]++;
    }
    require_code(world, __LINE__, "the end of what was moved", code, -ENODATA);
    for (uint64_t id = SURVIVORS; id < SURVIVORS + MESSAGES; id++) {
        const uint32_t done =
            atomic_load(&world->ledger->acknowledged[id]) + atomic_load(&world->ledger->received[id]);
        require(world, found[id] + done == 1, "message %d was moved %u times, and done %u times", (int)id,
                found[id], done);
        atomic_fetch_add(&world->ledger->received[id], found[id]);
    }
    require_call(world, shmq_close(consumer), 0);
    require_call(world, shmq_remove(destination, false), 0);
}

static void settle_moved(struct world *world)
{
    check(world);
    move_the_rest(world);
    expect_destination(world);
    set_fates(world, SURVIVORS, MESSAGES, never);
    work_to_the_end(world);
}

/* ------------------------------------------------------------------ victims: movers of batches */

/* The destination has a lane for each seat. */
static void open_survivors_to_forward(struct world *world)
{
    struct shmq_options with_lanes = destination_options;
    with_lanes.lanes = SEATS;
    open_survivors_and_put(world);
    require_call(world, shmq_create(destination, &with_lanes), 0);
}

static int forward_leased(struct world *world)
{
    return shmq_mover_put(mover, world->leased, world->leased_count, NULL, SHMQ_FOREVER);
}

static void prepare_forward(struct world *world)
{
    prepare_lease(world);
    read_leased(world, world->leased_count);
    open_mover(world);
}

/* The lane is there already. */
static void prepare_next_forward(struct world *world)
{
    prepare_forward(world);
    process_require_equal(shmq_mover_put(mover, world->leased, 1, NULL, SHMQ_FOREVER), 0);
    victim_acknowledges(world, 1);
    read_leased(world, world->leased_count);
}

static void die_in_a_forward(struct world *world)
{
    prepare_forward(world);
    process_require_equal(shmq_mover_put(mover, world->leased, 2, NULL, SHMQ_FOREVER), 0);
}

static void prepare_adopted_forward(struct world *world)
{
    prepare_consumer(world);
    let_die(world, die_in_a_forward);
    victim_leases(world);
    read_leased(world, world->leased_count);
    open_mover(world);
}

static void forward_all(struct world *world)
{
    while (shmq_lease_many(world->victim, world->leased, BATCH_MAX, &world->leased_count, 0) == 0) {
        process_require_equal(forward_leased(world), 0);
        victim_acknowledges(world, world->leased_count);
    }
    world->leased_count = 0;
}

static void die_after_a_forward(struct world *world)
{
    prepare_forward(world);
    process_require_equal(forward_leased(world), 0);
    victim_acknowledges(world, world->leased_count);
}

/* A dead one's lane is unfinished beside the victim's. */
static void prepare_mover_finish(struct world *world)
{
    prepare_consumer(world);
    open_mover(world);
    let_die(world, die_after_a_forward);
    forward_all(world);
}

static int finish_mover(struct world *world)
{
    (void)world;
    return shmq_mover_finish(mover);
}

static void forward_goes_on(struct world *world)
{
    victim_acknowledges(world, world->leased_count);
    shmq_mover_close(mover);
    process_require_equal(shmq_close(world->victim), 0);
}

/* The survivors forward what was left, as what it was leased by, and come to the end. */
static void forward_the_rest(struct world *world)
{
    struct shmq_mover *own;
    struct shmq_message messages[BATCH_MAX];
    size_t count;
    bool first = true;
    require_call(world, shmq_mover_open(&own, world->consumer, destination, NULL), 0);
    while (shmq_join(world->consumer, 0) != 0) {
        require_call(world, shmq_lease_many(world->consumer, messages, BATCH_MAX, &count, recovery_ns(world)), 0);
        require_call(world, shmq_mover_put(own, messages, count, NULL, SHMQ_FOREVER), 0);
        require_call(world, shmq_acknowledge(world->consumer, count), 0);
        if (first)
            note_recovery(world);
        first = false;
    }
    require_call(world, shmq_mover_finish(own), 0);
    shmq_mover_close(own);
}

/* Counts what is there, and takes it out. Return: what came then. */
static int take_forwarded(struct world *world, uint32_t *found, int64_t wait_ns)
{
    struct shmq *consumer;
    struct shmq_message message;
    int code;
    require_call(world, shmq_open(&consumer, destination, SHMQ_CONSUMER, NULL), 0);
    require_call(world, shmq_check(consumer, say_problem, NULL), 0);
    while ((code = shmq_lease(consumer, &message, wait_ns)) == 0) {
        const uint64_t id = read_body(&message);
        require(world, id != 0 && message.headers_length > 0, "what was forwarded is not whole");
        require_call(world, shmq_acknowledge(consumer, 1), 0);
        found[id]++;
    }
    require_call(world, shmq_close(consumer), 0);
    return code;
}

/* Each message is there once, but for those that survivors received meanwhile, and the stream has ended. */
static void settle_forwarded(struct world *world)
{
    uint32_t found[IDS] = {0};
    check(world);
    if (world->operation->consumes)
        (void)take_forwarded(world, found, 0);
    forward_the_rest(world);
    const int code = take_forwarded(world, found, recovery_ns(world));
    require_code(world, __LINE__, "the end of what was forwarded", code, -ENODATA);
    for (uint64_t id = SURVIVORS; id < SURVIVORS + MESSAGES; id++) {
        const uint32_t received = atomic_load(&world->ledger->received[id]);
        require(world, found[id] + received == 1, "message %d was forwarded %u times, and received %u times",
                (int)id, found[id], received);
    }
    require_call(world, shmq_remove(destination, false), 0);
    set_fates(world, SURVIVORS, MESSAGES, never);
    work_to_the_end(world);
}

/* ------------------------------------------------------------------ victims: writers of files */

#define FILE_DEVICE 3
#define FILE_OFFSET UINT64_C(0x0123456789abcdef)
#define INTENDED 2 /* messages of an intent */

/* Each number of a file has an intent of its own, so that halves of two would show. */
static struct shmq_write_intent intent_for(uint64_t file)
{
    return (struct shmq_write_intent){.device = FILE_DEVICE + file,
                                      .inode = file,
                                      .offset = FILE_OFFSET / file,
                                      .bytes = FILE_OFFSET / 2 / file,
                                      .format = ~file,
                                      .count = INTENDED};
}

static int set_intent(struct world *world)
{
    const struct shmq_write_intent intent = intent_for(1);
    return shmq_set_write_intent(world->victim, &intent);
}

static int set_another_intent(struct world *world)
{
    const struct shmq_write_intent intent = intent_for(2);
    return shmq_set_write_intent(world->victim, &intent);
}

static int clear_intent(struct world *world)
{
    return shmq_set_write_intent(world->victim, NULL);
}

static void prepare_intent(struct world *world)
{
    prepare_lease(world);
    victim_acknowledges(world, 1);
    process_require_equal(set_intent(world), 0);
}

static void prepare_one_less(struct world *world)
{
    prepare_lease(world);
    victim_acknowledges(world, 1);
}

static void prepare_visit(struct world *world)
{
    prepare_consumer(world);
    let_die(world, prepare_intent);
}

/* What a visitor is told about. */
struct visited {
    struct world *world;
    struct shmq *handle;
    uint32_t times;
};

static int settle_in_file(void *context, const struct shmq_write_intent *intent,
                          const struct shmq_message *messages, size_t count)
{
    const struct visited *visited = context;
    (void)intent;
    for (size_t i = 0; i < count; i++)
        process_require_equal(read_body(&messages[i]), SURVIVORS + 1 + i);
    atomic_fetch_add(&visited->world->ledger->settled, 1);
    return 0;
}

static int visit_intents(struct world *world)
{
    struct visited visited = {.world = world};
    const struct shmq_write_intent intent = intent_for(1);
    return shmq_visit_write_intents(world->victim, intent.device, intent.inode, settle_in_file, &visited);
}

/* The one whose first message is not acknowledged, or that message was acknowledged by the writer. */
static int look_at_intent(void *context, const struct shmq_write_intent *intent,
                          const struct shmq_message *messages, size_t count)
{
    struct visited *visited = context;
    const struct world *world = visited->world;
    const struct shmq_write_intent expected = intent_for(intent->inode);
    require(world,
            intent->device == expected.device && intent->offset == expected.offset &&
                intent->bytes == expected.bytes && intent->format == expected.format &&
                intent->count == expected.count,
            "an intent is not whole");
    const bool done = atomic_load(&world->ledger->acknowledged[SURVIVORS + 1]) != 0;
    require(world, count == (done ? 0 : INTENDED), "an intent of %d messages has %d", INTENDED, (int)count);
    for (size_t i = 0; i < count; i++)
        require(world, read_body(&messages[i]) == SURVIVORS + 1 + i, "an intent has message %d",
                (int)read_body(&messages[i]));
    require(world, shmq_intent_holds(visited->handle) == !done, "its messages do%s hold", done ? "" : " not");
    visited->times++;
    return 0;
}

/* How many intents for a file there are; afterwards there are none. */
static uint32_t settle_file(struct world *world, uint64_t file)
{
    struct visited visited = {.world = world, .handle = world->consumer};
    const struct shmq_write_intent intent = intent_for(file);
    require_call(world,
                 shmq_visit_write_intents(world->consumer, intent.device, intent.inode, look_at_intent, &visited),
                 0);
    const uint32_t times = visited.times;
    require_call(world,
                 shmq_visit_write_intents(world->consumer, intent.device, intent.inode, look_at_intent, &visited),
                 0);
    require(world, visited.times == times, "an intent that was settled is there again");
    return times;
}

/* Set or not, but set once it has returned. */
static void settle_set(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const uint32_t found = settle_file(world, 1);
    require(world, found <= 1 && (found == 1 || !returned), "%u intents are found", found);
    settle(world);
}

/* The earlier one or the later one or, in between, none; the later one once it has returned. */
static void settle_replaced(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const uint32_t earlier = settle_file(world, 1);
    const uint32_t later = settle_file(world, 2);
    require(world, earlier + later <= 1 && (later == 1 || !returned), "%u and %u intents are found", earlier,
            later);
    settle(world);
}

static void settle_cleared(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const uint32_t found = settle_file(world, 1);
    require(world, found <= 1 && (found == 0 || !returned), "%u intents are found", found);
    settle(world);
}

/* It stays until the visitor has returned, and is gone when the visit has. */
static void settle_visited(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const bool settled = atomic_load(&world->ledger->settled) != 0;
    const uint32_t found = settle_file(world, 1);
    require(world, found <= 1 && (found == 1 || settled) && (found == 0 || !returned), "%u intents are found",
            found);
    require(world, settled || !returned, "nobody was asked");
    settle(world);
}

/* The first of its batch was acknowledged, the others were not. */
static void expect_one_less(struct world *world, bool returned)
{
    (void)returned;
    expect_batch(world, never, again);
    set_fates(world, SURVIVORS + 1, 1, again_after(1, 1));
}

/* ------------------------------------------------------------------ victims: who makes, ends and removes queues
 */

static const struct shmq_options small_queue = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = CAPACITY,
                                                .lanes = LANES,        .seats = SEATS, .tick_ns = TICK_NS};

static void set_up_nothing(struct world *world)
{
    world->tick_ns = TICK_NS;
}

static int create(struct world *world)
{
    (void)world;
    return shmq_create(queue, &small_queue);
}

static int create_and_attach(struct world *world)
{
    return shmq_open(&world->victim, queue, SHMQ_PRODUCER, &small_queue);
}

/* Whatever is there, a queue can be made of it. */
static void settle_by_creation(struct world *world)
{
    open_survivors(world);
    settle(world);
}

/* Whatever is there, it can be removed. */
static void settle_by_removal(struct world *world)
{
    const int code = shmq_remove(queue, false);
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    require(world, code == 0 || (code == -ENOENT && !returned), "remove: %s", shmq_strerror(code));
    require(world, test_leftovers(queue) == 0, "something is left in /dev/shm");
    settle_by_creation(world);
}

/* A queue that was worked with, so that all its semaphores are there. */
static void set_up_drained(struct world *world)
{
    uint64_t id = SURVIVORS;
    int code;
    open_survivors(world);
    set_fates(world, SURVIVORS, CELLS, fresh);
    require_call(world, receive_batch(world, world->consumer, SHORT_NS), -ETIMEDOUT);
    while ((code = put_one(world, world->producer, id, SHORT, SHORT_NS)) == 0)
        id++;
    require_call(world, code, -ETIMEDOUT);
    while ((code = receive_batch(world, world->consumer, 0)) == 0)
        ;
    require_call(world, code, -EAGAIN);
}

static void set_up_idle(struct world *world)
{
    set_up_drained(world);
    require_call(world, shmq_close(world->producer), 0);
    require_call(world, shmq_close(world->consumer), 0);
    world->producer = NULL;
    world->consumer = NULL;
}

static void set_up_for_removal(struct world *world)
{
    set_up_drained(world);
    start_sleeper(world);
}

static int remove_idle(struct world *world)
{
    (void)world;
    return shmq_remove(queue, false);
}

static int remove_in_use(struct world *world)
{
    (void)world;
    return shmq_remove(queue, true);
}

/* A fresh queue knows nothing of an earlier one's messages. */
static void forget_messages(struct world *world)
{
    memset(world->last_position, 0, sizeof(world->last_position));
    for (uint64_t id = 0; id < IDS; id++)
        atomic_store(&world->ledger->received[id], 0);
    set_fates(world, 0, IDS, never);
}

static void settle_idle_by_creation(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    require(world, !returned || test_leftovers(queue) == 0, "something is left in /dev/shm");
    forget_messages(world);
    settle_by_creation(world);
}

static void settle_idle_by_removal(struct world *world)
{
    const int code = shmq_remove(queue, false);
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    require(world, code == (returned ? -ENOENT : 0) || (code == -ENOENT && !returned), "remove: %s",
            shmq_strerror(code));
    require(world, test_leftovers(queue) == 0, "something is left in /dev/shm");
    forget_messages(world);
    settle_by_creation(world);
}

static bool is_there(struct world *world)
{
    struct shmq *observer;
    const int code = shmq_open(&observer, queue, SHMQ_OBSERVER, NULL);
    require(world, code == 0 || code == -ENOENT, "observing: %s", shmq_strerror(code));
    (void)shmq_close(observer);
    return code == 0;
}

/* Either it is gone, and all who had it open learn of it; or it works. */
static void settle_in_use(struct world *world)
{
    if (is_there(world)) {
        require(world, atomic_load(&world->ledger->returned) == 0, "it has been removed, but is there");
        settle_beside_sleeper(world);
        return;
    }
    expect_end_of_sleeper(world, -ESTALE);
    require_call(world, receive_batch(world, world->consumer, recovery_ns(world)), -ESTALE);
    require_call(world, shmq_close(world->producer), -ESTALE);
    (void)shmq_close(world->consumer);
    settle_idle_by_creation(world);
}

static void set_up_for_shutdown(struct world *world)
{
    open_survivors(world);
    start_sleeper(world);
}

static int shut_down(struct world *world)
{
    (void)world;
    return shmq_shutdown(queue, SHMQ_DRAIN);
}

static int shut_down_now(struct world *world)
{
    (void)world;
    return shmq_shutdown(queue, SHMQ_NOW);
}

/* Either it is shut down, then everybody learns of it; or it works, until somebody says so again. */
static void settle_shutdown(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const enum shmq_shutdown_how how = world->operation->act == shut_down ? SHMQ_DRAIN : SHMQ_NOW;
    check(world);
    set_fates(world, PING, 1, fresh);
    const int code = put_one(world, world->producer, PING, SHORT, 0);
    require(world, code == -ESHUTDOWN || (code == 0 && !returned), "put: %s", shmq_strerror(code));
    if (code == 0) {
        process_wait_until(has_nothing_missing, world, "the consumer beside gets everything");
        require_call(world, shmq_shutdown(queue, how), 0);
    }
    expect_end_of_sleeper(world, -ESHUTDOWN);
    require_call(world, receive_batch(world, world->consumer, recovery_ns(world)), -ESHUTDOWN);
    check(world);
    require_call(world, shmq_close(world->producer), 0);
    require_call(world, shmq_close(world->consumer), 0);
    remove_without_trace(world);
}

static int pause_queue(struct world *world)
{
    (void)world;
    return shmq_pause(queue);
}

static int resume_queue(struct world *world)
{
    (void)world;
    return shmq_resume(queue);
}

static void set_up_paused(struct world *world)
{
    open_survivors(world);
    require_call(world, shmq_pause(queue), 0);
    put_survivors(world, SURVIVORS, 1);
}

static void set_up_for_resume(struct world *world)
{
    set_up_paused(world);
    start_sleeper(world);
}

static void expect_one(struct world *world, bool returned)
{
    (void)returned;
    set_fates(world, SURVIVORS, 1, fresh);
}

static bool is_paused(struct world *world)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    require_call(world, shmq_info(world->consumer, &info), 0);
    return info.paused;
}

/* Either it is paused, and hands out nothing until somebody resumes it; or it works. */
static void settle_pause(struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    const bool pauses = world->operation->act != resume_queue;
    const bool paused = is_paused(world);
    check(world);
    require(world, !returned || paused == pauses, "it is%s paused", paused ? "" : " not");
    if (paused) {
        set_fates(world, MEANWHILE, 1, fresh);
        require_call(world, put_one(world, world->producer, MEANWHILE, SHORT, 0), 0);
        require_call(world, receive_batch(world, world->consumer, 0), -EAGAIN);
        require_call(world, shmq_resume(queue), 0);
        world->killed_ns = process_now_ns();
    }
    settle_beside_sleeper(world);
}

static void nothing_goes_on(struct world *world)
{
    if (world->victim != NULL)
        process_require_equal(shmq_close(world->victim), 0);
}

/* ------------------------------------------------------------------ the operations */

#define OF_PRODUCER .set_up = open_survivors_and_put, .settle = settle, .go_on = producer_goes_on
#define OF_CONSUMER .set_up = open_survivors_and_put, .settle = settle, .go_on = consumer_goes_on

#define OF_DROPPER                                                                                                \
    .set_up = open_survivors_and_put, .count = count_dropped, .settle = settle, .go_on = nothing_goes_on

#define OF_MOVER                                                                                                  \
    .set_up = open_survivors_with_destination, .act = move_one, .count = count_moved, .expect = expect_nothing,   \
    .settle = settle_moved, .go_on = consumer_goes_on

#define OF_FORWARDER                                                                                              \
    .set_up = open_survivors_to_forward, .expect = expect_nothing, .settle = settle_forwarded,                    \
    .go_on = forward_goes_on

#define OF_SURVIVORS_OF_OTHER                                                                                     \
    .set_up = open_survivors_and_put, .prepare = leave_lane_of_other_source, .act = attach_producer,              \
    .expect = expect_old, .go_on = producer_goes_on

#define OF_WRITER .set_up = open_survivors_and_put, .expect = expect_one_less, .go_on = consumer_goes_on

static const struct operation operations[] = {
    {"create", .set_up = set_up_nothing, .act = create, .expect = expect_nothing, .settle = settle_by_creation,
     .go_on = nothing_goes_on},
    {"create, then remove", .set_up = set_up_nothing, .act = create, .expect = expect_nothing,
     .settle = settle_by_removal, .go_on = nothing_goes_on},
    {"create and attach", .set_up = set_up_nothing, .act = create_and_attach, .expect = expect_nothing,
     .settle = settle_by_creation, .go_on = nothing_goes_on},
    {"attach as producer", OF_PRODUCER, .act = attach_producer, .expect = expect_survivors},
    {"attach as producer, a dead one's lane", OF_PRODUCER, .prepare = leave_lane_to_anybody,
     .act = attach_producer, .expect = expect_old},
    {"attach as producer, its source's lane", .set_up = open_survivors, .prepare = leave_lane_to_source,
     .act = attach_producer, .expect = expect_source, .settle = settle, .go_on = producer_goes_on},
    {"attach as producer, part of a source", .set_up = open_survivors_and_put, .prepare = leave_first_part,
     .act = attach_part, .expect = expect_survivors, .settle = settle_part, .go_on = producer_goes_on},
    {"put with headers and a cursor", .set_up = open_survivors_and_put, .prepare = prepare_cursor,
     .act = put_with_headers, .expect = expect_another, .settle = settle_cursor, .go_on = producer_goes_on},
    {"set a source's note", .set_up = open_survivors_and_put, .prepare = prepare_note, .act = set_note,
     .expect = expect_noted, .settle = settle_note, .go_on = producer_goes_on},
    {"set a source's slot", .set_up = open_survivors_and_put, .prepare = prepare_slot, .act = set_slot,
     .expect = expect_noted, .settle = settle_slot, .go_on = producer_goes_on},
    {"set a source's slot, in new memory", .set_up = open_survivors_and_put, .prepare = prepare_slot,
     .act = set_far_slot, .expect = expect_noted, .settle = settle_slot, .go_on = producer_goes_on},
    {"attach as producer, another source's lane", OF_SURVIVORS_OF_OTHER, .settle = settle_newcomer},
    {"attach as producer, another source's lane, which comes back", OF_SURVIVORS_OF_OTHER,
     .settle = settle_comeback},
    {"withdraw", .set_up = open_survivors, .prepare = prepare_withdrawal, .arrange = start_sleeper,
     .act = withdraw, .expect = expect_source, .settle = settle_withdrawal, .go_on = producer_goes_on},
    {"attach as consumer", OF_CONSUMER, .act = attach_consumer, .expect = expect_survivors},
    {"attach as observer", .set_up = open_survivors_and_put, .act = attach_observer, .expect = expect_survivors,
     .settle = settle, .go_on = nothing_goes_on},
    {"put", OF_PRODUCER, .prepare = prepare_producer, .act = put_another, .expect = expect_another},
    {"put, waking", .set_up = open_survivors, .prepare = prepare_producer, .arrange = start_sleeper,
     .settle = settle_beside_sleeper, .act = put_another, .expect = expect_another_alone,
     .go_on = producer_goes_on},
    {"put, full lane", .set_up = open_survivors, .prepare = fill_with_long, .act = put_long, .expect = expect_long,
     .settle = settle, .go_on = producer_goes_on, .on_sleep = make_room},
    {"put, full lane, two sleeps", .set_up = open_survivors, .prepare = fill_with_short, .act = put_short,
     .expect = expect_short, .settle = settle, .go_on = producer_goes_on, .on_sleep = make_room_in_second_sleep},
    {"put_many", OF_PRODUCER, .prepare = prepare_many, .act = put_many, .expect = expect_many},
    {"reserve and commit", OF_PRODUCER, .prepare = prepare_producer, .act = reserve_and_commit,
     .expect = expect_another},
    {"finish", .set_up = open_survivors, .prepare = prepare_producer, .arrange = start_sleeper,
     .settle = settle_finish, .act = finish, .expect = expect_first, .go_on = producer_goes_on},
    {"close, producer", .set_up = open_survivors, .prepare = prepare_producer, .arrange = start_sleeper,
     .settle = settle_finish, .act = close_victim, .expect = expect_first, .go_on = producer_goes_on},
    {"finish a dead one's lane", .set_up = open_survivors, .prepare = leave_lane_to_source,
     .arrange = start_sleeper, .settle = settle_finish, .act = finish_dead, .expect = expect_source,
     .go_on = nothing_goes_on},
    {"lease", OF_CONSUMER, .prepare = prepare_consumer, .act = lease_one, .expect = expect_lease, .takes = true},
    {"get", OF_CONSUMER, .prepare = prepare_single_consumer, .act = get_one, .count = count_got,
     .expect = expect_get, .takes = true},
    {"get, empty queue, woken", .set_up = open_survivors, .prepare = prepare_consumer, .act = lease_one,
     .expect = expect_one_more, .settle = settle_beside_sleeper, .go_on = consumer_goes_on,
     .on_sleep = put_one_more, .takes = true},
    {"get, empty queue, in vain", .set_up = open_survivors, .prepare = prepare_consumer, .act = get_in_vain,
     .expect = expect_nothing, .settle = settle_beside_sleeper, .go_on = consumer_goes_on, .on_sleep = do_nothing,
     .code = -ETIMEDOUT},
    {"get, a semaphore of the largest value", .set_up = open_survivors, .prepare = prepare_noisy_consumer,
     .act = get_in_vain, .expect = expect_nothing, .settle = settle_beside_sleeper, .go_on = consumer_goes_on,
     .on_sleep = do_nothing, .code = -ETIMEDOUT},
    {"acknowledge, one of several", OF_CONSUMER, .prepare = prepare_lease, .act = acknowledge_one,
     .count = count_acknowledged, .expect = expect_acknowledge_one},
    {"acknowledge, last of a batch", OF_CONSUMER, .prepare = prepare_last_of_lease, .act = acknowledge_one,
     .count = count_acknowledged, .expect = expect_acknowledge_last},
    {"acknowledge, the only message", .set_up = open_survivors_and_put_one, .prepare = prepare_single,
     .act = acknowledge_one, .count = count_acknowledged, .expect = expect_acknowledge_single,
     .settle = settle_single, .go_on = consumer_goes_on},
    {"acknowledge, waking a producer", .set_up = open_survivors_and_fill, .prepare = lease_of_bystander,
     .arrange = let_producer_wait, .act = acknowledge_one, .count = count_acknowledged, .expect = expect_bystander,
     .settle = settle, .go_on = consumer_goes_on},
    {"fail", OF_CONSUMER, .prepare = prepare_lease, .act = count_failure, .expect = expect_failure},
    {"hold", OF_CONSUMER, .prepare = prepare_last_of_lease, .act = hold, .expect = expect_hold},
    {"acknowledge, a held message", OF_CONSUMER, .prepare = prepare_held, .act = acknowledge_one,
     .count = count_acknowledged, .expect = expect_acknowledge_last},
    {"inherit a lease with the seat", OF_CONSUMER, .prepare = prepare_heir, .act = lease_one,
     .expect = expect_adopted, .redelivers = true, .takes = true},
    {"adopt a lease", OF_CONSUMER, .prepare = prepare_undertaker, .act = lease_one, .expect = expect_adopted,
     .redelivers = true, .takes = true},
    {"adopt a held message", OF_CONSUMER, .prepare = prepare_undertaker_of_held, .act = lease_one,
     .expect = expect_adopted_held, .redelivers = true, .takes = true},
    {"acknowledge, last of an adopted lease", OF_CONSUMER, .prepare = prepare_last_of_adopted,
     .act = acknowledge_one, .count = count_acknowledged, .expect = expect_last_of_adopted, .redelivers = true},
    {"acknowledge, an adopted held message", OF_CONSUMER, .prepare = prepare_adopted_held, .act = acknowledge_one,
     .count = count_acknowledged, .expect = expect_acknowledged_held, .redelivers = true},
    {"close, consumer", OF_CONSUMER, .prepare = prepare_consumer, .act = close_victim, .expect = expect_survivors},
    {"close, consumer with a lease", OF_CONSUMER, .prepare = prepare_lease, .act = close_victim,
     .expect = expect_given_back, .redelivers = true},
    {"close, consumer with a held message", OF_CONSUMER, .prepare = prepare_held, .act = close_victim,
     .expect = expect_held_given_back, .redelivers = true},
    {"close, consumer with an adopted lease", OF_CONSUMER, .prepare = prepare_adopted, .act = close_victim,
     .expect = expect_adopted_given_back, .redelivers = true},
    {"release, a lease", OF_CONSUMER, .prepare = prepare_lease, .act = release, .count = count_released,
     .expect = expect_given_back, .redelivers = true},
    {"release, a held message", OF_CONSUMER, .prepare = prepare_held, .act = release, .count = count_released,
     .expect = expect_held_given_back, .redelivers = true},
    {"release, an adopted lease", OF_CONSUMER, .prepare = prepare_adopted, .act = release, .count = count_released,
     .expect = expect_adopted_given_back, .redelivers = true},
    {"put aside, a message in the ring", OF_CONSUMER, .prepare = prepare_last_of_lease, .act = put_aside,
     .count = count_released, .expect = expect_held_given_back, .redelivers = true},
    {"put aside, a held message", OF_CONSUMER, .prepare = prepare_held, .act = put_aside, .count = count_released,
     .expect = expect_held_given_back, .redelivers = true},
    {"put aside, an adopted message", OF_CONSUMER, .prepare = prepare_last_of_adopted, .act = put_aside,
     .count = count_released, .expect = expect_held_given_back, .redelivers = true},
    {"put aside once more", OF_CONSUMER, .prepare = prepare_taken_from_aside, .act = put_aside,
     .count = count_released, .expect = expect_held_given_back, .redelivers = true},
    {"take from aside", OF_CONSUMER, .prepare = prepare_undertaker_of_aside, .act = lease_one,
     .expect = expect_taken_from_aside, .redelivers = true, .takes = true},
    {"drop", OF_DROPPER, .act = drop_one, .expect = expect_dropped},
    {"drop, what a dead one had leased", OF_DROPPER, .prepare = prepare_estate, .act = drop_one,
     .expect = expect_dropped_of_estate, .redelivers = true},
    {"drop, what a dead one held", OF_DROPPER, .prepare = prepare_estate_of_held, .act = drop_held,
     .expect = expect_dropped_of_held, .redelivers = true},
    {"lease, behind a dropped message", OF_CONSUMER, .prepare = prepare_behind_dropped, .act = lease_one,
     .expect = expect_lease_behind_dropped, .takes = true},
    {"acknowledge, before a dropped message", OF_CONSUMER, .prepare = prepare_before_dropped,
     .act = acknowledge_one, .count = count_acknowledged, .expect = expect_acknowledge_before_dropped},
    {"forward", OF_FORWARDER, .prepare = prepare_forward, .act = forward_leased},
    {"forward, and the copies are consumed", OF_FORWARDER, .prepare = prepare_forward, .act = forward_leased,
     .consumes = true},
    {"forward, in a lane that is kept", OF_FORWARDER, .prepare = prepare_next_forward, .act = forward_leased},
    {"forward, what a dead mover left", OF_FORWARDER, .prepare = prepare_adopted_forward, .act = forward_leased,
     .redelivers = true},
    {"finish a mover", OF_FORWARDER, .prepare = prepare_mover_finish, .act = finish_mover},
    {"move", OF_MOVER, .prepare = prepare_move},
    {"move, what a dead mover left", OF_MOVER, .prepare = prepare_adopted_move, .redelivers = true},
    {"move, a held message", OF_MOVER, .prepare = prepare_held_move},
    {"set a write intent", OF_WRITER, .prepare = prepare_one_less, .act = set_intent, .settle = settle_set},
    {"replace a write intent", OF_WRITER, .prepare = prepare_intent, .act = set_another_intent,
     .settle = settle_replaced},
    {"clear a write intent", OF_WRITER, .prepare = prepare_intent, .act = clear_intent, .settle = settle_cleared},
    {"visit a dead one's write intent", OF_WRITER, .prepare = prepare_visit, .act = visit_intents,
     .settle = settle_visited, .redelivers = true},
    {"shutdown, draining", .set_up = set_up_for_shutdown, .act = shut_down, .expect = expect_nothing,
     .settle = settle_shutdown, .go_on = nothing_goes_on},
    {"shutdown, at once", .set_up = set_up_for_shutdown, .act = shut_down_now, .expect = expect_nothing,
     .settle = settle_shutdown, .go_on = nothing_goes_on},
    {"pause", .set_up = set_up_for_shutdown, .act = pause_queue, .expect = expect_nothing, .settle = settle_pause,
     .go_on = nothing_goes_on},
    {"get, paused queue, in vain", .set_up = set_up_paused, .prepare = prepare_consumer, .act = get_in_vain,
     .expect = expect_one, .settle = settle_pause, .go_on = consumer_goes_on, .on_sleep = do_nothing,
     .code = -ETIMEDOUT},
    {"resume", .set_up = set_up_for_resume, .act = resume_queue, .expect = expect_one, .settle = settle_pause,
     .go_on = nothing_goes_on},
    {"remove, then create", .set_up = set_up_idle, .act = remove_idle, .expect = expect_nothing,
     .settle = settle_idle_by_creation, .go_on = nothing_goes_on},
    {"remove, then remove", .set_up = set_up_idle, .act = remove_idle, .expect = expect_nothing,
     .settle = settle_idle_by_removal, .go_on = nothing_goes_on},
    {"remove, in use", .set_up = set_up_for_removal, .act = remove_in_use, .expect = expect_nothing,
     .settle = settle_in_use, .go_on = nothing_goes_on},
};
#define OPERATIONS (COUNT(operations))

/* Whether the queue is there before and stays. */
static bool keeps_queue(const struct operation *operation)
{
    return operation->settle == settle || operation->settle == settle_single ||
           operation->settle == settle_finish || operation->settle == settle_beside_sleeper ||
           operation->settle == settle_note || operation->settle == settle_slot ||
           operation->settle == settle_newcomer || operation->settle == settle_comeback ||
           operation->settle == settle_cursor || operation->settle == settle_moved ||
           operation->settle == settle_forwarded || operation->settle == settle_part ||
           operation->settle == settle_withdrawal || operation->settle == settle_set ||
           operation->settle == settle_replaced || operation->settle == settle_cleared ||
           operation->settle == settle_visited;
}

/* ------------------------------------------------------------------ one victim */

static void run_victim(void *context)
{
    struct world *world = context;
    const struct operation *operation = world->operation;
    if (operation->prepare != NULL)
        operation->prepare(world);
    if (operation->act == acknowledge_one)
        read_leased(world, 1);
    if (world->victim != NULL)
        world->victim->spin.limit = SPINS;
    step_begin();
    atomic_store(&world->ledger->code, operation->act(world));
    atomic_store(&world->ledger->returned, 1);
    step_end();
    if (operation->count != NULL)
        operation->count(world);
    operation->go_on(world);
}

static void on_sleep(void *context, uint32_t earlier)
{
    struct world *world = context;
    world->operation->on_sleep(world, earlier);
}

/* A fresh queue, with survivors, and a victim that stands at the beginning of the operation. */
static void begin_world(struct world *world, struct step *step)
{
    struct ledger *ledger = world->ledger;
    *world = (struct world){
        .operation = world->operation, .ledger = ledger, .tally = world->tally, .tick_ns = world->tick_ns};
    memset(ledger, 0, sizeof(*ledger));
    (void)snprintf(world->how, sizeof(world->how), "at the beginning");
    world->operation->expect(world, false);
    world->operation->set_up(world);
    *step = (struct step){.context = world, .on_sleep = world->operation->on_sleep != NULL ? on_sleep : NULL};
    step_start(step, run_victim, world);
    world->operation->expect(world, false);
    if (world->operation->arrange != NULL)
        world->operation->arrange(world);
}

static void end_process(struct process *process)
{
    if (process->pid == 0)
        return;
    (void)kill(process->pid, SIGKILL);
    (void)process_collect(process);
}

/* Away with it, in whatever state. */
static void drop_world(struct world *world)
{
    end_process(&world->sleeper);
    end_process(&world->blocked);
    (void)shmq_close(world->producer);
    (void)shmq_close(world->consumer);
    (void)shmq_remove(queue, true);
    (void)shmq_remove(destination, true);
}

static bool has_returned(const struct world *world)
{
    const bool returned = atomic_load(&world->ledger->returned) != 0;
    if (returned)
        require_call(world, atomic_load(&world->ledger->code), world->operation->code);
    return returned;
}

/* Brings a victim to a point. Where it does not come there at full speed, single steps lead to one as far on. */
static void begin_at_point(struct world *world, struct step *step, const struct step_path *path, size_t n)
{
    bool strayed = false;
    for (int tries = 0;; tries++) {
        begin_world(world, step);
        if (tries == TRIES)
            break;
        if (step_to(step, path, n, &strayed) == STEP_THERE) {
            atomic_fetch_add(&world->tally->strayed, strayed);
            return;
        }
        step_kill(step);
        drop_world(world);
    }
    atomic_fetch_add(&world->tally->walked, 1);
    atomic_fetch_add(&world->tally->ended, step_walk(step, n) == STEP_ENDED);
}

/* Return: whether everything came within two ticks. */
static bool kill_and_settle(struct world *world, struct step *step)
{
    step_kill(step);
    world->killed_ns = process_now_ns();
    world->operation->expect(world, has_returned(world));
    world->operation->settle(world);
    const bool in_time = world->took_ns <= 2 * world->tick_ns + GRAIN_NS;
    atomic_fetch_add(&world->tally->late, !in_time);
    return in_time;
}

static bool try_point(struct world *world, const struct step_path *path, size_t n)
{
    struct step step;
    begin_at_point(world, &step, path, n);
    (void)snprintf(world->how, sizeof(world->how), "killed at point %zu of %zu", n, path->count - 1);
    world->pc = step_pc(&step);
    return kill_and_settle(world, &step);
}

/* Once the machine is too busy for a recovery of two ticks; but not whenever, and however long a tick. */
static void count_point(struct world *world, bool in_time)
{
    require(world, in_time, "each recovery takes more than two ticks, the last %d ms of ticks of %d ms",
            (int)(world->took_ns / 1000000), (int)(world->tick_ns / 1000000));
    if (world->took_ns > atomic_load(&world->tally->slowest_ns))
        atomic_store(&world->tally->slowest_ns, world->took_ns);
    atomic_fetch_add(&world->tally->points, 1);
    world->tick_ns = TICK_NS;
}

static void kill_at_point(struct world *world, const struct step_path *path, size_t n)
{
    bool in_time = try_point(world, path, n);
    for (int tries = 1; tries < LATE_TRIES && !in_time; tries++) {
        world->tick_ns *= 2;
        in_time = try_point(world, path, n);
    }
    count_point(world, in_time);
}

/* Brings a victim into the system call in which it sleeps. Return: false if it does not sleep so often. */
static bool begin_asleep(struct world *world, struct step *step, uint32_t times)
{
    for (int tries = 0; tries < TRIES; tries++) {
        begin_world(world, step);
        if (step_to_sleep(step, times) == STEP_ASLEEP) {
            atomic_fetch_add(&world->tally->asleep, 1);
            return true;
        }
        step_kill(step);
        drop_world(world);
    }
    atomic_fetch_add(&world->tally->awake, 1);
    return false;
}

static void kill_asleep(struct world *world, uint32_t times)
{
    struct step step;
    bool in_time = false;
    for (int tries = 0; tries < LATE_TRIES && !in_time; tries++) {
        world->tick_ns = TICK_NS << tries;
        if (!begin_asleep(world, &step, times)) {
            world->tick_ns = TICK_NS;
            return;
        }
        (void)snprintf(world->how, sizeof(world->how), "killed in sleep %u", times);
        in_time = kill_and_settle(world, &step);
    }
    count_point(world, in_time);
}

/* ------------------------------------------------------------------ stopped instead of killed */

static void contend(void *context)
{
    (void)context;
    process_require_equal(shmq_create(queue, &small_queue), 0);
}

/* Nobody robs it, so nothing comes a second time but what somebody else left. */
static void expect_no_robbery(struct world *world)
{
    const bool redelivers = world->operation->redelivers;
    set_fates(world, 0, IDS, (struct fate){0, 1, redelivers ? -1 : 0, 0, redelivers ? 2 : 0});
}

/* What was put and the victim did not acknowledge is the survivors', once. */
static void expect_rest(struct world *world)
{
    for (uint64_t id = 1; id < IDS; id++) {
        const uint32_t put = atomic_load(&world->ledger->put[id]);
        const uint32_t done = atomic_load(&world->ledger->acknowledged[id]);
        require(world, done + atomic_load(&world->ledger->received[id]) <= put, "message %d was done twice",
                (int)id);
        world->ledger->fates[id].least = world->ledger->fates[id].most = put - done;
    }
}

static bool has_meanwhile(const struct world *world)
{
    for (uint64_t id = MEANWHILE; id < MEANWHILE + MANY; id++)
        if (atomic_load(&world->ledger->received[id]) != 1)
            return false;
    return true;
}

/* Others come, go, and go on while it is stopped; on a busy machine that takes them longer than it is stopped. */
static void live_meanwhile(struct world *world)
{
    const int64_t end = process_now_ns() + STOPPED_NS;
    const int64_t deadline = end + process_patience_ns();
    const bool keeps = keeps_queue(world->operation);
    int code = -ETIMEDOUT;
    if (keeps) {
        put_survivors(world, MEANWHILE, MANY);
        require_call(world, shmq_close(open_role(world, SHMQ_CONSUMER, true, 0)), 0);
    }
    while (process_now_ns() < (keeps && !has_meanwhile(world) ? deadline : end) && world->consumer != NULL &&
           (code == 0 || code == -ETIMEDOUT))
        code = receive_batch(world, world->consumer, world->tick_ns);
    require(world, code == 0 || code == -ETIMEDOUT || !keeps, "meanwhile: %s", shmq_strerror(code));
    require(world, !keeps || has_meanwhile(world), "messages wait for a stopped process");
    while (process_now_ns() < end)
        (void)usleep(1000);
}

static void let_go_on(struct world *world, struct step *step)
{
    int status;
    const int64_t deadline = process_now_ns() + process_patience_ms() * 1000000;
    step_continue(step);
    if (world->operation->takes)
        put_survivors(world, TO_TAKE, 1);
    while (!step_has_ended(step, &status)) {
        require(world, process_now_ns() < deadline, "it does not go on");
        if (world->operation->on_sleep != NULL)
            world->operation->on_sleep(world, 1);
        if (keeps_queue(world->operation) && !world->operation->takes)
            (void)receive_batch(world, world->consumer, world->tick_ns);
        else
            (void)usleep(1000);
    }
    require(world, WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ends with status %#x", (unsigned)status);
    require(world, has_returned(world), "it never returned");
}

/* Its last put counts when it has returned, which is after others may have the message. */
static void let_bystander_put(struct world *world)
{
    const int64_t deadline = process_now_ns() + process_patience_ms() * 1000000;
    while (world->blocked.pid != 0 && atomic_load(&world->ledger->put[BYSTANDERS + CELLS]) == 0) {
        require(world, process_now_ns() < deadline, "the producer beside never gets room");
        (void)receive_batch(world, world->consumer, world->tick_ns);
    }
}

static void stop_and_settle(struct world *world, struct step *step)
{
    struct process contender = {0};
    step_stop(step);
    if (keeps_queue(world->operation))
        expect_no_robbery(world);
    else if (world->producer == NULL && world->operation->act != remove_idle)
        process_start(&contender, contend, NULL);
    live_meanwhile(world);
    let_go_on(world, step);
    world->killed_ns = process_now_ns();
    if (contender.pid != 0)
        process_expect_success(&contender);
    let_bystander_put(world);
    if (keeps_queue(world->operation))
        expect_rest(world);
    world->operation->settle(world);
    atomic_fetch_add(&world->tally->points, 1);
}

static void stop_at_point(struct world *world, const struct step_path *path, size_t n)
{
    struct step step;
    begin_at_point(world, &step, path, n);
    (void)snprintf(world->how, sizeof(world->how), "stopped at point %zu of %zu", n, path->count - 1);
    world->pc = step_pc(&step);
    stop_and_settle(world, &step);
}

static void stop_asleep(struct world *world, uint32_t times)
{
    struct step step;
    if (!begin_asleep(world, &step, times))
        return;
    (void)snprintf(world->how, sizeof(world->how), "stopped in sleep %u", times);
    stop_and_settle(world, &step);
}

/* ------------------------------------------------------------------ all points of an operation */

struct plan {
    struct world world;
    struct step_path path;
    size_t *points; /* [count] of the path */
    size_t count;
    size_t news;     /* of them, where others see something new */
    size_t left_out; /* where they do not */
    size_t stops[STOPS];
    size_t stop_count;
    uint32_t sleeps;
    uint32_t worker;
    struct tally *killed;
    struct tally *stopped;
};

/* Whether point @n is one at which to kill. */
static bool is_chosen(const struct step_path *path, size_t n)
{
    const char *wish = getenv("SHMQ_KILL_STEPS");
    if (wish != NULL)
        return strcmp(wish, "all") == 0 || n == strtoul(wish, NULL, 10);
    return path->points[n].news || path->points[n].system_call || n % STRIDE == 0;
}

static void choose_points(struct plan *plan)
{
    const struct step_path *path = &plan->path;
    plan->points = calloc(path->count, sizeof(*plan->points));
    require(&plan->world, plan->points != NULL, "no memory");
    for (size_t n = 0; n < path->count; n++) {
        if (!is_chosen(path, n)) {
            plan->left_out++;
            continue;
        }
        plan->points[plan->count++] = n;
        plan->news += path->points[n].news;
    }
}

/* Whether the state after so many instructions is between two of which one is the library's. */
static bool is_own(const struct step_path *path, size_t n)
{
    return path->points[n].own || (n > 0 && path->points[n - 1].own);
}

/* The points at which to stop, evenly spread over those in the library, or over those that were wished for. */
static void choose_stops(struct plan *plan)
{
    const struct step_path *path = &plan->path;
    size_t *own = calloc(path->count, sizeof(*own));
    size_t count = 0;
    require(&plan->world, own != NULL, "no memory");
    for (size_t n = 0; n < path->count; n++)
        if (getenv("SHMQ_KILL_STEPS") != NULL ? is_chosen(path, n) : is_own(path, n))
            own[count++] = n;
    plan->stop_count = count < STOPS ? count : STOPS;
    for (size_t i = 0; i < plan->stop_count; i++)
        plan->stops[i] = own[(2 * i + 1) * count / (2 * plan->stop_count)];
    free(own);
}

/* What the library finds out once in a process is found out before the first child is forked. */
static void warm_up(struct world *world)
{
    open_survivors(world);
    put_survivors(world, SURVIVORS, 1);
    (void)receive_batch(world, world->consumer, SHORT_NS);
    drop_world(world);
    world->producer = NULL;
    world->consumer = NULL;
}

/* The path is recorded with a tick so long that nothing times out while it is walked slowly. */
static void make_plan(struct plan *plan, const struct operation *operation)
{
    struct step step;
    memset(plan, 0, sizeof(*plan));
    plan->killed = process_share(sizeof(*plan->killed));
    plan->stopped = process_share(sizeof(*plan->stopped));
    plan->world = (struct world){.operation = operation,
                                 .ledger = process_share(sizeof(*plan->world.ledger)),
                                 .tally = plan->killed,
                                 .tick_ns = LONG_TICK_NS};
    set_fates(&plan->world, SURVIVORS, 1, fresh);
    warm_up(&plan->world);
    begin_world(&plan->world, &step);
    step_record(&step, &plan->path);
    require(&plan->world, step.sleeps < SLEEPS_MAX, "it sleeps on and on: nobody wakes it");
    /* A path that was walked slowly may have come too late to its sleep. */
    plan->sleeps = step.sleeps > 0 ? step.sleeps : operation->on_sleep != NULL;
    (void)has_returned(&plan->world);
    step_kill(&step);
    drop_world(&plan->world);
    choose_points(plan);
    choose_stops(plan);
}

/* All names are of one length, so that the paths are. Return: how many objects of the name there are. */
static size_t name_queue(const struct operation *operation, int worker)
{
    char test[32];
    (void)snprintf(test, sizeof(test), "%02d.%02d", (int)(operation - operations), worker);
    (void)snprintf(queue, sizeof(queue), "%s", test_name(test));
    (void)snprintf(destination, sizeof(destination), "%.190s.to", queue);
    return test_leftovers(queue) + test_leftovers(destination);
}

static void kill_share(struct plan *plan)
{
    struct world *world = &plan->world;
    world->tally = plan->killed;
    world->tick_ns = TICK_NS;
    for (size_t i = plan->worker; i < plan->count; i += KILLERS)
        kill_at_point(world, &plan->path, plan->points[i]);
    for (uint32_t i = plan->worker; i < plan->sleeps; i += KILLERS)
        kill_asleep(world, i + 1);
}

static void stop_share(struct plan *plan)
{
    struct world *world = &plan->world;
    const uint32_t first = plan->worker - KILLERS;
    world->tally = plan->stopped;
    world->tick_ns = STOPPED_TICK_NS;
    for (size_t i = first; i < plan->stop_count; i += STOPS)
        stop_at_point(world, &plan->path, plan->stops[i]);
    for (uint32_t i = first; i < plan->sleeps; i += STOPS)
        stop_asleep(world, i + 1);
}

static void work(void *context)
{
    struct plan *plan = context;
    struct world *world = &plan->world;
    world->ledger = process_share(sizeof(*world->ledger));
    (void)name_queue(world->operation, (int)plan->worker);
    (void)shmq_remove(queue, true);
    if (plan->worker < KILLERS)
        kill_share(plan);
    else
        stop_share(plan);
}

static void run_workers(struct plan *plan)
{
    struct process workers[WORKERS];
    for (plan->worker = 0; plan->worker < WORKERS; plan->worker++)
        process_start(&workers[plan->worker], work, plan);
    for (size_t i = 0; i < WORKERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(workers[i].pid, &status, 0), workers[i].pid);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a worker ended with status %#x",
                      (unsigned)status);
    }
}

static void say_tally(const struct tally *tally, const char *done)
{
    (void)printf("; %s at %d points", done, (int)atomic_load(&tally->points));
    if (atomic_load(&tally->late) != 0)
        (void)printf(" (%d tries more because of a busy machine)", (int)atomic_load(&tally->late));
    if (atomic_load(&tally->asleep) != 0)
        (void)printf(" (%d asleep)", (int)atomic_load(&tally->asleep));
    if (atomic_load(&tally->awake) != 0)
        (void)printf(" (%d sleeps did not come)", (int)atomic_load(&tally->awake));
    if (atomic_load(&tally->strayed) + atomic_load(&tally->walked) != 0)
        (void)printf(" (%d reached another way, %d by single steps, %d after the end)",
                     (int)atomic_load(&tally->strayed), (int)atomic_load(&tally->walked),
                     (int)atomic_load(&tally->ended));
}

static void say_what_was_done(const struct plan *plan, int64_t started_ns)
{
    const int64_t slowest_ns = atomic_load(&plan->killed->slowest_ns);
    const int64_t took_ns = process_now_ns() - started_ns;
    (void)printf("# %s: %zu instructions", plan->world.operation->name, plan->path.count - 1);
    say_tally(plan->killed, "killed");
    (void)printf(", %zu of them after a change, left out %zu without one", plan->news, plan->left_out);
    say_tally(plan->stopped, "stopped");
    (void)printf("; slowest recovery %d.%d ms; %d.%d s\n", (int)(slowest_ns / 1000000),
                 (int)(slowest_ns / 100000 % 10), (int)(took_ns / 1000000000), (int)(took_ns / 100000000 % 10));
    (void)fflush(stdout);
}

static void expect_all_done(const struct tally *tally, uint64_t points)
{
    ck_assert_uint_eq(atomic_load(&tally->points) + atomic_load(&tally->awake), points);
}

START_TEST(killed_and_stopped_at_its_steps)
{
    static struct plan plan;
    const struct operation *operation = &operations[_i];
    const int64_t started_ns = process_now_ns();
    (void)name_queue(operation, WORKERS);
    make_plan(&plan, operation);
    run_workers(&plan);
    say_what_was_done(&plan, started_ns);
    expect_all_done(plan.killed, plan.count + plan.sleeps);
    expect_all_done(plan.stopped, plan.stop_count + plan.sleeps);
    for (int worker = 0; worker <= WORKERS; worker++)
        ck_assert_uint_eq(name_queue(operation, worker), 0);
}
END_TEST

/* Where that is permitted, nobody else's objects are in the directory that a removal has to look through. */
static void keep_to_ourselves(void)
{
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        (void)mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m");
}

static void prepare(char **arguments)
{
    test_bind_now(arguments);
    keep_to_ourselves();
}

static const char *name_of(size_t i)
{
    return operations[i].name;
}

static void add(void)
{
    const double seconds = getenv("SHMQ_KILL_STEPS") != NULL ? 1200 : 300;
    test_add_rows(killed_and_stopped_at_its_steps, OPERATIONS, name_of, seconds, step_impossible());
}

const struct test_suite test_suite = {.name = "kill steps", .prepare = prepare, .add = add};
