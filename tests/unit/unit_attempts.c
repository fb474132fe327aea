/* SPDX-License-Identifier: MIT */
/*
 * The attempts of each message of a batch, whoever had it before and however they ended, and however it is leased:
 * the oldest that is not acknowledged has them all, the others none. If they share them, the oldest leaves them to
 * the next.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MESSAGES 4

static struct shmq_options options;

/*
 * What consumers do, one after another, each in a process of its own that leases first:
 *
 *   A  acknowledges a message     F  fails it     H  holds it
 *   R  returns it all in order    D  dies
 *
 * The last one ends without R or D, and acknowledges the rest.
 */
static const char *const stories[] = {
    "",       "F",      "R",         "D",        "FFR",        "FD",      "DD",           "RD",
    "DR",     "RR",     "DFRFDR",    "FFFDDDR",  "AR",         "AD",      "AFR",          "AFD",
    "FAR",    "FAD",    "DAR",       "DAD",      "FRAD",       "FDAFAR",  "DADAD",        "DADADAD",
    "AAAR",   "AAAD",   "AAAFD",     "FAAAR",    "FAFAFAFD",   "RARARAR", "DFADFAD",      "AAAHR",
    "AAAHD",  "AAAHFR", "AAAHFD",    "AAAFHR",   "AFHAA",      "DAAAHR",  "AAAHDD",       "AAAHRD",
    "AAAHDR", "AAADHD", "AAAFDFHFD", "AAAHDFRD", "AAAHRHFDHR", "FHD",     "DAAFHDFAFHFD",
};
#define STORIES (int)COUNT(stories)

enum way { ALL_AT_ONCE, TWO_AT_A_TIME, ONE_BY_ONE, ONE_WHEN_THE_LAST_IS_DONE, WAYS };

/* What there is to expect, and the consumer that does it. */
struct teller {
    const char *deeds;
    enum way way;
    uint32_t done;     /* messages acknowledged so far */
    uint32_t attempts; /* of the next one */
    bool shared;
    bool redelivered;
    bool held; /* the last message is out of the ring */
    struct shmq *handle;
    uint32_t leased;
    struct shmq_message messages[MESSAGES];
};

static void expect_number(const struct shmq_message *message, uint64_t expected)
{
    uint64_t number = UINT64_MAX;
    process_require_equal(message->length, sizeof(number));
    memcpy(&number, message->data, sizeof(number));
    process_require_equal(number, expected);
}

static void expect_message(const struct teller *t, uint32_t i)
{
    const struct shmq_message *message = &t->messages[i];
    expect_number(message, i);
    process_require_equal(message->attempts, i == t->done ? t->attempts : 0);
    process_require_equal(message->redelivered, t->redelivered);
}

static void lease_some(struct teller *t)
{
    const size_t rest = MESSAGES - t->leased;
    const size_t most = t->way == ALL_AT_ONCE ? MESSAGES : 2;
    size_t count = 1;
    if (t->way == ALL_AT_ONCE || t->way == TWO_AT_A_TIME)
        process_require_equal(
            shmq_lease_many(t->handle, t->messages + t->leased, most < rest ? most : rest, &count, 0), 0);
    else
        process_require_equal(shmq_lease(t->handle, &t->messages[t->leased], 0), 0);
    for (size_t i = 0; i < count; i++)
        expect_message(t, t->leased++);
}

static void lease(struct teller *t)
{
    if (t->way == ONE_WHEN_THE_LAST_IS_DONE) {
        if (t->leased == t->done && t->done < MESSAGES)
            lease_some(t);
    } else {
        while (t->leased < MESSAGES)
            lease_some(t);
    }
}

static void acknowledge(struct teller *t)
{
    process_require_equal(shmq_acknowledge(t->handle, 1), 0);
    t->done++;
    t->attempts = t->shared && t->done < MESSAGES ? t->attempts : 0;
    lease(t);
}

static void fail_next(struct teller *t)
{
    uint32_t attempts = UINT32_MAX;
    process_require_equal(shmq_fail(t->handle, &attempts), 0);
    process_require_equal(attempts, ++t->attempts);
}

/* Only the last one of a batch can be held. */
static void hold(struct teller *t)
{
    const bool can = t->done + 1 == MESSAGES;
    process_require_equal(shmq_hold(t->handle, &t->messages[t->done]), can || t->held ? 0 : -EBUSY);
    t->held = can;
    if (can)
        expect_number(&t->messages[t->done], t->done);
}

/* One consumer's life, up to R, D or the end. */
static void live(void *context)
{
    struct teller *t = context;
    process_require_equal(shmq_open(&t->handle, queue, SHMQ_CONSUMER, &options), 0);
    t->leased = t->done;
    lease(t);
    for (;; t->deeds++) {
        switch (*t->deeds) {
        case 'A':
            acknowledge(t);
            break;
        case 'F':
            fail_next(t);
            break;
        case 'H':
            hold(t);
            break;
        case 'D':
            (void)raise(SIGKILL);
            break;
        case '\0':
            while (t->done < MESSAGES)
                acknowledge(t);
            process_require_equal(shmq_lease(t->handle, t->messages, 0), -EAGAIN);
            process_require_equal(shmq_join(t->handle, 0), 0);
            __attribute__((fallthrough));
        default:
            process_require_equal(shmq_close(t->handle), 0);
            return;
        }
    }
}

/* What the consumer that has ended has left behind. */
static void remember(struct teller *t)
{
    for (; *t->deeds != '\0' && *t->deeds != 'R' && *t->deeds != 'D'; t->deeds++) {
        t->done += *t->deeds == 'A';
        t->attempts = *t->deeds == 'A' && !t->shared ? 0 : t->attempts + (*t->deeds == 'F');
        t->held = t->held || (*t->deeds == 'H' && t->done + 1 == MESSAGES);
    }
    t->attempts += *t->deeds == 'D';
    t->redelivered = true;
}

/* The frames differ, because what is framed alike is handed out together. */
static void put_messages(bool alike)
{
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        if (!alike)
            ck_assert_int_eq(shmq_set_frame(producer, i % 2 == 0 ? SHMQ_FRAME_DELIMITER : SHMQ_FRAME_LENGTH32, 0),
                             0);
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    }
    ck_assert_int_eq(shmq_close(producer), 0);
}

static void tell(const char *story, enum way way, bool alike, bool shared)
{
    struct teller teller = {.deeds = story, .way = way, .shared = shared};
    use_queue(*story != '\0' ? story : "none");
    options = (struct shmq_options){SHMQ_OPTIONS_DEFAULTS,
                                    .create = true,
                                    .capacity_bytes = 4096,
                                    .lanes = 1,
                                    .seats = 2,
                                    .prefetch = MESSAGES,
                                    .follow = true,
                                    .consumer_flags = shared ? SHMQ_CONSUMER_SHARED_ATTEMPTS : 0};
    put_messages(alike);
    for (;;) {
        struct process consumer;
        process_start(&consumer, live, &teller);
        const int status = process_collect(&consumer);
        remember(&teller);
        const bool dies = *teller.deeds == 'D';
        ck_assert_msg(dies ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0,
                      "story %s, leased in way %d, up to '%s': wait status %#x", story, (int)way, teller.deeds,
                      (unsigned)status);
        if (*teller.deeds == '\0')
            break;
        teller.deeds++;
    }
    test_queue_remove(queue);
}

START_TEST(each_message_has_its_own_attempts)
{
    for (enum way way = ALL_AT_ONCE; way < WAYS; way++) {
        tell(stories[_i], way, false, false);
        tell(stories[_i], way, true, false);
    }
}
END_TEST

START_TEST(a_batch_shares_its_attempts_if_asked_to)
{
    for (enum way way = ALL_AT_ONCE; way < WAYS; way++)
        tell(stories[_i], way, true, true);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(each_message_has_its_own_attempts, STORIES),
    TEST_EACH(a_batch_shares_its_attempts_if_asked_to, STORIES),
};

TEST_SUITE("attempts", tests, .seconds = 60);
