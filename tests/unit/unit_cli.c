/* SPDX-License-Identifier: MIT */
/* What the programs share: numbers as users write and read them, messages, signals, the status line, and refusals.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/attached.h"
#include "common/cli/bus_guard.h"
#include "common/cli/columns.h"
#include "common/cli/open_error.h"
#include "common/cli/option_common.h"
#include "common/cli/option_text.h"
#include "common/cli/options.h"
#include "common/cli/parse.h"
#include "common/cli/progress.h"
#include "common/cli/pseudo_file.h"
#include "common/cli/random.h"
#include "common/cli/rate.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "tests/support/harness.h"
#include "tests/support/heard.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/said.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* ------------------------------------------------------------------ the clock, and a terminal */

static int64_t skew_ns;
static bool on_a_terminal;

int64_t __real_stop_now_ns(void);
int64_t __wrap_stop_now_ns(void);
int __wrap_isatty(int fd);

int64_t __wrap_stop_now_ns(void)
{
    return skew_ns != 0 ? skew_ns : __real_stop_now_ns();
}

int __wrap_isatty(int fd)
{
    ck_assert_int_eq(fd, STDERR_FILENO);
    return on_a_terminal;
}

/* ------------------------------------------------------------------ numbers as users write them */

static const struct {
    const char *text;
    int error;
    uint64_t value;
} sizes[] = {
    {"0", 0, 0},
    {"010", 0, 10},
    {"1", 0, 1},
    {"9k", 0, 9216},
    {"9K", 0, 9216},
    {"2m", 0, 2097152},
    {"2M", 0, 2097152},
    {"3g", 0, UINT64_C(3221225472)},
    {"3G", 0, UINT64_C(3221225472)},
    {"18446744073709551615", 0, UINT64_MAX},
    {"18446744073709551616", -ERANGE, 0},
    {"99999999999999999999", -ERANGE, 0},
    {"18014398509481983K", 0, UINT64_C(18446744073709550592)},
    {"18014398509481984K", -ERANGE, 0},
    {"17179869184G", -ERANGE, 0},
    {"", -EINVAL, 0},
    {"x", -EINVAL, 0},
    {"-1", -EINVAL, 0},
    {"+1", -EINVAL, 0},
    {" 1", -EINVAL, 0},
    {"1 ", -EINVAL, 0},
    {"K", -EINVAL, 0},
    {"1KB", -EINVAL, 0},
    {"1T", -EINVAL, 0},
    {"1.5K", -EINVAL, 0},
    {"0x10", -EINVAL, 0},
    {"1/", -EINVAL, 0},
    {"1:", -EINVAL, 0},
};

START_TEST(sizes_are_read)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint64_t value = 77;
        ck_assert_msg(parse_size(sizes[i].text, &value) == sizes[i].error, "%s", sizes[i].text);
        ck_assert_uint_eq(value, sizes[i].error == 0 ? sizes[i].value : 77);
    }
}
END_TEST

static const struct {
    const char *text;
    int error;
    int64_t ns;
} durations[] = {
    {"0", 0, 0},
    {"5", 0, 5 * SECOND},
    {"5s", 0, 5 * SECOND},
    {"0.5", 0, 500 * MS},
    {"1.25ms", 0, 1250000},
    {"7us", 0, 7000},
    {"1.5us", 0, 1500},
    {"0.0005us", 0, 1},
    {"0.0004us", 0, 0},
    {"3m", 0, 180 * SECOND},
    {"2h", 0, 7200 * SECOND},
    {"2305843009", 0, 2305843009 * SECOND},
    {"2305843009.213693951", 0, INT64_MAX / 4 - 64 + 64},
    {"2305843010", -ERANGE, 0},
    {"18446744074", -ERANGE, 0},
    {"99999999999999999999", -ERANGE, 0},
    {"", -EINVAL, 0},
    {".5", -EINVAL, 0},
    {"5.", -EINVAL, 0},
    {"5.s", -EINVAL, 0},
    {"-1", -EINVAL, 0},
    {"5ns", -EINVAL, 0},
    {"5sm", -EINVAL, 0},
    {"5mss", -EINVAL, 0},
    {"5x", -EINVAL, 0},
    {"1:2", -EINVAL, 0},
};

START_TEST(durations_are_read)
{
    for (size_t i = 0; i < COUNT(durations); i++) {
        int64_t ns = 77;
        ck_assert_msg(parse_duration(durations[i].text, &ns) == durations[i].error, "%s", durations[i].text);
        if (durations[i].error != 0)
            ck_assert_int_eq(ns, 77);
        else if (i != 12) /* whose fraction is more than a double holds */
            ck_assert_int_eq(ns, durations[i].ns);
    }
}
END_TEST

START_TEST(ranges_are_read)
{
    static const struct {
        const char *text;
        int error;
        int64_t min;
        int64_t max;
    } ranges[] = {
        {"1:2", 0, SECOND, 2 * SECOND},
        {"1ms:2", 0, MS, 2 * SECOND},
        {"3", 0, 3 * SECOND, 3 * SECOND},
        {"2:2", 0, 2 * SECOND, 2 * SECOND},
        {"2:1", -EINVAL, 0, 0},
        {"1:", -EINVAL, 0, 0},
        {":1", -EINVAL, 0, 0},
        {"1:2:3", -EINVAL, 0, 0},
        {"x", -EINVAL, 0, 0},
        {"1:x", -EINVAL, 0, 0},
        {"0:0", 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(ranges); i++) {
        int64_t min = 77;
        int64_t max = 78;
        ck_assert_msg(parse_duration_range(ranges[i].text, &min, &max) == ranges[i].error, "%s", ranges[i].text);
        ck_assert_int_eq(min, ranges[i].error == 0 ? ranges[i].min : 77);
        ck_assert_int_eq(max, ranges[i].error == 0 ? ranges[i].max : 78);
    }
}
END_TEST

START_TEST(counts_and_rates_are_read)
{
    uint64_t count = 77;
    double rate = 77;
    ck_assert_int_eq(parse_count("3", 3, 5, &count), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(parse_count("5", 3, 5, &count), 0);
    ck_assert_uint_eq(count, 5);
    ck_assert_int_eq(parse_count("2", 3, 5, &count), -ERANGE);
    ck_assert_int_eq(parse_count("6", 3, 5, &count), -ERANGE);
    ck_assert_int_eq(parse_count("4K", 3, 5, &count), -EINVAL);
    ck_assert_int_eq(parse_count("", 0, 5, &count), -EINVAL);
    ck_assert_uint_eq(count, 5);
    ck_assert_int_eq(parse_rate("0.25", &rate), 0);
    ck_assert_double_eq(rate, 0.25);
    ck_assert_int_eq(parse_rate("1.125", &rate), 0);
    ck_assert_double_eq(rate, 1.125);
    ck_assert_int_eq(parse_rate("1000000000", &rate), 0);
    ck_assert_double_eq(rate, 1e9);
    ck_assert_int_eq(parse_rate("0.0000011", &rate), 0);
    ck_assert_int_eq(parse_rate("1000000000.5", &rate), -ERANGE);
    ck_assert_int_eq(parse_rate("0", &rate), -ERANGE);
    ck_assert_int_eq(parse_rate("0.0000009", &rate), -ERANGE);
    ck_assert_int_eq(parse_rate("1.", &rate), -EINVAL);
    ck_assert_int_eq(parse_rate("1x", &rate), -EINVAL);
    ck_assert_int_eq(parse_rate("x", &rate), -EINVAL);
    ck_assert_double_eq_tol(rate, 0.0000011, 1e-12);
}
END_TEST

START_TEST(delimiters_are_read)
{
    static const struct {
        const char *text;
        int byte; /* -1: it is none */
    } delimiters[] = {
        {"a", 'a'},     {"\\", '\\'},   {"\\n", '\n'},  {"\\t", '\t'},  {"\\r", '\r'},   {"\\0", '\0'},
        {"\\\\", '\\'}, {"\\x41", 'A'}, {"\\xfF", 255}, {"\\x0a", 10},  {"\xc3", 0xc3},  {"", -1},
        {"ab", -1},     {"\\q", -1},    {"\\nn", -1},   {"\\x", -1},    {"\\x4", -1},    {"\\x411", -1},
        {"\\xg1", -1},  {"\\x1g", -1},  {"\\\\\\", -1}, {"\\x90", 144}, {"\\xa9", 0xa9},
    };
    for (size_t i = 0; i < COUNT(delimiters); i++) {
        unsigned char byte = 77;
        int error = parse_delimiter(delimiters[i].text, &byte);
        ck_assert_msg(error == (delimiters[i].byte < 0 ? -EINVAL : 0), "%s", delimiters[i].text);
        ck_assert_int_eq(byte, delimiters[i].byte < 0 ? 77 : delimiters[i].byte);
    }
}
END_TEST

/* ------------------------------------------------------------------ numbers as people read them */

static char text[UNITS_SIZE];

START_TEST(amounts_are_short)
{
    static const struct {
        double amount;
        const char *bytes;
        const char *count;
    } amounts[] = {
        {0, "0 B", "0"},
        {999, "999 B", "999"},
        {999.4, "999 B", "999"},
        {999.5, "1.00 kB", "1.00 k"},
        {1000, "1 kB", "1 k"},
        {1234, "1.23 kB", "1.23 k"},
        {9994, "9.99 kB", "9.99 k"},
        {9995, "10.0 kB", "10.0 k"},
        {12345, "12.3 kB", "12.3 k"},
        {99949, "99.9 kB", "99.9 k"},
        {99951, "100 kB", "100 k"},
        {999499, "999 kB", "999 k"},
        {999501, "1.00 MB", "1.00 M"},
        {2e6, "2 MB", "2 M"},
        {3e9, "3 GB", "3 G"},
        {4e12, "4 TB", "4 T"},
        {5e15, "5 PB", "5 P"},
        {6e18, "6 EB", "6 E"},
        {7e21, "7000 EB", "7000 E"},
    };
    for (size_t i = 0; i < COUNT(amounts); i++) {
        ck_assert_str_eq(units_bytes(text, amounts[i].amount), amounts[i].bytes);
        ck_assert_str_eq(units_count(text, amounts[i].amount), amounts[i].count);
    }
}
END_TEST

START_TEST(memory_is_told_in_powers_of_two)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } amounts[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1 KiB"},
        {1536, "1.50 KiB"},
        {UINT64_C(8) << 20, "8 MiB"},
        {(UINT64_C(8) << 20) + 1, "8.00 MiB"},
        {UINT64_C(15) << 30, "15 GiB"},
        {(UINT64_C(123) << 30) + 5, "123 GiB"},
        {UINT64_C(1) << 60, "1 EiB"},
    };
    for (size_t i = 0; i < COUNT(amounts); i++)
        ck_assert_str_eq(units_memory(text, amounts[i].bytes), amounts[i].text);
}
END_TEST

START_TEST(sizes_are_written_as_they_are_read)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } amounts[] = {
        {0, "0"},         {1, "1"},        {1023, "1023"},  {1024, "1K"},    {1025, "1025"},
        {2048, "2K"},     {1 << 20, "1M"}, {3 << 20, "3M"}, {1 << 30, "1G"}, {UINT64_C(1) << 40, "1024G"},
        {102400, "100K"},
    };
    for (size_t i = 0; i < COUNT(amounts); i++)
        ck_assert_str_eq(units_size(text, amounts[i].bytes), amounts[i].text);
}
END_TEST

START_TEST(times_are_written_as_they_are_read)
{
    static const struct {
        int64_t ns;
        const char *time;
        const char *duration;
    } times[] = {
        {0, "0s", "0 s"},
        {1, "1e-06ms", "0 us"},
        {1000, "0.001ms", "1 us"},
        {999999, "0.999999ms", "1000 us"},
        {MS, "1ms", "1 ms"},
        {1500000, "1.5ms", "1.50 ms"},
        {50 * MS, "50ms", "50 ms"},
        {999 * MS, "999ms", "999 ms"},
        {SECOND, "1s", "1 s"},
        {1230 * MS, "1230ms", "1.23 s"},
        {59900 * MS, "59900ms", "59.9 s"},
        {60 * SECOND, "60s", "1 m 0 s"},
        {61 * SECOND, "61s", "1 m 1 s"},
        {3599 * SECOND, "3599s", "59 m 59 s"},
        {3600 * SECOND, "3600s", "1 h 0 m"},
        {7385 * SECOND, "7385s", "2 h 3 m"},
    };
    for (size_t i = 0; i < COUNT(times); i++) {
        ck_assert_str_eq(units_time(text, times[i].ns), times[i].time);
        ck_assert_str_eq(units_duration(text, times[i].ns), times[i].duration);
    }
    ck_assert_str_eq(units_milliseconds(text, 0), "< 1 ms");
    ck_assert_str_eq(units_milliseconds(text, 1), "1 ms");
    ck_assert_str_eq(units_milliseconds(text, 61000), "1 m 1 s");
    ck_assert_str_ne(units_milliseconds(text, UINT64_MAX), "");
}
END_TEST

START_TEST(ages_are_rounded_to_one_unit)
{
    static const struct {
        int64_t ns;
        const char *age;
    } ages[] = {
        {-1, "-"},
        {0, "0.0 s"},
        {49 * MS, "0.0 s"},
        {50 * MS, "0.1 s"},
        {2496 * MS, "2.5 s"},
        {9949 * MS, "9.9 s"},
        {9950 * MS, "10 s"},
        {99499 * MS, "99 s"},
        {99500 * MS, "2 m"},
        {150 * SECOND, "3 m"},
        {5969 * SECOND, "99 m"},
        {5970 * SECOND, "2 h"},
        {171000 * SECOND - 1, "47 h"},
        {171000 * SECOND, "2 d"},
        {INT64_MAX, "106752 d"},
    };
    for (size_t i = 0; i < COUNT(ages); i++)
        ck_assert_str_eq(units_age(text, ages[i].ns), ages[i].age);
}
END_TEST

/* ------------------------------------------------------------------ rates */

START_TEST(a_rate_is_kept_and_delays_do_not_add_up)
{
    struct rate rate = {.per_second = 10, .catch_up_ns = 50 * MS};
    int64_t due;
    ck_assert_uint_eq(rate_allow(&rate, 5, SECOND, &due), 1); /* the first one at once */
    rate_take(&rate, 1, SECOND);
    ck_assert_uint_eq(rate_allow(&rate, 5, SECOND, &due), 0);
    ck_assert_int_eq(due, SECOND + 100 * MS);
    ck_assert_uint_eq(rate_allow(&rate, 5, SECOND + 130 * MS, &due), 1); /* 30 ms late */
    rate_take(&rate, 1, SECOND + 130 * MS);
    ck_assert_uint_eq(rate_allow(&rate, 5, SECOND + 199 * MS, &due), 0);
    ck_assert_int_eq(due, SECOND + 200 * MS);
}
END_TEST

START_TEST(who_is_late_for_a_rate_catches_up_only_a_little)
{
    struct rate rate = {.per_second = 1000, .catch_up_ns = 50 * MS};
    int64_t due;
    rate_take(&rate, 1, SECOND);
    ck_assert_uint_eq(rate_allow(&rate, 500, SECOND + 20 * MS, &due), 20);
    ck_assert_uint_eq(rate_allow(&rate, 5, SECOND + 20 * MS, &due), 5);
    ck_assert_uint_eq(rate_allow(&rate, 500, SECOND + 51 * MS, &due), 51 - 1 + 1);
    ck_assert_uint_eq(rate_allow(&rate, 500, SECOND + 52 * MS, &due), 1); /* a new schedule */
    /* One that was allowed long before it came starts a new schedule, too. */
    rate_take(&rate, 1, 10 * SECOND);
    ck_assert_uint_eq(rate_allow(&rate, 500, 10 * SECOND, &due), 0);
    ck_assert_int_eq(due, 10 * SECOND + MS);
}
END_TEST

/* ------------------------------------------------------------------ random numbers */

START_TEST(random_numbers_are_the_same_for_a_seed)
{
    static const uint64_t known[] = {UINT64_C(16294208416658607535), UINT64_C(7960286522194355700),
                                     UINT64_C(487617019471545679)};
    struct generator generator;
    generator_init(&generator, 0);
    for (size_t i = 0; i < COUNT(known); i++)
        ck_assert_uint_eq(generator_between(&generator, 0, UINT64_MAX), known[i]);
    generator_init(&generator, 0);
    ck_assert_uint_eq(generator_between(&generator, 10, 19), 10 + known[0] % 10);
    ck_assert_uint_ne(generator_any_seed(), generator_any_seed());
    /* What would favour small numbers is left out: half of all, here. */
    const uint64_t range = (UINT64_C(1) << 63) + 1;
    generator_init(&generator, 0);
    ck_assert_uint_eq(generator_between(&generator, 0, range - 1), known[1]);
    ck_assert_uint_eq(generator_between(&generator, 5, 5), 5);
}
END_TEST

/* ------------------------------------------------------------------ messages */

static void listen(void)
{
    say_init("producer", 0, NULL);
    say_set_writer(hear);
    heard[0] = '\0';
}

static void expect_name(char *called, const char *program, const char *prefix)
{
    char *argv[] = {called, NULL};
    say_init("producer", 1, argv);
    ck_assert_str_eq(say_program(), program);
    ck_assert_str_eq(argv[0], program);
    ck_assert_str_eq(say_prefix(), prefix);
}

START_TEST(a_program_has_the_name_it_is_called_by)
{
    char name[200];
    expect_name((char[]){"/usr/bin/shmq-producer"}, "shmq-producer", "shmq-");
    expect_name((char[]){"producer"}, "producer", "");
    expect_name((char[]){"./a/producer"}, "producer", "");
    expect_name((char[]){"x"}, "x", "");
    expect_name((char[]){""}, "producer", "");
    expect_name((char[]){"a/"}, "producer", "");
    expect_name((char[]){"a\033b\177\nc producer"}, "a?b??c producer", "a?b??c ");
    memset(name, 'n', sizeof(name));
    name[199] = '\0';
    expect_name(name, name + 199 - 63, "");
    say_init("producer", 0, NULL);
    ck_assert_str_eq(say_program(), "producer");
}
END_TEST

static void fill_descriptors(void *context)
{
    const int closed = *(int *)context;
    close(closed);
    say_init("producer", 0, NULL);
    int flags = fcntl(closed, F_GETFL);
    if (flags < 0 || (closed == 0 ? (flags & O_ACCMODE) != O_WRONLY : (flags & O_ACCMODE) != O_RDONLY))
        _exit(1);
}

START_TEST(a_standard_descriptor_that_is_closed_is_filled)
{
    static struct said said;
    for (int fd = 0; fd <= 2; fd++) {
        said_by(&said, fill_descriptors, &fd);
        ck_assert_int_eq(said.status, 0);
    }
}
END_TEST

START_TEST(levels_hide_what_is_not_wanted)
{
    listen();
    ck_assert_int_eq(say_get_level(), SAY_STATUS);
    say_error("e %d", 1);
    say_status("s %d", 2);
    say_detail("d %d", 3);
    ck_assert_str_eq(heard, "producer: e 1\nproducer: s 2\n");
    listen();
    say_set_level(SAY_DETAILS);
    say_detail("d %d", 3);
    ck_assert_str_eq(heard, "producer: d 3\n");
    listen();
    say_set_level(SAY_ERRORS);
    say_error("e");
    say_status("s");
    say_detail("d");
    say_live("l");
    say_in_passing("p");
    say_live_end();
    ck_assert_str_eq(heard, "producer: e\n");
}
END_TEST

START_TEST(the_live_line_is_erased_first)
{
    listen();
    say_live("one");
    say_live("two");
    say_status("three");
    say_live_end();
    say_live("four");
    say_live_end();
    say_live_end();
    say_live("five");
    say_in_passing("six");
    ck_assert_str_eq(heard, "\rone\033[K\rtwo\033[K\r\033[Kproducer: three\n\rfour\033[K\r\033[K"
                            "\rfive\033[K\r\033[Kproducer: six\n");
}
END_TEST

/* Around the room that a line has without memory of its own. */
START_TEST(a_line_is_whole_however_long)
{
    char word[2048];
    for (size_t length = 1000; length < 1030; length++) {
        listen();
        memset(word, 'x', length);
        word[length - 1] = 'z';
        word[length] = '\0';
        say_error("%s%d", word, 7);
        ck_assert_uint_eq(strlen(heard), length + strlen("producer: 7\n"));
        ck_assert_int_eq(strncmp(heard, "producer: x", 11), 0);
        ck_assert_str_eq(heard + 10 + length - 1, "z7\n");
        listen();
        say_in_passing("%s%d", word, 7);
        ck_assert_str_eq(heard + 10 + length - 1, "z7\n");
    }
}
END_TEST

static void say_on_stderr(void *context)
{
    (void)context;
    say_init("producer", 0, NULL);
    say_error("a");
    say_set_writer(hear);
    say_error("b");
    say_set_writer(NULL);
    say_error("c");
}

START_TEST(without_a_writer_it_is_said_on_stderr)
{
    static struct said said;
    said_by(&said, say_on_stderr, NULL);
    ck_assert_str_eq(said.err, "producer: a\nproducer: c\n");
    ck_assert_str_eq(said.out, "");
}
END_TEST

/* ------------------------------------------------------------------ signals */

static void be_stopped_twice(void *context)
{
    const int *numbers = context;
    stop_init();
    raise(numbers[0]);
    if (stop_requested != numbers[0])
        _exit(1);
    raise(numbers[0]); /* within 100 ms it is the same request */
    if (numbers[1] == 0)
        _exit(3);
    raise(numbers[1]);
    _exit(2);
}

START_TEST(the_first_signal_asks_for_an_end_and_another_one_ends)
{
    static struct said said;
    static const struct {
        int numbers[2];
        int status;
    } signals[] = {{{SIGTERM, SIGINT}, 128 + SIGINT},
                   {{SIGINT, SIGTERM}, 128 + SIGTERM},
                   {{SIGINT, 0}, 3},
                   {{SIGTERM, 0}, 3}};
    for (size_t i = 0; i < COUNT(signals); i++) {
        said_by(&said, be_stopped_twice, (void *)(uintptr_t)signals[i].numbers);
        ck_assert_int_eq(said.status, signals[i].status);
    }
}
END_TEST

static struct said said;

static void ignore_and_raise(void *context)
{
    int number = *(int *)context;
    signal(SIGINT, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    stop_init();
    raise(number);
    _exit(stop_requested != 0 ? 1 : stop_statistics_wanted() ? 2 : 3);
}

START_TEST(what_a_background_job_ignores_stays_ignored)
{
    static const struct {
        int number;
        int status;
    } signals[] = {{SIGINT, 3}, {SIGUSR1, 3}, {SIGTERM, 1}, {SIGPIPE, 3}, {SIGXFSZ, 3}};
    for (size_t i = 0; i < COUNT(signals); i++) {
        int number = signals[i].number;
        said_by(&said, ignore_and_raise, &number);
        ck_assert_int_eq(said.status, signals[i].status);
    }
}
END_TEST

START_TEST(statistics_are_wanted_once_for_each_signal)
{
    stop_init();
    ck_assert(!stop_statistics_wanted());
    raise(SIGUSR1);
    ck_assert_int_eq(stop_requested, 0);
    ck_assert(stop_statistics_wanted());
    ck_assert(!stop_statistics_wanted());
}
END_TEST

static void fault(void *context)
{
    char *map = context;
    say_init("producer", 0, NULL);
    stop_init();
    if (map == NULL) {
        raise(SIGBUS); /* somebody sends it: that is no damaged queue */
        _exit(1);
    }
    _exit(*(volatile char *)map);
}

/* A guard that is set twice passes on what it does not guard, and not to itself. */
static void fault_beside_guard(void *map)
{
    say_init("monitor", 0, NULL);
    stop_init();
    bus_guard_init();
    bus_guard_init();
    _exit(*(volatile char *)map);
}

START_TEST(memory_that_is_gone_is_told)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    said_by(&said, fault, NULL);
    ck_assert_int_eq(said.status, 128 + SIGBUS);
    ck_assert_str_eq(said.err, "");
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    said_by(&said, fault, map);
    ck_assert_int_eq(said.status, EXIT_QUEUE);
    said_has(said.err, "producer: the queue's memory is gone: ");
    said_has(said.err, "'monitor check'");
    ck_assert_int_eq(said.err[strlen(said.err) - 1], '\n');
    said_by(&said, fault_beside_guard, map);
    ck_assert_int_eq(said.status, EXIT_QUEUE);
    said_has(said.err, "monitor: the queue's memory is gone: ");
}
END_TEST

static int touch(void *context)
{
    return *(volatile char *)context;
}

static void *touch_twice(void *map)
{
    static bool caught;
    caught = bus_guard_call(touch, map) == -EBADMSG && bus_guard_call(touch, map) == -EBADMSG;
    return &caught;
}

/* Another thread's guard is not this one's, and what is not guarded ends the program as it would without. */
static void fault_guarded(void *map)
{
    pthread_t thread;
    void *caught = NULL;
    char there = 7;
    say_init("producer", 0, NULL);
    stop_init();
    bus_guard_init();
    ck_assert_int_eq(pthread_create(&thread, NULL, touch_twice, map), 0);
    ck_assert_int_eq(pthread_join(thread, &caught), 0);
    ck_assert(*(bool *)caught);
    ck_assert_int_eq(bus_guard_call(touch, map), -EBADMSG);
    ck_assert_int_eq(bus_guard_call(touch, &there), 7);
    _exit(*(volatile char *)map);
}

START_TEST(memory_that_is_gone_can_be_guarded_against)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    said_by(&said, fault_guarded, map);
    ck_assert_int_eq(said.status, EXIT_QUEUE);
    said_has(said.err, "producer: the queue's memory is gone: ");
}
END_TEST

static void restore(void *context)
{
    int number = *(int *)context;
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    stop_init();
    stop_restore_for_child();
    raise(number);
}

START_TEST(children_get_back_what_was_set)
{
    static const struct {
        int number;
        int status;
    } signals[] = {{SIGINT, 0}, {SIGTERM, 128 + SIGTERM}, {SIGUSR1, 128 + SIGUSR1}, {SIGPIPE, 128 + SIGPIPE}};
    for (size_t i = 0; i < COUNT(signals); i++) {
        int number = signals[i].number;
        said_by(&said, restore, &number);
        ck_assert_int_eq(said.status, signals[i].status);
    }
}
END_TEST

static void be_blocked(void *context)
{
    sigset_t all;
    (void)context;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    stop_init();
    raise(SIGTERM);
    _exit(stop_requested == SIGTERM ? 3 : 1);
}

START_TEST(signals_that_were_blocked_are_let_in)
{
    said_by(&said, be_blocked, NULL);
    ck_assert_int_eq(said.status, 3);
}
END_TEST

START_TEST(a_sleep_ends_when_it_is_time)
{
    int64_t began = __real_stop_now_ns();
    ck_assert(stop_sleep_until(began + 30 * MS));
    ck_assert_int_ge(__real_stop_now_ns() - began, 30 * MS);
    ck_assert(stop_sleep_until(0));
    ck_assert(stop_sleep_until(-5));
}
END_TEST

static void *signal_soon(void *context)
{
    struct timespec pause = {.tv_nsec = 30000000};
    nanosleep(&pause, NULL);
    kill(getpid(), *(int *)context);
    return NULL;
}

START_TEST(a_sleep_ends_when_something_is_asked_for)
{
    static const int numbers[] = {SIGTERM, SIGUSR1};
    int number = numbers[_i];
    pthread_t thread;
    sigset_t set;
    stop_init();
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, signal_soon, &number), 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    ck_assert(!stop_sleep_until(__real_stop_now_ns() + 20 * SECOND));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!stop_sleep_until(__real_stop_now_ns() + 20 * SECOND)); /* it was before */
    ck_assert_int_eq(stop_wait_fd(-1, POLLIN, -1), -EINTR);
}
END_TEST

START_TEST(a_wait_for_a_descriptor_ends_when_something_is_asked_for)
{
    int number = SIGTERM;
    pthread_t thread;
    sigset_t set;
    struct rlimit usual;
    stop_init();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    const struct rlimit none = {.rlim_max = usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(stop_wait_fd(0, POLLIN, __real_stop_now_ns() + SECOND), -EINVAL);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, signal_soon, &number), 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    ck_assert(!stop_sleep_until(__real_stop_now_ns() + 20 * SECOND));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* The wait that comes next, too: the signal may come just before it. */
START_TEST(a_signal_ends_the_wait_for_messages)
{
    const char *name = test_name("interrupted");
    struct shmq_options small = planted_small();
    struct shmq_message message;
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &small);
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &small);
    stop_init();
    stop_attach(consumer);
    raise(SIGTERM);
    int64_t began = __real_stop_now_ns();
    ck_assert_int_eq(shmq_lease(consumer, &message, 5 * SECOND), -EINTR);
    ck_assert_int_lt(__real_stop_now_ns() - began, 4 * SECOND);
    stop_detach(consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

START_TEST(a_descriptor_is_waited_for)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    int64_t began = __real_stop_now_ns();
    ck_assert_int_eq(stop_wait_fd(ends[0], POLLIN, began + 30 * MS), 0);
    ck_assert_int_ge(__real_stop_now_ns() - began, 30 * MS);
    ck_assert_int_eq(stop_wait_fd(ends[0], POLLIN, began), 0);
    ck_assert_int_eq(write(ends[1], "a", 1), 1);
    ck_assert_int_eq(stop_wait_fd(ends[0], POLLIN, -1), 1);
    ck_assert_int_eq(stop_wait_fd(ends[0], POLLIN, began), 1);
    ck_assert_int_eq(stop_wait_fd(ends[1], POLLOUT, began), 1);
}
END_TEST

/* ------------------------------------------------------------------ the status line */

START_TEST(progress_is_shown_at_its_intervals)
{
    struct progress progress;
    listen();
    skew_ns = 1000 * SECOND;
    progress_init(&progress, "produced", true, 0);
    progress.produces = true;
    progress.counts.messages = 10;
    progress.counts.bytes = 100;
    skew_ns += 10 * SECOND - 1;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "");
    skew_ns++;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "producer: 10 in (1/s), 0 out (0/s), 10 B/s\n");
    heard[0] = '\0';
    progress.counts.waits_for = "input";
    skew_ns += 10 * SECOND - 1;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "");
    skew_ns++;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "producer: 10 in (0/s), 0 out (0/s), 0 B/s: waits for input\n");
    progress_end(&progress);
    heard[0] = '\0';
    progress_total(&progress, &progress.counts, "");
    progress_total(&progress, &progress.counts, NULL);
    progress_total(&progress, &progress.counts, "more");
    ck_assert_str_eq(heard, "producer: produced 10 messages, 100 B in 20 s (0/s, 5 B/s)\n"
                            "producer: produced 10 messages, 100 B in 20 s (0/s, 5 B/s)\n"
                            "producer: produced 10 messages, 100 B in 20 s (0/s, 5 B/s), more\n");
}
END_TEST

START_TEST(progress_has_the_interval_that_was_given)
{
    struct progress progress;
    for (int terminal = 0; terminal <= 1; terminal++) {
        listen();
        on_a_terminal = terminal != 0;
        skew_ns = 1000 * SECOND;
        progress_init(&progress, "consumed", true, 100 * MS);
        skew_ns += 100 * MS - 1;
        progress_tick(&progress);
        ck_assert_str_eq(heard, "");
        skew_ns++;
        progress_tick(&progress);
        ck_assert_str_ne(heard, "");
        say_live_end();
    }
    on_a_terminal = false;
}
END_TEST

START_TEST(progress_on_a_terminal_is_one_line)
{
    struct progress progress;
    listen();
    on_a_terminal = true;
    skew_ns = 1000 * SECOND;
    progress_init(&progress, "consumed", true, 0);
    progress.counts.messages = 1;
    skew_ns += 250 * MS - 1;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "");
    skew_ns++;
    progress_tick(&progress);
    skew_ns += 250 * MS;
    progress_tick(&progress);
    progress_end(&progress);
    ck_assert_str_eq(heard, "\rproducer: 1 in (4/s), 1 out (4/s), 0 B/s\033[K"
                            "\rproducer: 1 in (2/s), 1 out (2/s), 0 B/s\033[K\r\033[K");
    heard[0] = '\0';
    progress_init(&progress, "consumed", false, 0);
    skew_ns += 10 * SECOND;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "");
    progress.counts.messages = 1;
    progress_total(&progress, &progress.counts, NULL);
    ck_assert_str_eq(heard, "producer: consumed 1 message, 0 B in 10 s (0/s, 0 B/s)\n");
}
END_TEST

/* Of a source of 100 bytes. */
START_TEST(progress_tells_percent_and_time_left)
{
    struct progress progress;
    listen();
    skew_ns = 1000 * SECOND;
    progress_init(&progress, "produced", true, 1 * SECOND);
    progress.produces = true;
    progress_set_source(&progress, 50, 100);
    progress.counts.source_bytes = 60;
    progress.counts.messages = 1;
    skew_ns += 1 * SECOND;
    progress_tick(&progress);
    ck_assert_str_eq(heard, "producer: 1 in (1/s), 0 out (0/s), 0 B/s, 60 % done, 4.0 s left\n");
    heard[0] = '\0';
    progress.counts.source_bytes = 100;
    progress.counts.messages = 2;
    skew_ns += 1 * SECOND;
    progress_tick(&progress);
    ck_assert_ptr_nonnull(strstr(heard, ", 100 % done\n"));
    heard[0] = '\0';
    progress.counts.source_bytes = 101; /* it has grown */
    skew_ns += 1 * SECOND;
    progress_tick(&progress);
    ck_assert_ptr_null(strstr(heard, "done"));
    ck_assert_ptr_null(strstr(heard, "left"));
}
END_TEST

/* What is blocked ends when nobody knows, and when it goes on, what was before does not count. */
START_TEST(progress_that_stands_still_has_no_rate_and_no_time_left)
{
    struct progress progress;
    listen();
    skew_ns = 1000 * SECOND;
    progress_init(&progress, "produced", true, 100 * MS);
    progress.produces = true;
    progress.total_messages = 100000;
    progress.counts.waits_for = "input";
    for (int i = 1; i <= 30; i++) { /* 1000 a second */
        heard[0] = '\0';
        skew_ns += 100 * MS;
        progress.counts.messages += 100;
        progress_tick(&progress);
        /* Not before a second of measurements. */
        ck_assert_int_eq(strstr(heard, " left") != NULL, i >= 10);
    }
    ck_assert_str_eq(heard, "producer: 3 k in (1 k/s), 0 out (0/s), 0 B/s, 3 % done, 1 m 37 s left\n");
    for (int i = 1; i <= 600; i++) {
        heard[0] = '\0';
        skew_ns += 100 * MS;
        progress_tick(&progress);
        if (i >= 10)
            ck_assert_str_eq(heard, "producer: 3 k in (0/s), 0 out (0/s), 0 B/s, 3 % done: waits for input\n");
    }
    for (int i = 1; i <= 11; i++) { /* 10 a second, but the first interval does not count */
        ck_assert_ptr_null(strstr(heard, " left"));
        heard[0] = '\0';
        skew_ns += 100 * MS;
        progress.counts.messages++;
        progress_tick(&progress);
    }
    ck_assert_str_eq(heard, "producer: 3.01 k in (10/s), 0 out (0/s), 0 B/s, 3 % done, 2 h 41 m left\n");
}
END_TEST

/* It looks in between: what has stood still for half of the interval is told, and what was before is no rate. */
START_TEST(progress_with_long_intervals_knows_what_stands_still)
{
    struct progress progress;
    listen();
    skew_ns = 1000 * SECOND;
    progress_init(&progress, "produced", true, 10 * SECOND);
    progress.produces = true;
    progress.total_messages = 100;
    progress.counts.waits_for = "input";
    progress.counts.messages = 50;
    for (int i = 0; i < 10; i++) {
        ck_assert_str_eq(heard, "");
        skew_ns += SECOND;
        progress_tick(&progress);
    }
    ck_assert_str_eq(heard, "producer: 50 in (0/s), 0 out (0/s), 0 B/s, 50 % done: waits for input\n");
}
END_TEST

/* It stood still for nearly all of the first interval. */
START_TEST(progress_tells_no_time_left_of_what_has_just_begun_and_stands_still)
{
    struct progress progress;
    listen();
    skew_ns = 1000 * SECOND;
    progress_init(&progress, "produced", true, 1 * SECOND);
    progress.produces = true;
    progress.total_messages = 100000;
    progress.counts.waits_for = "input";
    progress.counts.messages = 1000;
    for (int i = 1; i <= 5; i++) {
        ck_assert_str_eq(heard, "");
        skew_ns += 200 * MS;
        progress_tick(&progress);
    }
    ck_assert_ptr_nonnull(strstr(heard, "1 % done"));
    ck_assert_ptr_null(strstr(heard, " left"));
}
END_TEST

/* It went on at the end of an interval. */
START_TEST(progress_that_goes_on_begins_to_measure_anew)
{
    struct progress_meters meters;
    struct progress_reading reading = {.total = 100000};
    struct progress_view view;
    progress_meters_init(&meters, &reading, 1000 * SECOND, SECOND);
    progress_measure(&meters, &reading, 1003 * SECOND, &view);
    reading.in = reading.done = 10;
    progress_measure(&meters, &reading, 1004 * SECOND, &view);
    ck_assert_int_eq((int)view.in_rate, 10);
    ck_assert_int_eq((int)view.left_ns, -1);
    reading.in = reading.done = 1010;
    progress_measure(&meters, &reading, 1005 * SECOND, &view);
    ck_assert_int_eq((int)view.in_rate, 1000);
    ck_assert_int_eq((int)(view.left_ns / SECOND), 98);
}
END_TEST

/* Whose output stands still while others put: the consumer holds it up. */
START_TEST(progress_of_a_consumer_stands_still_by_what_comes_out)
{
    struct progress_meters meters;
    struct progress_reading reading = {.total = 10};
    struct progress_view view;
    progress_meters_init(&meters, &reading, 1000 * SECOND, SECOND);
    for (int i = 1; i <= 3; i++) {
        reading.in += 5;
        progress_measure(&meters, &reading, (1000 + i) * SECOND, &view);
    }
    ck_assert(!progress_is_still(&meters, &meters.in));
    ck_assert(progress_is_still(&meters, &meters.out));
    ck_assert_int_eq((int)view.in_rate, 5);
    ck_assert_int_eq((int)view.left_ns, -1);
}
END_TEST

static const struct {
    int64_t ns;
    const char *text;
} times_left[] = {
    {0, "less than 1 s"},
    {351 * MS / 100, "less than 1 s"},
    {949 * MS, "less than 1 s"},
    {950 * MS, "1.0 s"},
    {3510 * MS, "3.5 s"},
    {9949 * MS, "9.9 s"},
    {9950 * MS, "10 s"},
    {12345 * MS, "12 s"},
    {59499 * MS, "59 s"},
    {59500 * MS, "1 m 0 s"},
    {3599499 * MS, "59 m 59 s"},
    {3599500 * MS, "1 h 0 m"},
    {47 * 3600 * SECOND, "47 h 0 m"},
    {72 * 3600 * SECOND, "3 d"},
};

START_TEST(a_time_left_has_no_more_digits_than_are_known)
{
    char line[PROGRESS_TEXT_BYTES];
    char expected[64];
    const struct progress_view view = {.byte_rate = -1,
                                       .fill_percent = -1,
                                       .done_percent = -1,
                                       .left_ns = times_left[_i].ns,
                                       .extra = "",
                                       .still = ""};
    snprintf(expected, sizeof(expected), "0 in (0/s), 0 out (0/s), %s left", times_left[_i].text);
    ck_assert_str_eq(progress_text(&view, "", SIZE_MAX, line), expected);
}
END_TEST

static void use_locale(const char *name)
{
    ck_assert_int_eq(setenv("LC_ALL", name, 1), 0);
}

/* Whatever is left out, no line is wider than it may be, and none is empty. */
START_TEST(a_line_of_progress_fits)
{
    char line[PROGRESS_TEXT_BYTES];
    const struct progress_view moving = {1234567, 1234000, 99999,       88888,      12345678,
                                         83,      42,      99 * SECOND, "2 resent", ""};
    struct progress_view still = moving;
    use_locale("C.UTF-8");
    still.left_ns = -1;
    still.still = "full: 3 producers wait, held up by consumer 2 (pid 71, stopped, last at work 40 s ago), "
                  "\xe6\xbc\xa2\xe5\xad\x97";
    for (size_t columns = 1; columns <= 200; columns++) {
        ck_assert_uint_le(columns_of(progress_text(&moving, "producer: ", columns, line)), columns);
        ck_assert(line[0] != '\0' || columns < 9);
        ck_assert_uint_le(columns_of(progress_text(&still, "producer: ", columns, line)), columns);
        ck_assert_uint_gt(strlen(line), 0);
        ck_assert_ptr_null(strchr(line, '?'));
        if (columns >= 80)
            ck_assert_ptr_nonnull(strstr(line, "3 producers wait, held up by consumer 2 (pid 71"));
    }
    ck_assert_str_eq(
        progress_text(&moving, "producer: ", 200, line),
        "producer: 1.23 M in (100 k/s), 1.23 M out (88.9 k/s), 12.3 MB/s [################----] 83 % full, "
        "42 % done, 1 m 39 s left, 2 resent");
    ck_assert_str_eq(progress_text(&moving, "producer: ", 20, line), "42 % done");
    ck_assert_str_eq(progress_text(&still, "", SIZE_MAX, line),
                     "1.23 M in (100 k/s), 1.23 M out (88.9 k/s), 12.3 MB/s [########--] 83 % full, 42 % done, "
                     "2 resent: 3 producers wait, held up by consumer 2 (pid 71, stopped, last at work 40 s ago), "
                     "\xe6\xbc\xa2\xe5\xad\x97");
}
END_TEST

#define ELLIPSIS "\xe2\x80\xa6"

/* The reason keeps whole words, and is cut only when there is nothing else left to leave out. */
static const struct {
    const char *locale;
    size_t columns;
    const char *line;
} cut_lines[] = {
    {"C.UTF-8", 79, "1 k in (0/s), 1 k out (0/s) [####------] 40 % full: waits for the queue now"},
    {"C.UTF-8", 60, "1 k in (0/s), 1 k out, 40 % full: waits for the queue now"},
    {"C.UTF-8", 35, "40 % full: waits for the queue now"},
    {"C.UTF-8", 34, "40 % full: waits for the queue now"},
    {"C.UTF-8", 33, "40 % full: waits for the queue" ELLIPSIS},
    {"C.UTF-8", 30, "40 % full: waits for the" ELLIPSIS},
    {"C.UTF-8", 26, "waits for the queue now"},
    {"C.UTF-8", 22, "waits for the queue" ELLIPSIS},
    {"C.UTF-8", 7, "waits" ELLIPSIS},
    {"C.UTF-8", 6, "waits" ELLIPSIS},
    {"C.UTF-8", 5, "wait" ELLIPSIS},
    {"C.UTF-8", 1, ELLIPSIS},
    {"C", 32, "40 % full: waits for the..."},
    {"C", 8, "waits..."},
    {"C", 7, "wait..."},
    {"C", 3, "..."},
    {"C", 2, "wa"},
    {"C", 1, "w"},
    {"xx_XX.UTF-8", 7, "waits" ELLIPSIS}, /* not installed */
    {"xx_XX", 8, "waits..."},
};

START_TEST(a_reason_is_cut_behind_a_word)
{
    char line[PROGRESS_TEXT_BYTES];
    const struct progress_view view = {1000, 1000, 0, 0, -1, 40, -1, -1, "", "waits for the queue now"};
    use_locale(cut_lines[_i].locale);
    ck_assert_str_eq(progress_text(&view, "producer: ", cut_lines[_i].columns, line), cut_lines[_i].line);
}
END_TEST

/* Two columns each, one that stands over another, bytes that are no text, and a control character. */
START_TEST(wide_characters_are_counted)
{
    char words[64] = "\xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81 \xff\x1b[K";
    use_locale("C.UTF-8");
    columns_clean(words);
    ck_assert_str_eq(words, "\xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81 ??[K");
    ck_assert_uint_eq(columns_of(words), 11);
    columns_cut(words, sizeof(words), 11, 0);
    ck_assert_uint_eq(columns_of(words), 11);
    columns_cut(words, sizeof(words), 7, 0);
    ck_assert_str_eq(words, "\xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81" ELLIPSIS);
    columns_cut(words, sizeof(words), 4, 0);
    ck_assert_str_eq(words, "\xe6\xbc\xa2" ELLIPSIS);
    columns_cut(words, sizeof(words), 2, 0);
    ck_assert_str_eq(words, ELLIPSIS);
}
END_TEST

START_TEST(the_middle_of_a_long_name_is_left_out)
{
    char name[32] = "one-two-three";
    char wide[32] = "\xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81x";
    use_locale("C.UTF-8");
    columns_cut_middle(name, sizeof(name), 13);
    ck_assert_str_eq(name, "one-two-three");
    columns_cut_middle(name, sizeof(name), 8);
    ck_assert_str_eq(name, "one-" ELLIPSIS "ree");
    columns_cut_middle(name, sizeof(name), 1);
    ck_assert_str_eq(name, ELLIPSIS);
    columns_cut_middle(wide, sizeof(wide), 5);
    ck_assert_str_eq(wide, "\xe6\xbc\xa2" ELLIPSIS "e\xcc\x81x");
}
END_TEST

START_TEST(without_a_locale_a_tilde_stands_for_the_middle)
{
    char name[32] = "one-two-three";
    use_locale("C");
    columns_cut_middle(name, sizeof(name), 8);
    ck_assert_str_eq(name, "one-~ree");
}
END_TEST

START_TEST(without_a_locale_each_byte_is_a_column)
{
    char words[64] = "\xc3\xa4x";
    use_locale("C");
    columns_clean(words);
    ck_assert_str_eq(words, "??x");
    ck_assert_uint_eq(columns_of(words), 3);
}
END_TEST

/* ------------------------------------------------------------------ options */

static struct common_options options;

static void say_bad(void *context)
{
    const char *const *words = context;
    say_init("producer", 0, NULL);
    options_bad(words[0], words[1], words[2]);
}

START_TEST(a_bad_value_is_told_with_what_is_allowed)
{
    static const struct {
        const char *words[3];
        const char *says;
    } bad[] = {
        {{"count", "x", "a number"}, "producer: --count x: not valid (a number)\n"},
        {{"D", "x", "a byte"}, "producer: -D x: not valid (a byte)\n"},
        {{"-D", "", "is empty (give it)"}, "producer: -D '': is empty (give it)\n"},
        {{"--out", "x", ""}, "producer: --out x: not valid ()\n"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        said_by(&said, say_bad, (void *)(uintptr_t)bad[i].words);
        ck_assert_int_eq(said.status, EXIT_USAGE);
        ck_assert_int_eq(strncmp(said.err, bad[i].says, strlen(bad[i].says)), 0);
        said_has(said.err, "\nTry 'producer --help'.\n");
    }
}
END_TEST

START_TEST(a_capacity_is_rounded_up)
{
    ck_assert_uint_eq(options_round_capacity(0), 0);
    ck_assert_uint_eq(options_round_capacity(1), 4096);
    ck_assert_uint_eq(options_round_capacity(4096), 4096);
    ck_assert_uint_eq(options_round_capacity(4097), 8192);
    ck_assert_uint_eq(options_round_capacity(UINT64_C(1) << 62), UINT64_C(1) << 62);
    ck_assert_uint_eq(options_round_capacity(UINT64_MAX), UINT64_C(1) << 62);
}
END_TEST

START_TEST(rounding_is_told_with_v)
{
    listen();
    options_init(&options);
    options.shmq.capacity_bytes = 5000;
    options_say_rounding(&options);
    ck_assert_str_eq(heard, "");
    say_set_level(SAY_DETAILS);
    options.shmq.capacity_bytes = 8192;
    options_say_rounding(&options);
    options.shmq.capacity_bytes = 0;
    options_say_rounding(&options);
    ck_assert_str_eq(heard, "");
    options.shmq.capacity_bytes = 5000;
    options_say_rounding(&options);
    said_has(heard, "producer: --capacity 5000: rounded up to 8K (");
}
END_TEST

START_TEST(the_environment_names_the_queue)
{
    ck_assert_int_eq(unsetenv("SHMQ_QUEUE"), 0);
    options_init(&options);
    ck_assert_str_eq(options.queue, "default");
    ck_assert_int_eq(setenv("SHMQ_QUEUE", "", 1), 0);
    options_init(&options);
    ck_assert_str_eq(options.queue, "default");
    ck_assert_int_eq(setenv("SHMQ_QUEUE", "q", 1), 0);
    options_init(&options);
    ck_assert_str_eq(options.queue, "q");
}
END_TEST

static void finish(void *context)
{
    (void)context;
    say_init("producer", 0, NULL);
    options_finish(&options);
}

static void explain(void *context)
{
    say_init("producer", 0, NULL);
    options_explain(&options, *(int *)context);
}

START_TEST(sizes_have_to_go_together)
{
    int error = -EINVAL;
    options_init(&options);
    options.queue = "q";
    options.shmq.max_message_bytes = 8193;
    said_by(&said, finish, NULL);
    ck_assert_int_eq(said.status, 0);
    options.shmq.capacity_bytes = 8000;
    said_by(&said, finish, NULL);
    ck_assert_int_eq(said.status, EXIT_USAGE);
    said_has(said.err,
             "producer: --max-message 8193: larger than a lane's capacity of 8K (give --capacity 16K or ");
    options.shmq.max_message_bytes = 8192;
    said_by(&said, finish, NULL);
    ck_assert_int_eq(said.status, 0);
    options.shmq.capacity_bytes = 0;
    options.shmq.max_message_bytes = (8 << 20) + 1;
    said_by(&said, explain, &error);
    ck_assert_int_eq(said.status, EXIT_USAGE);
    options.shmq.max_message_bytes = 8 << 20;
    said_by(&said, explain, &error);
    ck_assert_int_eq(said.status, 0);
    options.shmq.max_message_bytes = (8 << 20) + 1;
    error = -EACCES;
    said_by(&said, explain, &error);
    ck_assert_int_eq(said.status, 0);
    options.shmq.capacity_bytes = 1;
    error = -EINVAL;
    said_by(&said, explain, &error);
    ck_assert_int_eq(said.status, 0);
}
END_TEST

START_TEST(a_bad_name_is_told)
{
    char name[SHMQ_NAME_MAX + 2];
    options_init(&options);
    options.queue = "a/b";
    said_by(&said, finish, NULL);
    ck_assert_int_eq(said.status, EXIT_USAGE);
    said_has(said.err, "producer: queue 'a/b': not a valid name");
    memset(name, 'a', sizeof(name));
    name[SHMQ_NAME_MAX + 1] = '\0';
    options.queue = name;
    said_by(&said, finish, NULL);
    ck_assert_int_eq(said.status, EXIT_USAGE);
    said_has(said.err, "name is too long");
    name[SHMQ_NAME_MAX] = '\0';
    said_by(&said, finish, NULL);
    ck_assert_int_eq(said.status, 0);
}
END_TEST

START_TEST(errors_have_their_exit_status)
{
    static const struct {
        int error;
        enum exit_status status;
    } errors[] = {
        {0, EXIT_DONE},          {-ENODATA, EXIT_DONE},      {-ESHUTDOWN, EXIT_ENDED}, {-EOWNERDEAD, EXIT_ENDED},
        {-EAGAIN, EXIT_TIMEOUT}, {-ETIMEDOUT, EXIT_TIMEOUT}, {-EBADMSG, EXIT_QUEUE},   {-EPROTO, EXIT_QUEUE},
        {-ESTALE, EXIT_QUEUE},   {-EEXIST, EXIT_QUEUE},      {-EACCES, EXIT_FAILED},   {-ENOMEM, EXIT_FAILED},
    };
    for (size_t i = 0; i < COUNT(errors); i++)
        ck_assert_int_eq(exit_status_of(errors[i].error), errors[i].status);
}
END_TEST

START_TEST(names_stand_in_texts)
{
    static const struct option_verb verbs[] = {
        {.name = "show", .code = 0}, {.name = "list", .code = 1}, {.name = "wait", .code = 2}, {.name = NULL}};
    const struct option_table table = {.verbs = verbs};
    const struct option_entry some = {.name = "a", .help = "helps {self}", .verbs = 1 << 0 | 1 << 2};
    const struct option_entry all = {.name = "a", .help = "helps"};
    expect_name((char[]){"shmq-producer"}, "shmq-producer", "shmq-");
    char *named = option_text_expand("{self}, {prefix}monitor {other} {self");
    ck_assert_str_eq(named, "shmq-producer, shmq-monitor {other} {self");
    free(named);
    named = option_text_expand("");
    ck_assert_str_eq(named, "");
    free(named);
    named = option_text_help(&table, &some);
    ck_assert_str_eq(named, "show, wait: helps shmq-producer");
    free(named);
    named = option_text_help(&table, &all);
    ck_assert_str_eq(named, "helps");
    free(named);
}
END_TEST

/* ------------------------------------------------------------------ why a queue cannot be used */

START_TEST(what_stands_in_the_way_of_a_queue_is_told)
{
    const char *name = test_name("refused");
    char path[256];
    say_init("producer", 0, NULL);
    snprintf(path, sizeof(path), "/dev/shm/shmq.%s", name);
    said_has(open_error_text(name, -EBADMSG), "damaged, or not a queue (see 'monitor check'");
    ck_assert_str_eq(open_error_text(name, -EACCES), shmq_strerror(-EACCES));
    ck_assert_str_eq(open_error_text(name, -EPERM), shmq_strerror(-EPERM));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    said_has(open_error_text(name, -EPERM), "not a plain file");
    ck_assert_int_eq(rmdir(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_str_eq(open_error_text(name, -EPERM), shmq_strerror(-EPERM));
    ck_assert_str_eq(open_error_text(name, -EACCES), shmq_strerror(-EACCES));
    ck_assert_int_eq(fchmod(fd, 0602), 0);
    said_has(open_error_text(name, -EPERM), "anybody may write it");
    ck_assert_int_eq(fchmod(fd, 0600), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(fchown(fd, 65534, (gid_t)-1), 0);
        said_has(open_error_text(name, -EPERM), "belongs to another user");
        said_has(open_error_brief(name, -EACCES), "belongs to nobody");
        ck_assert_int_eq(fchown(fd, 4000000, (gid_t)-1), 0);
        ck_assert_str_eq(open_error_brief(name, -EACCES), "belongs to user 4000000");
        ck_assert_int_eq(fchown(fd, 0, (gid_t)-1), 0);
    }
    ck_assert_str_eq(open_error_brief(name, -EBADMSG), "damaged, or not a queue");
    ck_assert_ptr_null(strchr(open_error_brief(name, -EACCES), '('));
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static void expect_difference(const char *text_of_it)
{
    const char *found = open_error_difference(&options);
    if (text_of_it == NULL)
        ck_assert_ptr_null(found);
    else
        ck_assert_msg(found != NULL && strncmp(found, text_of_it, strlen(text_of_it)) == 0, "%s", found);
}

START_TEST(each_difference_is_told)
{
    const char *name = test_name("different");
    struct shmq_options small = planted_small();
    small.max_message_bytes = 1024;
    small.mode = 0640;
    ck_assert_int_eq(shmq_create(name, &small), 0);
    options_init(&options);
    options.queue = name;
    expect_difference(NULL);
    options.shmq.capacity_bytes = 4096;
    options.shmq.max_message_bytes = 1024;
    options.shmq.lanes = 2;
    options.shmq.seats = 4;
    options.shmq.mode = 0640;
    options.shmq.tick_ns = small.tick_ns;
    options.shmq.group = getegid();
    expect_difference(NULL);
    options.shmq.capacity_bytes = 4000;
    expect_difference(NULL);
    options.shmq.capacity_bytes = 8192;
    expect_difference("exists with capacity 4K, not 8K (drop --capacity, ");
    options.shmq.capacity_bytes = 5000;
    expect_difference("exists with capacity 4K, not 8K (5000 rounded up) (drop --capacity, ");
    options.shmq.capacity_bytes = 0;
    options.shmq.max_message_bytes = 1;
    expect_difference("exists with max-message 1K, not 1 (drop --max-message, ");
    options.shmq.lanes = 1;
    expect_difference("exists with max-message 1K, not 1; lanes 2, not 1 (drop --max-message and --lanes, ");
    options.shmq.max_message_bytes = 0;
    options.shmq.lanes = 0;
    options.shmq.seats = 5;
    expect_difference("exists with seats 4, not 5 (drop --seats, ");
    options.shmq.seats = 0;
    options.shmq.mode = 0600;
    expect_difference("exists with mode 0640, not 0600 (drop --mode, ");
    options.shmq.mode = 0;
    options.shmq.tick_ns = 50 * MS;
    expect_difference("exists with tick 5ms, not 50ms (drop --tick, ");
    options.shmq.tick_ns = 1;
    expect_difference("exists with tick 5ms, not 1e-06ms (drop --tick, ");
    options.shmq.tick_ns = 0;
    options.shmq.group = 4000000;
    const struct group *own = getgrgid(getegid());
    char difference[128];
    if (own != NULL)
        snprintf(difference, sizeof(difference), "exists with group %s, not 4000000 (", own->gr_name);
    else
        snprintf(difference, sizeof(difference), "exists with group %u, not 4000000 (", getegid());
    expect_difference(difference);
    said_has(open_error_difference(&options), ", not 4000000 (drop --group, ");
    ck_assert_int_eq(shmq_remove(name, true), 0);
    expect_difference(NULL);
}
END_TEST

static void attach_and_wait(void *context)
{
    const enum shmq_role role = *(const enum shmq_role *)context;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, options.queue, role, NULL), 0);
    process_report(1);
    (void)process_await_order();
}

START_TEST(who_is_attached_is_told)
{
    const char *name = test_name("attached");
    struct shmq_options small = planted_small();
    char who[ATTACHED_BYTES];
    struct process one;
    struct process two;
    enum shmq_role role = SHMQ_CONSUMER;
    ck_assert_int_eq(shmq_create(name, &small), 0);
    options.queue = name;
    struct shmq *observer = planted_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_str_eq(attached_consumers(observer, who), "no consumer is attached");
    ck_assert_str_eq(attached_producers(observer, who), "no producer is attached");
    process_start(&one, attach_and_wait, &role);
    ck_assert_uint_eq(process_hear(&one), 1);
    ck_assert_str_eq(attached_consumers(observer, who), "1 consumer is attached");
    process_start(&two, attach_and_wait, &role);
    ck_assert_uint_eq(process_hear(&two), 1);
    ck_assert_str_eq(attached_consumers(observer, who), "2 consumers are attached");
    process_stop(&one);
    ck_assert_str_eq(attached_consumers(observer, who), "2 consumers are attached");
    process_stop(&two);
    ck_assert_str_eq(attached_consumers(observer, who), "2 consumers are attached, all stopped");
    process_kill(&two);
    ck_assert_str_eq(attached_consumers(observer, who), "1 consumer is attached, but stopped");
    process_kill(&one);
    role = SHMQ_PRODUCER;
    process_start(&one, attach_and_wait, &role);
    ck_assert_uint_eq(process_hear(&one), 1);
    process_stop(&one);
    ck_assert_str_eq(attached_producers(observer, who), "1 producer is attached, but stopped");
    process_kill(&one);
    ck_assert_str_eq(attached_producers(observer, who), "no producer is attached");
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

/* ------------------------------------------------------------------ files without a size */

START_TEST(a_file_of_the_system_has_no_size)
{
    int fd = open("/proc/self/stat", O_RDONLY);
    ck_assert(file_is_pseudo(fd));
    close(fd);
    fd = open("/dev/null", O_RDONLY);
    ck_assert(!file_is_pseudo(fd));
    close(fd);
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert(!file_is_pseudo(fileno(file)));
    ck_assert_int_eq(fputs("a", file), 1);
    ck_assert_int_eq(fflush(file), 0);
    ck_assert(!file_is_pseudo(fileno(file)));
    ck_assert_int_eq(fclose(file), 0);
    ck_assert(!file_is_pseudo(-1));
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("numbers"),
    TEST(sizes_are_read),
    TEST(durations_are_read),
    TEST(ranges_are_read),
    TEST(counts_and_rates_are_read),
    TEST(delimiters_are_read),
    TEST(amounts_are_short),
    TEST(memory_is_told_in_powers_of_two),
    TEST(sizes_are_written_as_they_are_read),
    TEST(times_are_written_as_they_are_read),
    TEST(ages_are_rounded_to_one_unit),
    TEST(random_numbers_are_the_same_for_a_seed),
    TEST_GROUP("messages"),
    TEST(a_program_has_the_name_it_is_called_by),
    TEST(a_standard_descriptor_that_is_closed_is_filled),
    TEST(levels_hide_what_is_not_wanted),
    TEST(the_live_line_is_erased_first),
    TEST(a_line_is_whole_however_long),
    TEST(without_a_writer_it_is_said_on_stderr),
    TEST(progress_is_shown_at_its_intervals),
    TEST(progress_on_a_terminal_is_one_line),
    TEST(progress_has_the_interval_that_was_given),
    TEST(progress_tells_percent_and_time_left),
    TEST(progress_that_stands_still_has_no_rate_and_no_time_left),
    TEST(progress_with_long_intervals_knows_what_stands_still),
    TEST(progress_tells_no_time_left_of_what_has_just_begun_and_stands_still),
    TEST(progress_that_goes_on_begins_to_measure_anew),
    TEST(progress_of_a_consumer_stands_still_by_what_comes_out),
    TEST_EACH(a_time_left_has_no_more_digits_than_are_known, COUNT(times_left)),
    TEST(a_line_of_progress_fits),
    TEST_EACH(a_reason_is_cut_behind_a_word, COUNT(cut_lines)),
    TEST(wide_characters_are_counted),
    TEST(the_middle_of_a_long_name_is_left_out),
    TEST(without_a_locale_a_tilde_stands_for_the_middle),
    TEST(without_a_locale_each_byte_is_a_column),
    TEST_GROUP("rates"),
    TEST(a_rate_is_kept_and_delays_do_not_add_up),
    TEST(who_is_late_for_a_rate_catches_up_only_a_little),
    TEST_GROUP("signals"),
    TEST(the_first_signal_asks_for_an_end_and_another_one_ends),
    TEST(what_a_background_job_ignores_stays_ignored),
    TEST(statistics_are_wanted_once_for_each_signal),
    TEST(memory_that_is_gone_is_told),
    TEST(memory_that_is_gone_can_be_guarded_against),
    TEST(children_get_back_what_was_set),
    TEST(signals_that_were_blocked_are_let_in),
    TEST(a_sleep_ends_when_it_is_time),
    TEST_EACH(a_sleep_ends_when_something_is_asked_for, 2),
    TEST(a_wait_for_a_descriptor_ends_when_something_is_asked_for),
    TEST(a_signal_ends_the_wait_for_messages),
    TEST(a_descriptor_is_waited_for),
    TEST_GROUP("options"),
    TEST(a_bad_value_is_told_with_what_is_allowed),
    TEST(a_capacity_is_rounded_up),
    TEST(rounding_is_told_with_v),
    TEST(the_environment_names_the_queue),
    TEST(sizes_have_to_go_together),
    TEST(a_bad_name_is_told),
    TEST(errors_have_their_exit_status),
    TEST(names_stand_in_texts),
    TEST(what_stands_in_the_way_of_a_queue_is_told),
    TEST(each_difference_is_told),
    TEST(who_is_attached_is_told),
    TEST(a_file_of_the_system_has_no_size),
};

TEST_SUITE("cli", tests, .seconds = 10);
