/* SPDX-License-Identifier: MIT */
/*
 * Two that meet: one is stopped after each instruction of what it does, while the other does all of its part. A
 * stress comes to the few instructions at which they could miss each other once in many minutes, if at all.
 *
 * Whoever falls asleep or waits is woken by what was done meanwhile, long before the tick; a put that meets a
 * shutdown is either delivered or says so; who attaches takes no lane that a source has left meanwhile; who looks
 * at write intents is told nothing that is not so; a join does not end while anything is left; and what is said to
 * be dropped is not delivered. What processors do to the order of stores is not shown here: see unit_litmus.c.
 *
 * time limit: 600 s
 */
#include <check.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/step.h"
#include "tests/support/test_queue.h"

#define CAPACITY 4096
#define CELLS 64
#define TICK_NS INT64_C(10000000000) /* nothing may need it */
#define LONG 1000                    /* bytes of a message of a quarter of the lane */
#define SPINS 2

struct meeting;

/* What becomes of the one and of the other. */
struct encounter {
    const char *name;
    enum shmq_role role;                               /* of the one */
    void (*prepare)(struct meeting *meeting);          /* the other, before; NULL: nothing */
    int (*act)(struct shmq *handle);                   /* the one, all of whose instructions are taken */
    void (*on_sleep)(void *context, uint32_t earlier); /* the other, when it sleeps; NULL: it does not */
    void (*meet)(struct meeting *meeting);             /* the other, while it is stopped */
    void (*judge)(struct meeting *meeting);            /* the other, when it has gone on */
    uint32_t sleeps;                                   /* points up to that sleep are taken; 0: all */
};

/* Shared by both. */
struct notes {
    _Atomic bool returned;
    _Atomic int code;
    _Atomic uint32_t others; /* messages that a third one has */
};

struct meeting {
    const struct encounter *encounter;
    struct notes *notes;
    struct step step;
    size_t point;
    struct shmq *producer;
    struct shmq *consumer;
    struct shmq *second; /* consumer; or another producer */
    struct process third;
    bool put; /* because it slept */
    int drop; /* what it said */
    uint32_t received;
    int end; /* why the other receives no more */
};

static const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,     .create = true, .capacity_bytes = CAPACITY,
                                            .max_message_bytes = LONG, .lanes = 3,     .seats = 3,
                                            .tick_ns = TICK_NS,        .follow = true, .prefetch = 1};

/* ------------------------------------------------------------------ the one */

static int put(struct shmq *handle)
{
    return test_queue_put(handle, 1, SHMQ_FOREVER);
}

static int put_long(struct shmq *handle)
{
    static const unsigned char bytes[LONG];
    return shmq_put(handle, bytes, sizeof(bytes), SHMQ_FOREVER);
}

static int put_many(struct shmq *handle)
{
    uint64_t number = 1;
    const struct iovec message = {.iov_base = &number, .iov_len = sizeof(number)};
    return shmq_put_many(handle, &message, 1, NULL, SHMQ_FOREVER);
}

static int reserve_and_commit(struct shmq *handle)
{
    void *payload;
    const int code = shmq_reserve(handle, sizeof(uint64_t), &payload, SHMQ_FOREVER);
    return code != 0 ? code : shmq_commit(handle, sizeof(uint64_t));
}

static int lease(struct shmq *handle)
{
    struct shmq_message message;
    return shmq_lease(handle, &message, SHMQ_FOREVER);
}

/* Return: the number of the message, which it keeps. */
static int lease_number(struct shmq *handle)
{
    struct shmq_message message;
    uint64_t number;
    const int code = test_queue_lease(handle, &number, &message, SHMQ_FOREVER);
    return code != 0 ? code : (int)number;
}

static int drop_first(struct shmq *handle)
{
    (void)handle;
    return shmq_drop(queue, 0, CELLS);
}

static int attach(struct shmq *handle)
{
    (void)handle;
    return shmq_open(&handle, queue, SHMQ_PRODUCER, &options);
}

static struct shmq_write_intent intent_for(uint64_t device, uint64_t inode)
{
    return (struct shmq_write_intent){.device = device, .inode = inode, .bytes = 1, .count = 1};
}

/* The message as it was put, if it holds. Return: 0; 1 if it is told of another. */
static int compare(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                   size_t count)
{
    const struct shmq *handle = context;
    uint64_t number = 0;
    (void)intent;
    if (count == 0)
        return 0;
    const bool same = count == 1 && messages->length == sizeof(number) &&
                      (memcpy(&number, messages->data, sizeof(number)), number == 1);
    return same || !shmq_intent_holds(handle) ? 0 : 1;
}

static int visit(struct shmq *handle)
{
    return shmq_visit_write_intents(handle, 1, 1, compare, handle);
}

static int is_visited(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                      size_t count)
{
    (void)context;
    (void)intent;
    (void)messages;
    (void)count;
    return 1;
}

/* Of a file that nobody notes: its device stands in one note, its inode in another. */
static int visit_nothing(struct shmq *handle)
{
    return shmq_visit_write_intents(handle, 1, 2, is_visited, NULL);
}

static int set_intent(struct shmq *handle)
{
    const struct shmq_write_intent intent = intent_for(2, 2);
    return shmq_set_write_intent(handle, &intent);
}

static int join_now(struct shmq *handle)
{
    return shmq_join(handle, 0);
}

static struct shmq *prepare_one(const struct encounter *encounter)
{
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, encounter->role, &options), 0);
    if (encounter->act == set_intent)
        process_require_equal(lease(handle), 0);
    for (int i = 0; encounter->act == put_long && i < 4; i++)
        process_require_equal(put_long(handle), 0);
    handle->spin.limit = SPINS;
    return handle;
}

static void run_one(void *context)
{
    const struct meeting *meeting = context;
    struct shmq *handle = meeting->encounter->act != attach ? prepare_one(meeting->encounter) : NULL;
    step_begin();
    const int code = meeting->encounter->act(handle);
    step_end();
    atomic_store(&meeting->notes->code, code);
    atomic_store(&meeting->notes->returned, true);
    for (;;)
        (void)pause(); /* with whatever it holds */
}

/* ------------------------------------------------------------------ the other */

static bool has_returned(void *context)
{
    return atomic_load(&((struct meeting *)context)->notes->returned);
}

static void receive_all(struct meeting *meeting)
{
    unsigned char buffer[LONG];
    size_t length;
    while ((meeting->end = shmq_get(meeting->consumer, buffer, sizeof(buffer), &length, 0)) == 0)
        meeting->received++;
}

static void open_consumer(struct meeting *meeting)
{
    meeting->consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
}

static void open_producer(struct meeting *meeting)
{
    meeting->producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
}

static void put_now(struct meeting *meeting)
{
    ck_assert_int_eq(test_queue_put(meeting->producer, 1, 0), 0);
}

static void receive_now(struct meeting *meeting)
{
    receive_all(meeting);
    ck_assert_int_eq(meeting->end, -EAGAIN);
}

static void shut_down_and_drain(struct meeting *meeting)
{
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    receive_all(meeting);
    ck_assert_int_eq(meeting->end, -ESHUTDOWN);
}

static void put_once(struct meeting *meeting)
{
    if (!meeting->put)
        put_now(meeting);
    meeting->put = true;
}

static void put_when_asleep(void *context, uint32_t earlier)
{
    (void)earlier;
    put_once(context);
}

static void receive_when_asleep(void *context, uint32_t earlier)
{
    (void)earlier;
    receive_now(context);
}

/* The tick would end a sleep that nobody rings for. */
static void wait_less_than_a_tick(bool (*holds)(void *context), struct meeting *meeting, const char *what)
{
    const int64_t before_ns = process_now_ns();
    process_wait_until(holds, meeting, what);
    ck_assert_msg(process_now_ns() - before_ns < TICK_NS / 2, "point %zu: only the tick does it: %s",
                  meeting->point, what);
}

static void expect_woken(struct meeting *meeting)
{
    wait_less_than_a_tick(has_returned, meeting, "it is woken");
    ck_assert_int_eq(atomic_load(&meeting->notes->code), 0);
}

/* Who said that all is delivered has seen it, or it fails. */
static void expect_delivered_or_refused(struct meeting *meeting)
{
    process_wait_until(has_returned, meeting, "the put returns");
    const int code = atomic_load(&meeting->notes->code);
    ck_assert_msg(code == -ESHUTDOWN || (code == 0 && meeting->received == 1), "point %zu: put: %d, delivered: %u",
                  meeting->point, code, meeting->received);
}

/* ------------------------------------------------------------------ a source that comes and goes */

static struct shmq *open_source(void)
{
    struct shmq_options of_source = options;
    of_source.source_id = 7;
    return test_queue_open(queue, SHMQ_PRODUCER, &of_source);
}

/* As a producer does that is killed after its first message. */
static void put_from_source_and_die(struct meeting *meeting)
{
    meeting->producer = open_source();
    put_now(meeting);
    shmq_abandon(meeting->producer);
    meeting->producer = NULL;
}

static void expect_source_to_go_on(struct meeting *meeting)
{
    uint64_t offset = 0;
    process_wait_until(has_returned, meeting, "it has attached");
    ck_assert_int_eq(atomic_load(&meeting->notes->code), 0);
    meeting->producer = open_source();
    ck_assert_int_eq(shmq_resume_offset(meeting->producer, &offset), 0);
    ck_assert_msg(offset == sizeof(uint64_t), "point %zu: the source goes on at %d", meeting->point, (int)offset);
}

/* ------------------------------------------------------------------ write intents */

/* A consumer with a message and an intent for a file. */
static struct shmq *open_writer(struct meeting *meeting, uint64_t device, uint64_t inode)
{
    const struct shmq_write_intent intent = intent_for(device, inode);
    open_producer(meeting);
    put_now(meeting);
    struct shmq *writer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(lease(writer), 0);
    ck_assert_int_eq(shmq_set_write_intent(writer, &intent), 0);
    return writer;
}

static void note_one_file(struct meeting *meeting)
{
    meeting->consumer = open_writer(meeting, 1, 1);
}

static void note_another_file(struct meeting *meeting)
{
    const struct shmq_write_intent intent = intent_for(2, 2);
    ck_assert_int_eq(shmq_set_write_intent(meeting->consumer, &intent), 0);
}

static void expect_success(struct meeting *meeting)
{
    process_wait_until(has_returned, meeting, "it returns");
    ck_assert_msg(atomic_load(&meeting->notes->code) == 0, "point %zu: it says %d", meeting->point,
                  atomic_load(&meeting->notes->code));
}

/* One has left its message and its intent, and another has taken over the message. */
static void take_over(struct meeting *meeting)
{
    shmq_abandon(open_writer(meeting, 1, 1));
    open_consumer(meeting);
    ck_assert_int_eq(lease(meeting->consumer), 0);
}

/* Others take the cell where it was. */
static void acknowledge_and_overwrite(struct meeting *meeting)
{
    ck_assert_int_eq(shmq_acknowledge(meeting->consumer, 1), 0);
    for (uint64_t i = 0; i < CELLS; i++)
        ck_assert_int_eq(test_queue_put(meeting->producer, 100 + i, 0), 0);
}

/* All other seats are taken, so that the one sits down in the seat with the intent, and takes over the message. */
static void leave_only_its_seat(struct meeting *meeting)
{
    struct shmq *writer = open_writer(meeting, 1, 1);
    open_consumer(meeting);
    meeting->second = test_queue_open(queue, SHMQ_CONSUMER, &options);
    shmq_abandon(writer);
}

static void settle_one_file(struct meeting *meeting)
{
    ck_assert_int_eq(visit(meeting->consumer), 0);
}

static void expect_later_intent(struct meeting *meeting)
{
    expect_success(meeting);
    ck_assert_int_eq(shmq_visit_write_intents(meeting->consumer, 1, 1, is_visited, NULL), 0);
    ck_assert_msg(shmq_visit_write_intents(meeting->consumer, 2, 2, is_visited, NULL) == 1,
                  "point %zu: its intent is gone", meeting->point);
}

/* ------------------------------------------------------------------ work that is handed on */

/* The message in hand is in the second lane. */
static void take_from_second_lane(struct meeting *meeting)
{
    open_producer(meeting);
    meeting->second = test_queue_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(test_queue_put(meeting->second, 1, 0), 0);
    open_consumer(meeting);
    ck_assert_int_eq(lease(meeting->consumer), 0);
}

/* What follows from the message is put before it is acknowledged, so something is always left to do. */
static void hand_on_to_first_lane(struct meeting *meeting)
{
    put_now(meeting);
    ck_assert_int_eq(shmq_acknowledge(meeting->consumer, 1), 0);
}

static void expect_something_left(struct meeting *meeting)
{
    process_wait_until(has_returned, meeting, "it returns");
    ck_assert_msg(atomic_load(&meeting->notes->code) == -EAGAIN, "point %zu: it says %d", meeting->point,
                  atomic_load(&meeting->notes->code));
}

/* ------------------------------------------------------------------ dropping */

static void put_two(struct meeting *meeting)
{
    open_producer(meeting);
    for (uint64_t number = 1; number <= 2; number++)
        ck_assert_int_eq(test_queue_put(meeting->producer, number, 0), 0);
}

static void put_two_for_consumer(struct meeting *meeting)
{
    put_two(meeting);
    open_consumer(meeting);
}

/* One that leased the first is gone. */
static void leave_first_of_two(struct meeting *meeting)
{
    put_two_for_consumer(meeting);
    struct shmq *other = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(lease_number(other), 1);
    shmq_abandon(other);
}

static void drop_now(struct meeting *meeting)
{
    meeting->drop = drop_first(NULL);
}

static void lease_now(struct meeting *meeting)
{
    meeting->received = (uint32_t)lease_number(meeting->consumer);
}

/* What is said to be dropped is not delivered, and what is not dropped is. */
static void expect_either(const struct meeting *meeting, int drop, int number)
{
    ck_assert_msg((drop == 0 && number == 2) || (drop == -EBUSY && (number == 1 || number == 2)),
                  "point %zu: drop: %d, delivered: message %d", meeting->point, drop, number);
}

static void expect_drop_to_be_true(struct meeting *meeting)
{
    process_wait_until(has_returned, meeting, "it leases a message");
    expect_either(meeting, meeting->drop, atomic_load(&meeting->notes->code));
}

static void expect_to_drop_truly(struct meeting *meeting)
{
    process_wait_until(has_returned, meeting, "it has dropped or not");
    expect_either(meeting, atomic_load(&meeting->notes->code), (int)meeting->received);
}

/* ------------------------------------------------------------------ a third one, that sleeps, too */

static void lease_at_order(void *context)
{
    const struct meeting *meeting = context;
    struct shmq_message message;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    process_report(0);
    (void)process_await_order();
    process_require_equal(shmq_lease(handle, &message, SHMQ_FOREVER), 0);
    atomic_store(&meeting->notes->others, 1);
    (void)process_await_order(); /* with the message */
}

static void start_third(struct meeting *meeting)
{
    open_producer(meeting);
    process_start(&meeting->third, lease_at_order, meeting);
    (void)process_hear(&meeting->third);
}

/* Its seat is the first. */
static bool third_sleeps(void *context)
{
    const struct meeting *meeting = context;
    return atomic_load(&meeting->producer->seats[0].waiting) != 0 && process_sleeps(&meeting->third);
}

static void let_third_sleep(struct meeting *meeting)
{
    process_order(&meeting->third, 0);
    process_wait_until(third_sleeps, meeting, "the third one sleeps");
}

static bool one_sleeps(void *context)
{
    return step_is_asleep(((struct meeting *)context)->step.pid);
}

static uint32_t received_by_both(const struct meeting *meeting)
{
    return atomic_load(&meeting->notes->others) + atomic_load(&meeting->notes->returned);
}

static bool one_has_received(void *context)
{
    return received_by_both(context) > 0;
}

static bool both_have_received(void *context)
{
    return received_by_both(context) == 2;
}

/* Whoever gets the first message keeps it, so the second is for the other. */
static void expect_both_woken(struct meeting *meeting)
{
    process_wait_until(one_sleeps, meeting, "it sleeps again");
    put_now(meeting);
    wait_less_than_a_tick(one_has_received, meeting, "one of both is woken");
    put_now(meeting);
    wait_less_than_a_tick(both_have_received, meeting, "the other is woken, too");
    ck_assert_int_eq(atomic_load(&meeting->notes->code), 0);
}

static sem_t *open_bell(void)
{
    char name[SHMQ_NAME_MAX + 16];
    (void)snprintf(name, sizeof(name), "/shmq.%s.items", queue);
    sem_t *bell = sem_open(name, 0);
    ck_assert_msg(bell != SEM_FAILED, "%s: %s", name, strerror(errno));
    return bell;
}

/* As somebody does who sets the semaphore. When it sleeps again, having heard that, a message, which ends it. */
static void ring_for_nothing(void *context, uint32_t earlier)
{
    struct meeting *meeting = context;
    sem_t *bell = open_bell();
    int value;
    if (earlier == 0)
        ck_assert_int_eq(sem_post(bell), 0);
    else if (sem_getvalue(bell, &value) == 0 && value == 0)
        put_once(meeting);
    ck_assert_int_eq(sem_close(bell), 0);
}

/* ------------------------------------------------------------------ the encounters */

#define SHUTDOWN                                                                                                  \
    .role = SHMQ_PRODUCER, .prepare = open_consumer, .meet = shut_down_and_drain,                                 \
    .judge = expect_delivered_or_refused

static const struct encounter encounters[] = {
    {"put, and a shutdown", SHUTDOWN, .act = put},
    {"put_many, and a shutdown", SHUTDOWN, .act = put_many},
    {"reserve and commit, and a shutdown", SHUTDOWN, .act = reserve_and_commit},
    {"attaching, and a source that comes and dies", .role = SHMQ_PRODUCER, .act = attach,
     .meet = put_from_source_and_die, .judge = expect_source_to_go_on},
    {"falling asleep, and a put", .role = SHMQ_CONSUMER, .prepare = open_producer, .act = lease,
     .on_sleep = put_when_asleep, .meet = put_now, .judge = expect_woken, .sleeps = 1},
    {"waiting for room, and room", .role = SHMQ_PRODUCER, .prepare = open_consumer, .act = put_long,
     .on_sleep = receive_when_asleep, .meet = receive_now, .judge = expect_woken, .sleeps = 1},
    {"woken for nothing, and another who falls asleep", .role = SHMQ_CONSUMER, .prepare = start_third,
     .act = lease, .on_sleep = ring_for_nothing, .meet = let_third_sleep, .judge = expect_both_woken, .sleeps = 2},
    {"visiting write intents, and a later one", .role = SHMQ_CONSUMER, .prepare = note_one_file,
     .act = visit_nothing, .meet = note_another_file, .judge = expect_success},
    {"visiting write intents, and an acknowledgement", .role = SHMQ_CONSUMER, .prepare = take_over, .act = visit,
     .meet = acknowledge_and_overwrite, .judge = expect_success},
    {"leasing, and a drop", .role = SHMQ_CONSUMER, .prepare = put_two, .act = lease_number, .meet = drop_now,
     .judge = expect_drop_to_be_true},
    {"taking over, and a drop", .role = SHMQ_CONSUMER, .prepare = leave_first_of_two, .act = lease_number,
     .meet = drop_now, .judge = expect_drop_to_be_true},
    {"dropping, and a lease", .role = SHMQ_OBSERVER, .prepare = put_two_for_consumer, .act = drop_first,
     .meet = lease_now, .judge = expect_to_drop_truly},
    {"dropping, and a takeover", .role = SHMQ_OBSERVER, .prepare = leave_first_of_two, .act = drop_first,
     .meet = lease_now, .judge = expect_to_drop_truly},
    {"setting a write intent, and a visit of the seat's last one", .role = SHMQ_CONSUMER,
     .prepare = leave_only_its_seat, .act = set_intent, .meet = settle_one_file, .judge = expect_later_intent},
    {"joining, and work that is handed on to another lane", .role = SHMQ_OBSERVER,
     .prepare = take_from_second_lane, .act = join_now, .meet = hand_on_to_first_lane,
     .judge = expect_something_left},
};
#define ENCOUNTERS (COUNT(encounters))

static void begin(struct meeting *meeting)
{
    const struct encounter *encounter = meeting->encounter;
    struct notes *notes = meeting->notes;
    *meeting = (struct meeting){.encounter = encounter, .notes = notes, .point = meeting->point};
    memset(notes, 0, sizeof(*notes));
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    if (encounter->prepare != NULL)
        encounter->prepare(meeting);
    meeting->step = (struct step){.context = meeting, .on_sleep = encounter->on_sleep};
    step_start(&meeting->step, run_one, meeting);
}

static void end(struct meeting *meeting)
{
    step_kill(&meeting->step);
    if (meeting->third.pid != 0)
        process_kill(&meeting->third);
    (void)shmq_close(meeting->producer);
    (void)shmq_close(meeting->consumer);
    (void)shmq_close(meeting->second);
    test_queue_remove(queue);
}

/* A sleep that takes long on a busy machine is told twice, so that the message is there too soon. */
static bool has_been_ended(const struct meeting *meeting)
{
    return meeting->put && meeting->encounter->meet == let_third_sleep;
}

/* Return: whether it came to the point. */
static bool meet_at(struct meeting *meeting, const struct step_path *path, size_t n)
{
    bool strayed = false;
    meeting->point = n;
    begin(meeting);
    const bool there = step_to(&meeting->step, path, n, &strayed) == STEP_THERE && !has_been_ended(meeting);
    if (there) {
        step_stop(&meeting->step);
        meeting->encounter->meet(meeting);
        step_continue(&meeting->step);
        meeting->encounter->judge(meeting);
    }
    end(meeting);
    return there;
}

/* Of instructions of the C library, those around system calls are enough: nobody else sees what the others do. */
static bool is_seen(const struct step_path *path, size_t n)
{
    return path->points[n].own || path->points[n].system_call ||
           (n > 0 && (path->points[n - 1].own || path->points[n - 1].system_call));
}

static void record(struct meeting *meeting, struct step_path *path)
{
    begin(meeting);
    step_record(&meeting->step, path);
    end(meeting);
}

START_TEST(neither_misses_the_other)
{
    static struct meeting meeting;
    struct step_path path;
    uint32_t sleeps = 0;
    size_t met = 0;
    size_t missed = 0;
    meeting = (struct meeting){.encounter = &encounters[_i], .notes = process_share(sizeof(*meeting.notes))};
    use_queue("meeting");
    record(&meeting, &path);
    const uint32_t most = meeting.encounter->sleeps;
    for (size_t n = 0; n < path.count && (most == 0 || sleeps < most); n++) {
        if (is_seen(&path, n)) {
            const bool there = meet_at(&meeting, &path, n);
            met += there;
            missed += !there;
        }
        sleeps += path.points[n].slept;
    }
    (void)printf("# %s: met at %zu points, %zu were not come to\n", meeting.encounter->name, met, missed);
    (void)fflush(stdout);
    ck_assert_msg(met > 20 && missed * 10 < met, "%zu points were met at, %zu missed", met, missed);
    free(path.points);
}
END_TEST

static const char *name_of(size_t i)
{
    return encounters[i].name;
}

static void add(void)
{
    test_add_rows(neither_misses_the_other, ENCOUNTERS, name_of, 200, step_impossible());
}

const struct test_suite test_suite = {.name = "meeting steps", .prepare = test_bind_now, .add = add};
