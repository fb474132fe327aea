/* SPDX-License-Identifier: MIT */
/* The consumer's command line: what is read from it, and what is refused with which reason. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "consumer/command_line.h"
#include "tests/support/harness.h"
#include "tests/support/said.h"

enum { WORDS = 12 };

#define MS INT64_C(1000000)

static struct consumer_options options;
static struct said said;

static int count_words(const char *const *words)
{
    int count = 0;
    while (count < WORDS && words[count] != NULL)
        count++;
    return count;
}

static void read_line(const char *const *words)
{
    static char text[WORDS + 1][8192];
    static char *argv[WORDS + 2];
    int count = count_words(words);
    argv[0] = "consumer";
    for (int i = 0; i < count; i++) {
        snprintf(text[i], sizeof(text[i]), "%s", words[i]);
        argv[i + 1] = text[i];
    }
    argv[count + 1] = NULL;
    say_init("consumer", count + 1, argv);
    consumer_options_read(&options, count + 1, argv);
}

static void read_in_child(void *context)
{
    read_line(context);
}

#define READ(...) read_line((const char *const[WORDS]){__VA_ARGS__})

/* ------------------------------------------------------------------ what is read */

START_TEST(without_options_lines_go_to_stdout)
{
    READ(NULL);
    ck_assert_str_eq(options.common.queue, "default");
    ck_assert_int_eq(options.sink, SINK_STDOUT);
    ck_assert_int_eq(options.framing.kind, FRAMING_DELIMITER);
    ck_assert_int_eq(options.framing.delimiter, '\n');
    ck_assert_str_eq(options.framing.prefix, "");
    ck_assert_uint_eq(options.framing.prefix_length, 0);
    ck_assert_uint_eq(options.count, 0);
    ck_assert_int_lt(options.idle_ns, 0);
    ck_assert_int_lt(options.work_ns[0], 0);
    ck_assert_int_lt(options.work_ns[1], 0);
    ck_assert_uint_eq(options.retries, 3);
    ck_assert_uint_eq(options.jobs, 1);
    ck_assert_int_eq(options.backoff_min_ns, 100 * MS);
    ck_assert_int_eq(options.backoff_max_ns, 30000 * MS);
    ck_assert_int_eq(options.exec_timeout_ns, 0);
    ck_assert_uint_eq(options.common.shmq.prefetch, 1024);
    ck_assert(!options.progress);
}
END_TEST

static const struct {
    const char *words[WORDS];
    enum sink_kind sink;
    const char *target;
} sinks[] = {
    {{"--output", "a"}, SINK_OUTPUT, "a"},   {{"--output", "-"}, SINK_STDOUT, "-"},
    {{"--output", "-a"}, SINK_OUTPUT, "-a"}, {{"--mirror", "a%l"}, SINK_MIRROR, "a%l"},
    {{"--mirror", "-a"}, SINK_MIRROR, "-a"}, {{"--exec", "true"}, SINK_EXEC, "true"},
    {{"--pipe", "cat"}, SINK_PIPE, "cat"},   {{"--discard"}, SINK_DISCARD, NULL},
};

START_TEST(each_sink_is_known)
{
    read_line(sinks[_i].words);
    ck_assert_int_eq(options.sink, sinks[_i].sink);
    if (sinks[_i].target != NULL)
        ck_assert_str_eq(options.target, sinks[_i].target);
}
END_TEST

static const struct {
    const char *words[WORDS];
    enum framing_kind kind;
    unsigned char delimiter;
} framings[] = {
    {{"-D", ";"}, FRAMING_DELIMITER, ';'},
    {{"--delimiter", "\\t"}, FRAMING_DELIMITER, '\t'},
    {{"-0"}, FRAMING_DELIMITER, '\0'},
    {{"--null"}, FRAMING_DELIMITER, '\0'},
    {{"--length-prefixed"}, FRAMING_LENGTH32, 0},
    {{"--raw"}, FRAMING_RAW, 0},
    {{"--raw", "--raw"}, FRAMING_RAW, 0},
    {{"-D", "a", "-D", "b"}, FRAMING_DELIMITER, 'b'},
};

START_TEST(each_framing_is_known)
{
    read_line(framings[_i].words);
    ck_assert_int_eq(options.framing.kind, framings[_i].kind);
    if (framings[_i].kind == FRAMING_DELIMITER)
        ck_assert_int_eq(options.framing.delimiter, framings[_i].delimiter);
}
END_TEST

START_TEST(a_prefix_may_be_long)
{
    char prefix[FRAMING_PREFIX_MAX + 1];
    memset(prefix, 'x', sizeof(prefix));
    prefix[FRAMING_PREFIX_MAX] = '\0';
    READ("--prefix", prefix, "--raw");
    ck_assert_uint_eq(options.framing.prefix_length, FRAMING_PREFIX_MAX);
    ck_assert_str_eq(options.framing.prefix, prefix);
    ck_assert_int_eq(options.framing.kind, FRAMING_RAW);
    READ("--prefix", "", "--pipe", "cat");
    ck_assert_uint_eq(options.framing.prefix_length, 0);
}
END_TEST

START_TEST(options_of_exec_are_read)
{
    READ("--exec", "true", "--retries", "1000000", "--backoff", "1ms:2s", "--exec-timeout", "1ms");
    ck_assert_uint_eq(options.retries, 1000000);
    ck_assert_int_eq(options.backoff_min_ns, MS);
    ck_assert_int_eq(options.backoff_max_ns, 2000 * MS);
    ck_assert_int_eq(options.exec_timeout_ns, MS);
    READ("--exec", "true", "-j", "1024");
    ck_assert_uint_eq(options.jobs, 1024);
    READ("--exec", "true", "--retries", "0", "--backoff", "5ms");
    ck_assert_uint_eq(options.retries, 0);
    ck_assert_int_eq(options.backoff_min_ns, 5 * MS);
    ck_assert_int_eq(options.backoff_max_ns, 5 * MS);
}
END_TEST

START_TEST(a_program_is_read)
{
    READ("--retries", "7", "--", "sort", "--retries", "{}");
    ck_assert_int_eq(options.sink, SINK_EXEC);
    ck_assert_uint_eq(options.retries, 7);
    ck_assert_uint_eq(options.common.shmq.prefetch, 1);
    ck_assert_str_eq(options.target, "sort");
    ck_assert_str_eq(options.program[0], "sort");
    ck_assert_str_eq(options.program[1], "--retries");
    ck_assert_str_eq(options.program[2], "{}");
    ck_assert_ptr_null(options.program[3]);
    READ("--exec", "sort -n");
    ck_assert(options.direct);
    ck_assert_ptr_null(options.program);
    READ("--exec", "sort; :");
    ck_assert(!options.direct);
    READ("--pipe", "sort");
    ck_assert(!options.direct);
}
END_TEST

START_TEST(no_more_is_taken_at_a_time_than_makes_sense)
{
    static const struct {
        const char *words[WORDS];
        uint32_t prefetch;
    } lines[] = {
        {{"--exec", "true"}, 1},
        {{"--work", "0"}, 1},
        {{"--pipe", "cat"}, 1024},
        {{"--prefetch", "7"}, 7},
        {{"--exec", "true", "--prefetch", "7"}, 7},
        {{"--prefetch", "4096"}, 4096},
        {{"--count", "5"}, 5},
        {{"--count", "1"}, 1},
        {{"--count", "1024"}, 1024},
        {{"--count", "1025"}, 1024},
        {{"--count", "0"}, 1024},
        {{"--count", "5", "--prefetch", "4"}, 4},
        {{"--count", "4294967297"}, 1024},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        read_line(lines[i].words);
        ck_assert_msg(options.common.shmq.prefetch == lines[i].prefetch, "%zu: %u", i,
                      options.common.shmq.prefetch);
    }
}
END_TEST

START_TEST(common_options_are_read)
{
    READ("--mode", "640", "-v");
    ck_assert_uint_eq(options.common.shmq.mode, 0640);
    ck_assert_int_eq(say_get_level(), SAY_DETAILS);
    READ("-Q", "name", "--lanes", "3", "--count", "2", "--idle", "2s", "--work", "1:2", "--follow", "--progress");
    ck_assert_str_eq(options.common.queue, "name");
    ck_assert_uint_eq(options.common.shmq.lanes, 3);
    ck_assert_uint_eq(options.count, 2);
    ck_assert_int_eq(options.idle_ns, 2000 * MS);
    ck_assert_int_eq(options.work_ns[0], 1000 * MS);
    ck_assert_int_eq(options.work_ns[1], 2000 * MS);
    ck_assert(options.common.shmq.follow);
    ck_assert(options.progress);
}
END_TEST

/* ------------------------------------------------------------------ what is refused */

static char too_long[FRAMING_PREFIX_MAX + 2];

static const struct {
    const char *words[WORDS];
    const char *says; /* the first words of what is wrong */
} refused[] = {
    {{"--output", "a", "--output", "b"}, "--output: "},
    {{"--output", "a", "--exec", "true"}, "--output and --exec: "},
    {{"--pipe", "cat", "--discard"}, "--pipe and --discard: "},
    {{"--mirror", "a", "--pipe", "cat"}, "--mirror and --pipe: "},
    {{"--exec", "true", "--mirror", "a"}, "--exec and --mirror: "},
    {{"--output", ""}, "--output '': "},
    {{"--exec", ""}, "--exec '': "},
    {{"--mirror", "-"}, "--mirror -: "},
    {{"--mirror", "a%"}, "--mirror a%: "},
    {{"--mirror", "%d"}, "--mirror %d: "},
    {{"-0", "--raw"}, "-0 (--null) and --raw: "},
    {{"--length-prefixed", "-D", "x"}, "--length-prefixed and -D (--delimiter): "},
    {{"--null", "-D", "x"}, "--null and -D (--delimiter): "},
    {{"-D", "ab"}, "-D (--delimiter) ab: "},
    {{"--delimiter", ""}, "--delimiter '': "},
    {{"--prefix", too_long}, "--prefix: "},
    {{"--exec", "true", "--retries", "1000001"}, "--retries 1000001: "},
    {{"--exec", "true", "--jobs", "0"}, "--jobs 0: "},
    {{"--exec", "true", "--jobs", "1025"}, "--jobs 1025: "},
    {{"--discard", "--jobs", "1"}, "--jobs needs --exec or -- PROGRAM"},
    {{"--exec", "true", "--retries", "-1"}, "--retries -1: "},
    {{"--exec", "true", "--backoff", "2:1"}, "--backoff 2:1: "},
    {{"--exec", "true", "--exec-timeout", "0"}, "--exec-timeout 0: "},
    {{"--exec", "true", "--exec-timeout", "x"}, "--exec-timeout x: "},
    {{"--exec", "true", "--raw"}, "--raw cannot be combined with --exec"},
    {{"--mirror", "a", "-0"}, "-0 (--null) cannot be combined with --mirror"},
    {{"--discard", "-D", "x"}, "-D (--delimiter) cannot be combined with --discard"},
    {{"--discard", "--prefix", "x"}, "--prefix cannot be combined with --discard"},
    {{"--exec", "true", "--prefix", "x"}, "--prefix cannot be combined with --exec"},
    {{"--length-prefixed", "--prefix", "x"}, "--prefix would break "},
    {{"--retries", "1"}, "--retries needs --exec"},
    {{"--backoff", "1", "--pipe", "cat"}, "--backoff needs --exec"},
    {{"--exec-timeout", "1", "--discard"}, "--exec-timeout needs --exec"},
    {{"a"}, "a: unexpected argument (use an option to choose the sink, or -- before a program)"},
    {{"true", "--", "x"}, "true: unexpected argument "},
    {{"--"}, "--: no program follows "},
    {{"--", ""}, "--: no program follows "},
    {{"--", "-a"}, "-- PROGRAM: -a: command not found"},
    {{"--", "no-such-1", "x"}, "-- PROGRAM: no-such-1: command not found"},
    {{"--", "cd", "/"}, "-- PROGRAM: cd: command not found"},
    {{"--", "/dev/null"}, "-- PROGRAM: /dev/null: cannot be executed"},
    {{"--", "x{}", "a"}, "-- x{}: {} cannot be in a program's name"},
    {{"--exec", "true", "--", "true"}, "--exec and -- PROGRAM: only one sink "},
    {{"--raw", "--", "true"}, "--raw cannot be combined with -- PROGRAM"},
    {{"--prefix", "x", "--", "true"}, "--prefix cannot be combined with -- PROGRAM"},
    {{"--exec", "no-such-1 x"}, "--exec: no-such-1: command not found"},
    {{"--pipe", " no-such-1"}, "--pipe: no-such-1: command not found"},
    {{"--pipe", "/dev/null"}, "--pipe: /dev/null: cannot be executed"},
    {{"--queue", "a/b"}, "queue 'a/b': "},
    {{"--version", "--bogus"}, NULL},
    {{"--version", "a"}, "a: "},
    {{"--version", "--", "no-such-1"}, "-- PROGRAM: "},
    {{"--count", "x"}, "--count x: "},
};

START_TEST(what_makes_no_sense_is_refused)
{
    char start[128];
    memset(too_long, 'x', sizeof(too_long) - 1);
    said_by(&said, read_in_child, (void *)(uintptr_t)refused[_i].words);
    ck_assert_msg(said.status == EXIT_USAGE, "%s: status %d: %s", refused[_i].words[0], said.status, said.err);
    ck_assert_str_eq(said.out, "");
    snprintf(start, sizeof(start), "consumer: %s", refused[_i].says != NULL ? refused[_i].says : "");
    ck_assert_msg(strncmp(said.err, start, strlen(start)) == 0, "\"%s\", not \"%s\"", said.err, start);
    said_has(said.err, "Try 'consumer --help'.\n");
}
END_TEST

START_TEST(a_version_is_told)
{
    const char *const words[WORDS] = {"--raw", "-V"};
    said_by(&said, read_in_child, (void *)(uintptr_t)words);
    ck_assert_int_eq(said.status, EXIT_DONE);
    said_has(said.out, "consumer (shmq) ");
    ck_assert_str_eq(said.err, "");
}
END_TEST

static const struct test tests[] = {
    TEST(without_options_lines_go_to_stdout),
    TEST_EACH(each_sink_is_known, COUNT(sinks)),
    TEST_EACH(each_framing_is_known, COUNT(framings)),
    TEST(a_prefix_may_be_long),
    TEST(options_of_exec_are_read),
    TEST(a_program_is_read),
    TEST(no_more_is_taken_at_a_time_than_makes_sense),
    TEST(common_options_are_read),
    TEST_EACH(what_makes_no_sense_is_refused, COUNT(refused)),
    TEST(a_version_is_told),
};

TEST_SUITE("consumer_options", tests, .seconds = 10);
