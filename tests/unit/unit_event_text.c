/* SPDX-License-Identifier: MIT */
/* How the monitor describes events. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monitor/formats/event.h"
#include "tests/support/harness.h"

#define NOON INT64_C(1795780984) /* 2026-11-27 12:03:04 UTC */
#define LINE_MAX_BYTES 80
#define FUZZ_ROUNDS 20000

static void set_up(void)
{
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    tzset();
}

/* By consumer 2, about consumer 5. */
static struct shmq_event event_of(enum shmq_event_kind kind, uint64_t value)
{
    return (struct shmq_event){.size = sizeof(struct shmq_event),
                               .number = 17,
                               .kind = kind,
                               .party = SHMQ_PARTY_CONSUMER,
                               .index = 2,
                               .pid = 71,
                               .about_party = SHMQ_PARTY_CONSUMER,
                               .about = 5,
                               .value = value,
                               .realtime_ns = NOON * 1000000000 + 123456789};
}

static const struct {
    enum shmq_event_kind kind;
    uint64_t value;
    const char *text;
} sentences[] = {
    {SHMQ_EVENT_CREATED, 0, "created by consumer 2 (pid 71)"},
    {SHMQ_EVENT_ATTACHED, 0, "consumer 2 (pid 71) attached"},
    {SHMQ_EVENT_DETACHED, 0, "consumer 2 (pid 71) left"},
    {SHMQ_EVENT_DEATH, 44, "consumer 5 (pid 44) was found dead by consumer 2 (pid 71)"},
    {SHMQ_EVENT_DEATH, 0, "consumer 5 was found dead by consumer 2 (pid 71)"},
    {SHMQ_EVENT_ADOPTED, 3, "consumer 2 (pid 71) took over 3 messages of consumer 5"},
    {SHMQ_EVENT_ADOPTED, 1, "consumer 2 (pid 71) took over 1 message of consumer 5"},
    {SHMQ_EVENT_FINISHED, 0, "consumer 2 (pid 71) finished the stream of consumer 5"},
    {SHMQ_EVENT_FULL, 0, "full: consumer 2 (pid 71) has had no room for a second"},
    {SHMQ_EVENT_ROOM, 3400000000, "consumer 2 (pid 71) goes on, after 3.40 s without room"},
    {SHMQ_EVENT_EMPTY, 5, "empty: consumer 2 (pid 71) found nothing left"},
    {SHMQ_EVENT_EMPTY, 3400000000, "empty: consumer 2 (pid 71) has found nothing left for 3.40 s"},
    {SHMQ_EVENT_PAUSED, 0, "paused by consumer 2 (pid 71)"},
    {SHMQ_EVENT_RESUMED, 0, "resumed by consumer 2 (pid 71)"},
    {SHMQ_EVENT_SHUT_DOWN, SHMQ_DRAIN, "shut down by consumer 2 (pid 71)"},
    {SHMQ_EVENT_SHUT_DOWN, SHMQ_NOW, "shut down at once by consumer 2 (pid 71)"},
    {SHMQ_EVENT_REMOVED, 0, "removed by consumer 2 (pid 71)"},
    {SHMQ_EVENT_DEAD_LETTER, 1, "consumer 2 (pid 71) gave up 1 message (dead letter)"},
    {SHMQ_EVENT_DEAD_LETTER, 2, "consumer 2 (pid 71) gave up 2 messages (dead letters)"},
    {SHMQ_EVENT_DROPPED, 99, "consumer 2 (pid 71) dropped the message at 99 of lane 5"},
    {SHMQ_EVENT_DAMAGE, 0, "consumer 2 (pid 71) found damage in seat 5"},
    {SHMQ_EVENT_LOSS, 0, "consumer 2 (pid 71) lost something that it had acknowledged"},
    {SHMQ_EVENT_BELL_REPLACED, 0, "consumer 2 (pid 71) replaced the semaphore of the consumers"},
    {SHMQ_EVENT_UNREADABLE, 0, "event 17 cannot be read: half written, or damaged"},
    {(enum shmq_event_kind)99, 0, "consumer 2 (pid 71): event of the unknown kind 99"},
};

START_TEST(each_kind_has_a_sentence)
{
    char text[EVENT_TEXT_SIZE];
    const struct shmq_event event = event_of(sentences[_i].kind, sentences[_i].value);
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)), sentences[_i].text);
    ck_assert_uint_le(strlen(event_describe(&event, text, sizeof(text))), LINE_MAX_BYTES);
    ck_assert_str_ne(event_word(&event), "");
}
END_TEST

START_TEST(parties_are_named_as_they_are_known)
{
    char text[EVENT_TEXT_SIZE];
    struct shmq_event event = event_of(SHMQ_EVENT_DETACHED, 1);
    event.party = SHMQ_PARTY_PRODUCER;
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)), "producer 2 (pid 71) finished and left");
    event.value = 0;
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)), "producer 2 (pid 71) left without finishing");
    event.party = SHMQ_PARTY_SUPERVISOR;
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)), "supervisor (pid 71) left");
    event = event_of(SHMQ_EVENT_PAUSED, 0);
    event.party = SHMQ_PARTY_OBSERVER;
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)), "paused by process 71");
    event = event_of(SHMQ_EVENT_ADOPTED, 2);
    event.about = event.index;
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)),
                     "consumer 2 (pid 71) took over 2 messages of its predecessor");
    event = event_of(SHMQ_EVENT_DAMAGE, 0);
    event.about_party = SHMQ_PARTY_PRODUCER;
    ck_assert_str_eq(event_sentence(&event, text, sizeof(text)), "consumer 2 (pid 71) found damage in lane 5");
}
END_TEST

START_TEST(times_are_local)
{
    char text[EVENT_TEXT_SIZE];
    struct shmq_event event = event_of(SHMQ_EVENT_ATTACHED, 0);
    ck_assert_str_eq(event_describe(&event, text, sizeof(text)), "12:03:04.123  consumer 2 (pid 71) attached");
    ck_assert_str_eq(event_date(&event, text, sizeof(text)), "2026-11-27");
    ck_assert_int_eq(setenv("TZ", "XXX-12", 1), 0);
    tzset();
    ck_assert_str_eq(event_describe(&event, text, sizeof(text)), "00:03:04.123  consumer 2 (pid 71) attached");
    ck_assert_str_eq(event_date(&event, text, sizeof(text)), "2026-11-28");
    event = event_of(SHMQ_EVENT_UNREADABLE, 0);
    ck_assert_str_eq(event_date(&event, text, sizeof(text)), "");
}
END_TEST

static uint64_t random_word(void)
{
    static uint64_t state = 0x2545f4914f6cdd1d;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> state % 64;
}

/* Whoever can write to the queue can write any event: it stays one line of ASCII within its buffer. */
START_TEST(any_event_is_a_line)
{
    for (int i = 0; i < FUZZ_ROUNDS; i++) {
        char text[EVENT_TEXT_SIZE + 1];
        const size_t size = 1 + random_word() % EVENT_TEXT_SIZE;
        const struct shmq_event event = {.number = random_word(),
                                         .kind = (uint32_t)(random_word() % 300),
                                         .party = (uint32_t)(random_word() % 8),
                                         .index = (uint32_t)random_word(),
                                         .pid = (pid_t)random_word(),
                                         .about_party = (uint32_t)(random_word() % 8),
                                         .about = (uint32_t)random_word(),
                                         .value = random_word(),
                                         .realtime_ns = (int64_t)random_word()};
        memset(text, '#', sizeof(text));
        event_describe(&event, text, size);
        ck_assert_uint_lt(strlen(text), size);
        ck_assert_int_eq(text[size], '#');
        for (const char *at = text; *at != '\0'; at++)
            ck_assert(*at >= 0x20 && *at < 0x7f);
    }
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("sentences"),
    TEST_EACH(each_kind_has_a_sentence, COUNT(sentences)),
    TEST(parties_are_named_as_they_are_known),
    TEST(times_are_local),
    TEST(any_event_is_a_line),
};
TEST_SUITE("event text", tests, .seconds = 10, .set_up = set_up);
