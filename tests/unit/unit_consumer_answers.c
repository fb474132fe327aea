/* SPDX-License-Identifier: MIT */
/* What --pipe-ack consists of: the answers of a command, the messages that it works on, and what is written to it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer/answers.h"
#include "consumer/feed.h"
#include "consumer/in_flight.h"
#include "tests/support/harness.h"

enum { BATCH = 8 };

static struct answers answers;
static struct in_flight flight;
static struct feed feed;

static void begin(void)
{
    const struct framing lines = {.kind = FRAMING_DELIMITER, .delimiter = '\n', .prefix = ""};
    ck_assert_int_eq(answers_init(&answers), 0);
    ck_assert_int_eq(in_flight_init(&flight, BATCH), 0);
    feed_init(&feed, &lines);
}

static void end(void)
{
    answers_free(&answers);
    in_flight_free(&flight);
}

/* ------------------------------------------------------------------ answers */

static void add(const char *bytes, size_t count)
{
    size_t room;
    char *to = answers_room(&answers, &room);
    ck_assert_uint_le(count, room);
    memcpy(to, bytes, count);
    answers_add(&answers, count);
}

static void add_text(const char *text)
{
    add(text, strlen(text));
}

static void expect(enum answer_kind kind, const char *text)
{
    const struct answer answer = answers_next(&answers);
    ck_assert_int_eq(answer.kind, kind);
    if (text != NULL)
        ck_assert_str_eq(answer.text, text);
}

START_TEST(a_line_is_an_answer_and_may_have_a_reason)
{
    add_text("ok\nretry\ndead\nok  fine \nretry\tlater\ndead no such row: 7\nok \n");
    expect(ANSWER_OK, "");
    expect(ANSWER_RETRY, "");
    expect(ANSWER_DEAD, "");
    expect(ANSWER_OK, "fine ");
    expect(ANSWER_RETRY, "later");
    expect(ANSWER_DEAD, "no such row: 7");
    expect(ANSWER_OK, "");
    expect(ANSWER_NONE, NULL);
}
END_TEST

START_TEST(a_carriage_return_before_the_newline_is_ignored)
{
    add_text("ok\r\ndead bad\r\nok\rdead\n\r\n");
    expect(ANSWER_OK, "");
    expect(ANSWER_DEAD, "bad");
    expect(ANSWER_UNKNOWN, "ok?dead");
    expect(ANSWER_UNKNOWN, "");
}
END_TEST

START_TEST(anything_else_is_unknown)
{
    static const char *const lines[] = {"",    "OK",       "okay", " ok",        "o",
                                        "ok,", "retrying", "dea",  "deadline 3", "ERROR"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        add_text(lines[i]);
        add_text("\n");
        expect(ANSWER_UNKNOWN, lines[i]);
    }
    add("ok\0\n", 4);
    expect(ANSWER_UNKNOWN, "ok?");
    add_text("\x1b[31mred\x7f\n");
    expect(ANSWER_UNKNOWN, "?[31mred?");
}
END_TEST

START_TEST(lines_may_come_byte_by_byte)
{
    static const char text[] = "ok\r\nretry in a moment\ndead\n";
    for (size_t i = 0; i < strlen(text); i++) {
        expect(ANSWER_NONE, NULL);
        add(text + i, 1);
        if (i == 3)
            expect(ANSWER_OK, "");
        else if (i == 21)
            expect(ANSWER_RETRY, "in a moment");
        else if (i == 26)
            expect(ANSWER_DEAD, "");
    }
    expect(ANSWER_NONE, NULL);
}
END_TEST

/* Each read ends somewhere in a line. */
START_TEST(a_flood_is_read_to_its_end)
{
    enum { LINES = 100000 };
    static char text[LINES * 8];
    size_t bytes = 0;
    size_t count = 0;
    for (size_t i = 0; i < LINES; i++, bytes += strlen(text + bytes))
        strcpy(text + bytes, i % 2 == 0 ? "ok\n" : "retry x\n");
    for (size_t from = 0; from < bytes;) {
        size_t room;
        (void)answers_room(&answers, &room);
        room = room < bytes - from ? room : bytes - from;
        add(text + from, room);
        from += room;
        for (struct answer answer = answers_next(&answers); answer.kind != ANSWER_NONE; count++) {
            ck_assert_int_eq(answer.kind, count % 2 == 0 ? ANSWER_OK : ANSWER_RETRY);
            answer = answers_next(&answers);
        }
    }
    ck_assert_uint_eq(count, LINES);
}
END_TEST

START_TEST(the_longest_line_is_an_answer_and_a_longer_one_is_endless)
{
    static char text[ANSWER_LINE_MAX];
    memset(text, 'x', sizeof(text));
    memcpy(text, "dead ", 5);
    text[sizeof(text) - 1] = '\n';
    add(text, sizeof(text));
    struct answer answer = answers_next(&answers);
    ck_assert_int_eq(answer.kind, ANSWER_DEAD);
    ck_assert_uint_eq(strlen(answer.text), ANSWER_TEXT_BYTES - 1);
    text[sizeof(text) - 1] = 'x';
    add(text, sizeof(text));
    expect(ANSWER_ENDLESS, NULL);
    size_t room;
    (void)answers_room(&answers, &room);
    ck_assert_uint_eq(room, 0);
}
END_TEST

START_TEST(the_last_line_may_lack_its_newline)
{
    add_text("ok\nretry soon");
    expect(ANSWER_OK, "");
    expect(ANSWER_NONE, NULL);
    answers_end(&answers);
    expect(ANSWER_RETRY, "soon");
    expect(ANSWER_NONE, NULL);
}
END_TEST

START_TEST(the_beginning_of_an_answer_is_none_at_the_end)
{
    static const char *const cut[] = {"o", "r", "retr", "d", "dea", ""};
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        answers_reset(&answers);
        add_text(cut[i]);
        answers_end(&answers);
        expect(ANSWER_NONE, NULL);
    }
    answers_reset(&answers);
    add_text("deaf");
    answers_end(&answers);
    expect(ANSWER_UNKNOWN, "deaf");
    expect(ANSWER_NONE, NULL);
}
END_TEST

START_TEST(another_command_begins_with_nothing)
{
    add_text("ok\nre");
    answers_reset(&answers);
    add_text("ok\n");
    expect(ANSWER_OK, "");
    expect(ANSWER_NONE, NULL);
}
END_TEST

/* ------------------------------------------------------------------ in flight */

/* Gives all that may be given. Return: how many. */
static size_t give(void)
{
    size_t index;
    size_t count = 0;
    for (; in_flight_peek(&flight, &index); count++)
        in_flight_take(&flight);
    in_flight_sent(&flight, count);
    return count;
}

static bool judge(enum verdict verdict)
{
    return in_flight_judge(&flight, verdict, "why");
}

START_TEST(answers_are_for_the_oldest_that_is_out)
{
    in_flight_begin(&flight, 3);
    ck_assert_uint_eq(give(), 3);
    ck_assert(judge(VERDICT_DONE) && judge(VERDICT_DONE));
    ck_assert_uint_eq(in_flight_done(&flight), 2);
    in_flight_settle(&flight, 2);
    ck_assert(in_flight_verdict(&flight) == NULL);
    ck_assert(judge(VERDICT_REJECTED));
    ck_assert_uint_eq(in_flight_done(&flight), 0);
    ck_assert_int_eq(in_flight_verdict(&flight)->verdict, VERDICT_REJECTED);
    ck_assert_str_eq(in_flight_verdict(&flight)->why, "why");
    in_flight_settle(&flight, 1);
    ck_assert(in_flight_is_over(&flight));
    ck_assert(in_flight_verdict(&flight) == NULL);
}
END_TEST

START_TEST(what_is_not_written_completely_cannot_be_answered)
{
    size_t index;
    in_flight_begin(&flight, 2);
    ck_assert(!judge(VERDICT_DONE));
    ck_assert(in_flight_peek(&flight, &index));
    in_flight_take(&flight);
    ck_assert(!judge(VERDICT_DONE));
    in_flight_sent(&flight, 1);
    ck_assert(judge(VERDICT_DONE) && !judge(VERDICT_DONE));
}
END_TEST

START_TEST(a_later_answer_waits_for_the_retry_of_an_older_message)
{
    size_t index;
    in_flight_begin(&flight, 3);
    ck_assert_uint_eq(give(), 3);
    ck_assert(judge(VERDICT_FAILED) && judge(VERDICT_DONE) && judge(VERDICT_DONE));
    ck_assert_uint_eq(in_flight_done(&flight), 0);
    in_flight_repeat(&flight);
    ck_assert(in_flight_peek(&flight, &index));
    ck_assert_uint_eq(index, 0);
    ck_assert_uint_eq(give(), 1);
    ck_assert(judge(VERDICT_DONE));
    ck_assert_uint_eq(in_flight_done(&flight), 3);
}
END_TEST

/* The first that had no answer fails; the others come again one at a time, and then all at once. */
START_TEST(a_death_fails_the_oldest_that_is_out)
{
    in_flight_begin(&flight, 8);
    for (size_t i = 0, index; i < 4 && in_flight_peek(&flight, &index); i++)
        in_flight_take(&flight);
    in_flight_sent(&flight, 3);
    ck_assert(judge(VERDICT_DONE));
    in_flight_lost(&flight, "it died");
    ck_assert_uint_eq(in_flight_done(&flight), 1);
    in_flight_settle(&flight, 1);
    ck_assert_str_eq(in_flight_verdict(&flight)->why, "it died");
    ck_assert(!judge(VERDICT_DONE));
    in_flight_repeat(&flight);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(give(), 1);
        ck_assert(judge(VERDICT_DONE));
    }
    ck_assert_uint_eq(in_flight_done(&flight), 3);
    ck_assert_uint_eq(give(), 4);
}
END_TEST

START_TEST(a_death_in_vain_fails_the_next_message)
{
    size_t index;
    in_flight_begin(&flight, 2);
    in_flight_lost(&flight, NULL);
    ck_assert(in_flight_verdict(&flight) == NULL);
    in_flight_lost(&flight, "in vain");
    ck_assert_str_eq(in_flight_verdict(&flight)->why, "in vain");
    ck_assert(in_flight_peek(&flight, &index));
    ck_assert_uint_eq(index, 1);
    in_flight_begin(&flight, 0);
    in_flight_lost(&flight, "nothing is there");
    ck_assert(in_flight_is_over(&flight));
}
END_TEST

START_TEST(a_message_that_cannot_be_given_is_rejected_in_its_turn)
{
    size_t index;
    in_flight_begin(&flight, 3);
    ck_assert(in_flight_peek(&flight, &index));
    in_flight_take(&flight);
    ck_assert(in_flight_peek(&flight, &index));
    in_flight_refuse(&flight, "unfit");
    ck_assert(in_flight_peek(&flight, &index));
    ck_assert_uint_eq(index, 2);
    ck_assert(in_flight_verdict(&flight) == NULL);
    in_flight_sent(&flight, 1);
    ck_assert(judge(VERDICT_DONE));
    in_flight_settle(&flight, in_flight_done(&flight));
    ck_assert_int_eq(in_flight_verdict(&flight)->verdict, VERDICT_REJECTED);
}
END_TEST

/* ------------------------------------------------------------------ what is written */

static struct shmq_message message_of(const char *data, size_t length)
{
    return (struct shmq_message){.data = data, .length = length};
}

static void expect_read(int fd, const char *expected, size_t length)
{
    char *got = malloc(length + 1);
    ck_assert_int_eq(read(fd, got, length + 1), (ssize_t)length);
    ck_assert(memcmp(got, expected, length) == 0);
    free(got);
}

static void open_pipe(int ends[2])
{
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

START_TEST(a_piece_is_of_whole_messages_and_atomic)
{
    static char text[PIPE_BUF];
    const struct shmq_message half = message_of(text, PIPE_BUF / 2 - 1);
    const struct shmq_message empty = message_of(NULL, 0);
    size_t sent;
    int ends[2];
    open_pipe(ends);
    memset(text, 'x', sizeof(text));
    ck_assert(feed_add(&feed, &half) && feed_add(&feed, &half));
    ck_assert(!feed_add(&feed, &empty));
    ck_assert_int_eq(feed_write(&feed, ends[1], &sent), 0);
    ck_assert_uint_eq(sent, 2);
    ck_assert(feed_is_empty(&feed));
    text[PIPE_BUF / 2 - 1] = '\n';
    text[PIPE_BUF - 1] = '\n';
    expect_read(ends[0], text, PIPE_BUF);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_long_message_is_written_as_the_pipe_takes_it)
{
    enum { LENGTH = 300000 };
    char *text = malloc(LENGTH + 1);
    char *got = malloc(LENGTH + 1);
    const struct shmq_message message = message_of(text, LENGTH);
    const struct shmq_message empty = message_of(NULL, 0);
    size_t sent = 0;
    size_t there = 0;
    int ends[2];
    open_pipe(ends);
    for (size_t i = 0; i < LENGTH; i++)
        text[i] = (char)('a' + i % 26);
    text[LENGTH] = '\n';
    ck_assert(feed_add(&feed, &message));
    while (sent == 0) {
        int result = feed_write(&feed, ends[1], &sent);
        ck_assert(result == 0 || result == -EAGAIN);
        ck_assert_uint_eq(sent, result == 0);
        ck_assert(sent == 1 || !feed_add(&feed, &empty));
        for (ssize_t bytes = 1; bytes > 0; there += (size_t)bytes) {
            bytes = read(ends[0], got + there, LENGTH + 1 - there);
            if (bytes < 0)
                break;
        }
    }
    ck_assert_uint_eq(there, LENGTH + 1);
    ck_assert(memcmp(got, text, LENGTH + 1) == 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    ck_assert(feed_add(&feed, &message));
    ck_assert_int_eq(feed_write(&feed, ends[1], &sent), -EPIPE);
    close(ends[1]);
    free(text);
    free(got);
}
END_TEST

START_TEST(a_message_that_would_be_taken_for_two_is_objected_to)
{
    const struct framing length = {.kind = FRAMING_LENGTH32, .prefix = ""};
    const struct shmq_message two = message_of("a\nb", 3);
    const struct shmq_message one = message_of("a\tb", 3);
    const struct shmq_message empty = message_of(NULL, 0);
    ck_assert(feed_objection(&feed, &two) != NULL);
    ck_assert(feed_objection(&feed, &one) == NULL);
    ck_assert(feed_objection(&feed, &empty) == NULL);
    feed_init(&feed, &length);
    ck_assert(feed_objection(&feed, &two) == NULL);
    ck_assert(feed_objection(&feed, &empty) == NULL);
}
END_TEST

static const struct test tests[] = {
    TEST(a_line_is_an_answer_and_may_have_a_reason),
    TEST(a_carriage_return_before_the_newline_is_ignored),
    TEST(anything_else_is_unknown),
    TEST(lines_may_come_byte_by_byte),
    TEST(a_flood_is_read_to_its_end),
    TEST(the_longest_line_is_an_answer_and_a_longer_one_is_endless),
    TEST(the_last_line_may_lack_its_newline),
    TEST(the_beginning_of_an_answer_is_none_at_the_end),
    TEST(another_command_begins_with_nothing),
    TEST(answers_are_for_the_oldest_that_is_out),
    TEST(what_is_not_written_completely_cannot_be_answered),
    TEST(a_later_answer_waits_for_the_retry_of_an_older_message),
    TEST(a_death_fails_the_oldest_that_is_out),
    TEST(a_death_in_vain_fails_the_next_message),
    TEST(a_message_that_cannot_be_given_is_rejected_in_its_turn),
    TEST(a_piece_is_of_whole_messages_and_atomic),
    TEST(a_long_message_is_written_as_the_pipe_takes_it),
    TEST(a_message_that_would_be_taken_for_two_is_objected_to),
};

TEST_SUITE("consumer_answers", tests, .set_up = begin, .tear_down = end);
