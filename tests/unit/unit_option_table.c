/* SPDX-License-Identifier: MIT */
/* A program's table of options: what is read from a command line, what is refused, and what the help looks like.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/option_common.h"
#include "common/cli/option_nats.h"
#include "common/cli/option_table.h"
#include "common/cli/options.h"
#include "common/cli/say.h"
#include "consumer/option_table.h"
#include "producer/option_table.h"
#include "tests/support/harness.h"

struct values {
    bool flag;
    const char *text;
    uint64_t count;
    uint64_t size;
    int64_t duration_ns;
    int64_t range_ns[2];
    double rate;
    unsigned choice;
    char taken[256]; /* what the program's own function was called with */
};

enum { CODE_OWN = 7 };

#define AT(member) .at = offsetof(struct values, member)

static const struct option_entry own[] = {
    {.name = "flag", .letter = 'f', .kind = OPTION_IS_FLAG, .help = "set it", AT(flag)},
    {.name = "text", .kind = OPTION_IS_TEXT, .argument = "TEXT", .help = "say it", AT(text)},
    {.name = "number",
     .letter = 'n',
     .kind = OPTION_IS_COUNT,
     .argument = "N",
     .help = "so many of a thing that "
             "needs many words to be described, so that the help has to break the line in the middle of it",
     .min = 1,
     .max = 9,
     AT(count)},
    {.name = "size", .kind = OPTION_IS_SIZE, .argument = "SIZE", .help = "bytes", AT(size)},
    {.name = "time", .kind = OPTION_IS_DURATION, .argument = "DURATION", .help = "how long", AT(duration_ns)},
    {.name = "range-of-a-long-name",
     .kind = OPTION_IS_RANGE,
     .argument = "MIN:MAX",
     .help = "pause",
     AT(range_ns)},
    {.name = "rate", .kind = OPTION_IS_RATE, .argument = "N", .help = "a second", AT(rate)},
    {.name = "limited",
     .kind = OPTION_IS_SIZE,
     .argument = "SIZE",
     .help = "bytes",
     .min = 10,
     .max = 2048,
     AT(size)},
    {.name = "least", .kind = OPTION_IS_COUNT, .argument = "N", .help = "many", .min = 5, AT(count)},
    {.name = "choice",
     .kind = OPTION_IS_CHOICE,
     .argument = "WHICH",
     .choices = "one two three",
     .help = "one of them",
     AT(choice)},
    {.name = "own", .letter = 'o', .code = CODE_OWN, .argument = "X", .help = "the program's own"},
    {.name = NULL},
};

static const struct option_entry others[] = {
    {.name = "number", .letter = 'n', .argument = "N", .help = "is ours already"},
    {.name = "other", .argument = "N", .help = "is handed on"},
    {.name = "lonely", .alone = true, .help = "is not handed on"},
    {.name = NULL},
};

static const struct option_section own_section = {.title = "Own:", .entries = own};
static const struct option_section others_section = {.title = "Others':", .entries = others};

static const struct option_group groups[] = {
    {.section = &own_section},
    {.section = &others_section, .owner = "child"},
    {.section = NULL},
};

static const struct option_table table = {
    .usage = "[OPTION...] [-- WORD...]",
    .summary = "Does this and that.\n\nAnd more of it.",
    .groups = groups,
    .ending = "Exit status: 0 done.",
    .examples = {{"{self} --flag", "sets it"}, {"{self} --number 3", "counts"}, {"{self} -- a b", "words"}},
    .bare = "least",
    .other = "flag",
};

static struct values values;
static struct option_words words;

static void take(void *into, const struct option_group *group, const struct option_entry *entry,
                 const char *argument)
{
    struct values *v = into;
    size_t used = strlen(v->taken);
    snprintf(v->taken + used, sizeof(v->taken) - used, "%s:%s=%s;", group->owner != NULL ? group->owner : "own",
             entry->name, argument != NULL ? argument : "");
}

static void read_line(const struct option_table *of, char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    memset(&values, 0, sizeof(values));
    option_table_read(of, &values, take, argc, argv, &words);
}

#define READ(...) read_line(&table, (char *[]){(char[]){"program"}, __VA_ARGS__, NULL})

/* Runs @run in a child; returns its status, and what it said on both outputs. */
static int said_by(void (*run)(void), char *said, size_t size)
{
    int ends[2];
    size_t used = 0;
    ssize_t got;
    int status;
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        run();
        fflush(NULL);
        _exit(99);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + used, size - 1 - used)) > 0)
        used += (size_t)got;
    said[used] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char said[64 * 1024];

START_TEST(every_kind_goes_where_the_table_says)
{
    READ("-f", "--text", "abc", "-n", "3", "--size=2K", "--time", "1.5", "--range-of-a-long-name", "100ms:2s",
         "--rate", "0.5", "-o", "x");
    ck_assert(values.flag);
    ck_assert_str_eq(values.text, "abc");
    ck_assert_uint_eq(values.count, 3);
    ck_assert_uint_eq(values.size, 2048);
    ck_assert_int_eq(values.duration_ns, 1500000000);
    ck_assert_int_eq(values.range_ns[0], 100000000);
    ck_assert_int_eq(values.range_ns[1], 2000000000);
    ck_assert_double_eq(values.rate, 0.5);
    ck_assert_str_eq(values.taken, "own:own=x;");
    ck_assert_uint_eq(words.count, 0);
    ck_assert(!words.given);
}
END_TEST

START_TEST(a_number_with_a_zero_before_it_is_decimal)
{
    READ("--size", "010", "-n", "09");
    ck_assert_uint_eq(values.size, 10);
    ck_assert_uint_eq(values.count, 9);
}
END_TEST

START_TEST(names_may_be_shortened_and_belong_to_the_first_that_has_them)
{
    READ("--oth", "5", "--number", "4");
    ck_assert_str_eq(values.taken, "child:other=5;");
    ck_assert_uint_eq(values.count, 4);
}
END_TEST

START_TEST(words_are_told_from_options)
{
    READ("-f", "--", "-n", "b");
    ck_assert(words.given);
    ck_assert_uint_eq(words.count, 2);
    ck_assert_str_eq(words.words[0], "-n");
    READ("--text", "--");
    ck_assert(!words.given);
    ck_assert_str_eq(values.text, "--");
    READ("word", "-f");
    ck_assert(!words.given);
    ck_assert_uint_eq(words.count, 2);
    READ("--");
    ck_assert(words.given);
    ck_assert_uint_eq(words.count, 0);
}
END_TEST

static void unknown(void)
{
    READ("--bogus");
}

static void alone(void)
{
    READ("--lonely");
}

static void too_large(void)
{
    READ("-n", "10");
}

static void empty(void)
{
    READ("--text", "");
}

static void bad_range(void)
{
    READ("--range-of-a-long-name", "2:1");
}

static void too_many_bytes(void)
{
    READ("--limited", "3K");
}

static void far_too_many_bytes(void)
{
    READ("--limited", "99999999999999999999");
}

static void too_few_bytes(void)
{
    READ("--limited", "9");
}

static void no_bytes(void)
{
    READ("--limited", "x");
}

static void no_number(void)
{
    READ("--least", "4");
}

static void other_choice(void)
{
    READ("--choice", "tw");
}

static void no_rate(void)
{
    READ("--rate", "0");
}

static void no_time(void)
{
    READ("--time", "x");
}

static void without_argument(void)
{
    READ("--size");
}

enum { VERB_SHOW, VERB_WAIT };

static const struct option_entry of_verbs[] = {
    {.name = "flag", .letter = 'f', .kind = OPTION_IS_FLAG, .help = "set it", AT(flag)},
    {.name = "exact", .kind = OPTION_IS_FLAG, .help = "so", .verbs = 1 << VERB_WAIT, AT(flag)},
    {.name = NULL},
};

static const struct option_section verb_section = {.title = "Options:", .entries = of_verbs};
static const struct option_group verb_groups[] = {{.section = &verb_section}, {.section = NULL}};
static const struct option_verb verbs[] = {
    {.name = "show", .code = VERB_SHOW}, {.name = "wait", .code = VERB_WAIT}, {.name = NULL}};
static const struct option_table verb_table = {.usage = "VERB", .verbs = verbs, .groups = verb_groups};

#define READ_VERB(...) read_line(&verb_table, (char *[]){(char[]){"program"}, __VA_ARGS__})

static void no_verb(void)
{
    READ_VERB("-f", NULL);
}

static void other_verb(void)
{
    READ_VERB("shw", NULL);
}

static void option_of_another_verb(void)
{
    READ_VERB("show", "--exact", NULL);
}

START_TEST(a_verb_stands_before_its_words)
{
    READ_VERB("-f", "wait", "a", "--exact", "b", NULL);
    ck_assert(values.flag);
    ck_assert_ptr_eq(words.verb, &verbs[1]);
    ck_assert_uint_eq(words.count, 2);
    ck_assert_str_eq(words.words[0], "a");
    ck_assert_str_eq(words.words[1], "b");
    READ_VERB("show", NULL);
    ck_assert_ptr_eq(words.verb, &verbs[0]);
    ck_assert_uint_eq(words.count, 0);
    ck_assert(!values.flag);
}
END_TEST

START_TEST(values_at_their_limits_are_taken)
{
    READ("--limited", "10", "--least", "5", "--choice", "two", "-n", "9");
    ck_assert_uint_eq(values.size, 10);
    ck_assert_uint_eq(values.count, 9);
    ck_assert_uint_eq(values.choice, 1);
    READ("--limited", "2K", "-n", "1", "--choice", "three");
    ck_assert_uint_eq(values.size, 2048);
    ck_assert_uint_eq(values.count, 1);
    ck_assert_uint_eq(values.choice, 2);
    READ("--least", "18446744073709551615", "--choice", "one");
    ck_assert_uint_eq(values.count, UINT64_MAX);
    ck_assert_uint_eq(values.choice, 0);
}
END_TEST

START_TEST(without_an_argument_an_option_may_be_another)
{
    READ("--least");
    ck_assert(values.flag);
    ck_assert_uint_eq(values.count, 0);
    READ("--least", "--choice", "two");
    ck_assert(values.flag);
    READ("--least", "--", "7");
    ck_assert(values.flag);
    ck_assert_uint_eq(words.count, 1);
    READ("--least", "7");
    ck_assert(!values.flag);
    ck_assert_uint_eq(values.count, 7);
    READ("--", "--least");
    ck_assert(!values.flag);
    ck_assert_str_eq(words.words[0], "--least");
}
END_TEST

/* An option is visited once, in the first group that has it. */
static void count_numbers(void *context, const struct option_group *group, const struct option_entry *entry)
{
    if (strcmp(entry->name, "number") == 0) {
        ++*(int *)context;
        ck_assert_ptr_eq(group, &groups[0]);
    }
}

START_TEST(a_name_that_two_groups_have_is_visited_once)
{
    int numbers = 0;
    option_table_walk(&table, count_numbers, &numbers);
    ck_assert_int_eq(numbers, 1);
}
END_TEST

static const struct {
    void (*run)(void);
    const char *says;
} refused[] = {
    {too_many_bytes, "--limited 3K: too large (at most 2K)"},
    {far_too_many_bytes, "--limited 99999999999999999999: too large (at most 2K)"},
    {too_few_bytes, "--limited 9: too small (at least 10)"},
    {no_bytes, "--limited x: not a size"},
    {no_number, "--least 4: not a number (a whole number, at least 5)"},
    {other_choice, "--choice tw: not one of the choices (one two three)"},
    {no_rate, "--rate 0: not a rate"},
    {no_time, "--time x: not a duration"},
    {no_verb, "no verb given"},
    {other_verb, "shw: unknown verb"},
    {option_of_another_verb, "show: takes no --exact"},
    {unknown, "--bogus"},
    {alone, "--lonely"},
    {too_large, "not a number from 1 to 9"},
    {empty, "--text '': is empty"},
    {bad_range, "not a duration or a range MIN:MAX"},
    {without_argument, "requires an argument"},
};

START_TEST(what_makes_no_sense_is_refused_with_a_reason)
{
    ck_assert_int_eq(said_by(refused[_i].run, said, sizeof(said)), EXIT_USAGE);
    ck_assert_msg(strstr(said, refused[_i].says) != NULL, "%s: %s", refused[_i].says, said);
    ck_assert_ptr_nonnull(strstr(said, "--help'."));
}
END_TEST

static const struct option_group all_groups[] = {
    {.section = &own_section},
    {.section = &producer_source_section},
    {.section = &producer_framing_section},
    {.section = &producer_flow_section},
    {.section = &consumer_sink_section},
    {.section = &consumer_command_section},
    {.section = &consumer_command_output_section},
    {.section = &consumer_nats_section},
    {.section = &producer_nats_section},
    {.section = &option_nats_section},
    {.section = &consumer_flow_section},
    {.section = &option_common_section},
    {.section = &option_creating_section},
    {.section = &others_section, .owner = "child"},
    {.section = NULL},
};

static const struct option_table all = {
    .usage = "[OPTION...]",
    .groups = all_groups,
    .examples = {{"{self} --flag", "sets it"}, {"{self} --number 3", "counts"}, {"{self} -- a b", "words"}},
};

static void help(void)
{
    option_table_help(&all);
}

static void must_be_in_the_help(void *context, const struct option_group *group, const struct option_entry *entry)
{
    char name[64];
    (void)group;
    snprintf(name, sizeof(name), "--%s", entry->name);
    ck_assert_msg(strstr(said, name) != NULL, "%s is missing", name);
    ++*(int *)context;
}

START_TEST(the_help_has_all_of_it_in_80_columns)
{
    int options = 0;
    ck_assert_int_eq(said_by(help, said, sizeof(said)), 0);
    option_table_walk(&all, must_be_in_the_help, &options);
    ck_assert_int_gt(options, 40);
    ck_assert_ptr_null(strstr(said, "--lonely"));
    const char *example = strstr(said, "\nExamples:\n");
    ck_assert_ptr_nonnull(example);
    ck_assert_ptr_nonnull(strstr(example, "-- a b\n"));
    for (char *line = strtok(said, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        ck_assert_msg(strlen(line) <= 80, "%zu columns: %s", strlen(line), line);
        ck_assert_msg(line[0] == '\0' || line[strlen(line) - 1] != ' ', "ends with a blank: %s", line);
    }
}
END_TEST

START_TEST(options_are_found_by_name)
{
    const struct option_group *group = NULL;
    ck_assert_ptr_eq(option_table_find(&table, "number", &group), &own[2]);
    ck_assert_ptr_eq(group, &groups[0]);
    ck_assert_ptr_eq(option_table_find(&table, "other", &group), &others[1]);
    ck_assert_ptr_eq(group, &groups[1]);
    ck_assert_ptr_null(option_table_find(&table, "lonely", NULL));
    ck_assert_ptr_null(option_table_find(&table, "numb", NULL));
}
END_TEST

static void set_up(void)
{
    say_init("program", 0, NULL);
}

static const struct test tests[] = {
    TEST(every_kind_goes_where_the_table_says),
    TEST(a_number_with_a_zero_before_it_is_decimal),
    TEST(names_may_be_shortened_and_belong_to_the_first_that_has_them),
    TEST(words_are_told_from_options),
    TEST_EACH(what_makes_no_sense_is_refused_with_a_reason, COUNT(refused)),
    TEST(the_help_has_all_of_it_in_80_columns),
    TEST(options_are_found_by_name),
    TEST(a_verb_stands_before_its_words),
    TEST(values_at_their_limits_are_taken),
    TEST(without_an_argument_an_option_may_be_another),
    TEST(a_name_that_two_groups_have_is_visited_once),
};

TEST_SUITE("option_table", tests, .seconds = 10, .set_up = set_up);
