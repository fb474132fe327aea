/* SPDX-License-Identifier: MIT */
/*
 * What becomes of what commands print: kept and written in turns, tagged, stored by id, and what the job log says.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/captured_output.h"
#include "consumer/command_text.h"
#include "consumer/job_log.h"
#include "consumer/line_tag.h"
#include "consumer/output_turn.h"
#include "consumer/result_folder.h"
#include "tests/support/harness.h"
#include "tests/support/heard.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

/* ------------------------------------------------------------------ files */

static char folder[128];

static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* What a file holds; empty where there is none. Valid until the next call. */
static const char *content(const char *name)
{
    static char text[64 * 1024];
    const int fd = open(path_of(name), O_RDONLY);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

    if (fd >= 0)
        close(fd);
    text[bytes > 0 ? bytes : 0] = '\0';
    return text;
}

static void plant(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static int open_appending(const char *name)
{
    const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* How many entries the folder has, other than @except. */
static size_t count_others(const char *except)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    size_t count = 0;

    ck_assert_ptr_nonnull(entries);
    while ((entry = readdir(entries)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                 strcmp(entry->d_name, except) != 0;
    closedir(entries);
    return count;
}

static void set_up(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%s/output-XXXXXX", base && *base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    heard[0] = '\0';
    say_set_writer(hear);
    stop_requested = 0;
}

static void tear_down(void)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ------------------------------------------------------------------ captured output */

/* A captured_output_visitor: expects the bytes 0, 1, 2, ... modulo 251. */
static int expect_pattern(void *context, const void *data, size_t length)
{
    uint64_t *at = context;
    const unsigned char *bytes = data;

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != (*at + i) % 251)
            return -EILSEQ;
    }
    *at += length;
    return 0;
}

static void add_pattern(struct captured_output *output, uint64_t bytes)
{
    unsigned char part[10000];
    uint64_t at = captured_output_bytes(output);
    const uint64_t end = at + bytes;

    while (at < end) {
        size_t step = end - at < sizeof(part) ? (size_t)(end - at) : sizeof(part);

        for (size_t i = 0; i < step; i++)
            part[i] = (unsigned char)((at + i) % 251);
        ck_assert_int_eq(captured_output_add(output, part, step), 0);
        at += step;
    }
}

static void expect_captured(struct captured_output *output, uint64_t bytes)
{
    uint64_t seen = 0;

    ck_assert_uint_eq(captured_output_bytes(output), bytes);
    ck_assert_int_eq(captured_output_visit(output, expect_pattern, &seen), 0);
    ck_assert_uint_eq(seen, bytes);
}

static const uint64_t sizes[] = {0, 1, 4096, 4097, 1048576, 1048577, 5000000, 2097152};

START_TEST(what_was_captured_comes_out_again)
{
    struct captured_output output;

    captured_output_init(&output);
    add_pattern(&output, sizes[_i]);
    expect_captured(&output, sizes[_i]);
    expect_captured(&output, sizes[_i]);
    captured_output_reset(&output);
    expect_captured(&output, 0);
    add_pattern(&output, 10);
    expect_captured(&output, 10);
    captured_output_free(&output);
}
END_TEST

START_TEST(only_what_is_long_goes_to_a_file_and_that_has_no_name)
{
    struct captured_output output;

    captured_output_init(&output);
    add_pattern(&output, CAPTURED_MEMORY_BYTES);
    ck_assert_int_eq(output.fd, -1);
    add_pattern(&output, 1);
    ck_assert_int_ge(output.fd, 0);
    ck_assert_uint_eq(count_others(""), 0);
    captured_output_free(&output);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
    struct captured_output output;
    char *part = calloc(1, CAPTURED_MEMORY_BYTES);

    captured_output_init(&output);
    process_limit(RLIMIT_FSIZE, CAPTURED_MEMORY_BYTES + 1000);
    ck_assert_int_eq(captured_output_add(&output, part, CAPTURED_MEMORY_BYTES), 0);
    ck_assert_int_eq(captured_output_add(&output, part, CAPTURED_MEMORY_BYTES), 0);
    ck_assert_int_eq(captured_output_add(&output, part, 1), -EFBIG);
    captured_output_free(&output);
    free(part);
}
END_TEST

START_TEST(a_missing_folder_is_an_error_when_it_is_needed)
{
    struct captured_output output;
    char *part = calloc(1, CAPTURED_MEMORY_BYTES);

    captured_output_init(&output);
    ck_assert_int_eq(setenv("TMPDIR", "/nowhere", 1), 0);
    ck_assert_int_eq(captured_output_add(&output, part, CAPTURED_MEMORY_BYTES), 0);
    ck_assert_int_eq(captured_output_add(&output, part, 1), -ENOENT);
    captured_output_free(&output);
    free(part);
}
END_TEST

START_TEST(a_pipe_is_read_as_far_as_it_is_filled)
{
    struct captured_output output;
    unsigned char bytes[1000];
    bool ended;
    int ends[2];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i % 251);
    captured_output_init(&output);
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_eq(captured_output_read(&output, ends[0], 100000, &ended), 0);
    ck_assert(!ended);
    ck_assert_int_eq(write(ends[1], bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
    ck_assert_int_eq(captured_output_read(&output, ends[0], 300, &ended), 0);
    ck_assert(!ended);
    expect_captured(&output, 300);
    close(ends[1]);
    ck_assert_int_eq(captured_output_read(&output, ends[0], 100000, &ended), 0);
    ck_assert(ended);
    expect_captured(&output, 1000);
    close(ends[0]);
    captured_output_free(&output);
}
END_TEST

/* ------------------------------------------------------------------ turns */

enum { THREADS = 4, TURNS = 200 };

static int turn_fd;

static void *take_turns(void *context)
{
    const char mark = *(const char *)context;
    struct output_turn turn;
    char line[64];

    memset(line, mark, sizeof(line));
    line[sizeof(line) - 1] = '\n';
    output_turn_init(&turn, turn_fd);
    for (int i = 0; i < TURNS; i++) {
        if (output_turn_take(&turn, 2 * sizeof(line)) != 0)
            return NULL;
        (void)output_turn_write(&turn, line, sizeof(line));
        sched_yield();
        (void)output_turn_write(&turn, line, sizeof(line));
        output_turn_end(&turn, true);
    }
    return context;
}

static void take_turns_in_threads(void *context)
{
    static char marks[] = "abcdefgh";
    pthread_t threads[THREADS];
    char *first = marks + *(const int *)context;
    void *result;

    for (int i = 0; i < THREADS; i++)
        process_require(pthread_create(&threads[i], NULL, take_turns, first + i) == 0);
    for (int i = 0; i < THREADS; i++) {
        process_require(pthread_join(threads[i], &result) == 0);
        process_require(result != NULL);
    }
}

START_TEST(turns_of_threads_and_processes_do_not_mix)
{
    static const int none = 0;
    static const int others = 4;
    struct process processes[2];
    FILE *file;
    char line[80];
    char second[80];
    size_t pairs = 0;

    turn_fd = open_appending("turns");
    process_start(&processes[0], take_turns_in_threads, (void *)(uintptr_t)&none);
    process_start(&processes[1], take_turns_in_threads, (void *)(uintptr_t)&others);
    process_expect_success(&processes[0]);
    process_expect_success(&processes[1]);
    file = fopen(path_of("turns"), "r");
    while (fgets(line, sizeof(line), file) != NULL) {
        ck_assert_ptr_nonnull(fgets(second, sizeof(second), file));
        ck_assert_str_eq(line, second);
        pairs++;
    }
    fclose(file);
    ck_assert_uint_eq(pairs, 2 * THREADS * TURNS);
}
END_TEST

static void hold_a_turn(void *context)
{
    struct output_turn turn;

    (void)context;
    output_turn_init(&turn, turn_fd);
    process_require_equal(output_turn_take(&turn, 10), 0);
    process_report(1);
    (void)process_await_order();
    output_turn_end(&turn, true);
}

START_TEST(a_stop_request_ends_the_wait_for_a_turn)
{
    struct output_turn turn;
    struct process other;

    turn_fd = open_appending("turns");
    process_start(&other, hold_a_turn, NULL);
    ck_assert_uint_eq(process_hear(&other), 1);
    output_turn_init(&turn, turn_fd);
    stop_requested = SIGTERM;
    ck_assert_int_eq(output_turn_take(&turn, 10), -EINTR);
    stop_requested = 0;
    process_order(&other, 1);
    process_expect_success(&other);
    ck_assert_int_eq(output_turn_take(&turn, 10), 0);
    output_turn_end(&turn, true);
    close(turn_fd);
}
END_TEST

START_TEST(a_failed_turn_leaves_nothing_in_a_file)
{
    struct output_turn turn;
    char block[4096] = {0};

    plant("full", "before\n");
    turn_fd = open_appending("full");
    process_limit(RLIMIT_FSIZE, 100);
    output_turn_init(&turn, turn_fd);
    ck_assert_int_eq(output_turn_take(&turn, sizeof(block)), 0);
    ck_assert_int_eq(output_turn_write(&turn, block, sizeof(block)), -EFBIG);
    ck_assert_uint_eq(turn.written, 93);
    output_turn_end(&turn, false);
    ck_assert_str_eq(content("full"), "before\n");
    close(turn_fd);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_holds_up_no_stop_and_one_that_ended_is_an_error)
{
    struct output_turn turn;
    char block[4096] = {0};
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    while (write(ends[1], block, sizeof(block)) > 0) {
    }
    output_turn_init(&turn, ends[1]);
    ck_assert_int_eq(output_turn_take(&turn, 1), 0);
    stop_requested = SIGINT;
    ck_assert_int_eq(output_turn_write(&turn, block, 1), -EINTR);
    output_turn_end(&turn, false);
    close(ends[0]);
    ck_assert_int_eq(output_turn_take(&turn, 1), 0);
    ck_assert_int_eq(output_turn_write(&turn, block, 1), -EPIPE);
    output_turn_end(&turn, false);
    expect_not_heard("stdout");
    close(ends[1]);
}
END_TEST

/* A consumer that is killed in its turn, when it has written half of 20 bytes, or all. */
static void die_in_turn(void *context)
{
    struct shmq *handle = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    struct shmq_message message;
    struct output_turn turn;
    uint64_t number;

    process_require_equal(test_queue_lease(handle, &number, &message, SHMQ_FOREVER), 0);
    output_turn_init(&turn, turn_fd);
    turn.handle = handle;
    process_require_equal(output_turn_take(&turn, 20), 0);
    process_require_equal(output_turn_write(&turn, "half of ten\nall of it", *(const size_t *)context), 0);
    process_report(1);
    (void)process_await_order();
}

/* Kills such a consumer, lets @foreign come behind it, and gives another consumer its turn. */
static void take_turn_after_death(size_t written, const char *foreign)
{
    struct shmq *producer;
    struct shmq *consumer;
    struct shmq_message message;
    struct output_turn turn;
    struct process dying;
    uint64_t number;

    use_queue("turn");
    producer = test_queue_open(queue, SHMQ_PRODUCER, NULL);
    plant("out", "before\n");
    turn_fd = open_appending("out");
    ck_assert_int_eq(test_queue_put(producer, 1, SHMQ_FOREVER), 0);
    process_start(&dying, die_in_turn, &written);
    ck_assert_uint_eq(process_hear(&dying), 1);
    process_kill(&dying);
    ck_assert_int_eq(write(turn_fd, foreign, strlen(foreign)), (ssize_t)strlen(foreign));
    consumer = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, SHMQ_FOREVER), 0);
    output_turn_init(&turn, turn_fd);
    turn.handle = consumer;
    ck_assert_int_eq(output_turn_take(&turn, 6), 0);
    ck_assert_int_eq(output_turn_write(&turn, "after\n", 6), 0);
    output_turn_end(&turn, true);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
    close(turn_fd);
}

START_TEST(what_a_killed_consumer_left_half_written_is_removed)
{
    take_turn_after_death(10, "");
    ck_assert_str_eq(content("out"), "before\nafter\n");
    expect_not_heard("incomplete");
}
END_TEST

START_TEST(what_a_killed_consumer_has_written_whole_stays)
{
    take_turn_after_death(20, "");
    ck_assert_str_eq(content("out"), "before\nhalf of ten\nall of iafter\n");
    expect_not_heard("incomplete");
}
END_TEST

START_TEST(what_others_wrote_behind_a_killed_consumer_stays_and_is_reported)
{
    take_turn_after_death(10, "not of the queue\n");
    ck_assert_str_eq(content("out"), "before\nhalf of tenot of the queue\nafter\n");
    expect_heard("stdout: a dead consumer may have left incomplete output at byte 7; it is kept");
}
END_TEST

/* ------------------------------------------------------------------ tags */

static const struct {
    const char *message;
    const char *tag;
} tags[] = {
    {"one", "one\t"},
    {"one\ntwo", "one\t"},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     "Gr\xc3\xbc\xc3\x9f"
     "e\t"},
    {"", "id\t"},
    {"\nsecond", "id\t"},
    {"a\tb", "id\t"},
    {"a\033[2J", "id\t"},
    {"\xff", "id\t"},
    {"\xc2\x9b"
     "2J",
     "id\t"},
    {"\xe2\x82", "id\t"},
    {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\t"},
    {"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678\xc3\xbc",
     "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678...\t"},
};

START_TEST(a_tag_is_the_messages_first_line_if_that_is_text)
{
    struct line_tag tag;

    line_tag_of_message(&tag, tags[_i].message, strlen(tags[_i].message), "id");
    ck_assert_uint_eq(tag.length, strlen(tags[_i].tag));
    ck_assert_mem_eq(tag.text, tags[_i].tag, tag.length);
}
END_TEST

/* A line_tag_writer. */
static int collect(void *context, const void *data, size_t length)
{
    strncat(context, data, length);
    return 0;
}

START_TEST(each_line_begins_with_the_tag_and_ends)
{
    static struct tagged_lines lines;
    struct line_tag tag;
    char out[256] = "";

    line_tag_of_message(&tag, "m", 1, "id");
    tagged_lines_init(&lines, &tag, collect, out);
    ck_assert_int_eq(tagged_lines_add(&lines, "one\ntw", 6), 0);
    ck_assert_int_eq(tagged_lines_add(&lines, "o\n\nthree", 8), 0);
    ck_assert_int_eq(tagged_lines_end(&lines), 0);
    ck_assert_str_eq(out, "m\tone\nm\ttwo\nm\t\nm\tthree\n");
    ck_assert_uint_eq(lines.bytes, strlen(out));
    tagged_lines_init(&lines, &tag, NULL, NULL);
    ck_assert_int_eq(tagged_lines_add(&lines, "one\ntwo\n\nthree", 14), 0);
    ck_assert_int_eq(tagged_lines_end(&lines), 0);
    ck_assert_uint_eq(lines.bytes, strlen(out));
}
END_TEST

START_TEST(much_output_is_tagged_as_well)
{
    static struct tagged_lines lines;
    static char out[400000];
    struct line_tag tag;

    out[0] = '\0';
    line_tag_of_message(&tag, "m", 1, "id");
    tagged_lines_init(&lines, &tag, collect, out);
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(tagged_lines_add(&lines, "0123456\n", 8), 0);
    ck_assert_int_eq(tagged_lines_end(&lines), 0);
    for (size_t i = 0; i < 20000; i++)
        ck_assert_mem_eq(out + 10 * i, "m\t0123456\n", 10);
}
END_TEST

/* ------------------------------------------------------------------ the text of a command */

static const struct {
    char *const words[4];
    const char *text;
} texts[] = {
    {{(char[]){"gzip"}, (char[]){"-k"}, (char[]){"a.b"}}, "gzip -k a.b"},
    {{(char[]){"echo"}, (char[]){""}, (char[]){"a b"}}, "echo '' 'a b'"},
    {{(char[]){"echo"}, (char[]){"it's"}, (char[]){"$HOME"}}, "echo 'it'\\''s' '$HOME'"},
    {{(char[]){"echo"}, (char[]){"a\tb\nc'\\\001"}}, "echo $'a\\tb\\nc\\'\\\\\\001'"},
};

START_TEST(a_command_is_text_that_a_shell_reads_as_its_words)
{
    char *text = command_text_of_words(texts[_i].words);

    ck_assert_str_eq(text, texts[_i].text);
    free(text);
}
END_TEST

START_TEST(a_command_line_is_one_line)
{
    char *text = command_text_of_line("a\tb\nc 'd' \\");

    ck_assert_str_eq(text, "a\\tb\\nc 'd' \\");
    free(text);
}
END_TEST

/* ------------------------------------------------------------------ the job log */

#define HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\tAttempt\tId\n"
#define LINE(sequence) sequence "\t:\t1700000000.007\t     1.250\t3\t11\t2\t0\tgzip a\t1\tq-0-5\n"

static const struct attempt_record sample = {
    .id = "q-0-5",
    .command = "gzip a",
    .attempt = 1,
    .status = 2 << 8,
    .start_ns = INT64_C(1700000000007000000),
    .runtime_ns = INT64_C(1250000000),
    .sent = 3,
    .received = 11,
};

static int add_sample(void)
{
    struct job_log log;
    int result = job_log_open(&log, path_of("log"));

    if (result == 0)
        result = job_log_add(&log, &sample);
    job_log_close(&log);
    return result;
}

START_TEST(a_log_has_a_header_and_numbered_lines)
{
    ck_assert_int_eq(add_sample(), 0);
    ck_assert_int_eq(add_sample(), 0);
    ck_assert_str_eq(content("log"), HEADER LINE("1") LINE("2"));
}
END_TEST

START_TEST(a_log_tells_signals)
{
    struct attempt_record killed = sample;
    struct job_log log;

    killed.status = SIGKILL;
    ck_assert_int_eq(job_log_open(&log, path_of("log")), 0);
    ck_assert_int_eq(job_log_add(&log, &killed), 0);
    job_log_close(&log);
    ck_assert_ptr_nonnull(strstr(content("log"), "\t3\t11\t0\t9\tgzip a\t1\tq-0-5\n"));
}
END_TEST

static const struct {
    const char *before;
    const char *after;
} repairs[] = {
    {"", HEADER LINE("1")},
    {"Seq\tHo", HEADER LINE("1")},
    {HEADER, HEADER LINE("1")},
    {HEADER "7\t:\t1.000", HEADER LINE("1")},
    {HEADER LINE("41"), HEADER LINE("41") LINE("42")},
    {HEADER LINE("41") "4", HEADER LINE("41") LINE("42")},
    {"Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n3\t:\n",
     "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n3\t:\n" LINE("4")},
};

START_TEST(a_line_that_a_killed_writer_left_half_is_removed)
{
    plant("log", repairs[_i].before);
    ck_assert_int_eq(add_sample(), 0);
    ck_assert_str_eq(content("log"), repairs[_i].after);
}
END_TEST

START_TEST(a_half_line_that_is_found_later_is_removed_too)
{
    struct attempt_record longest = sample;
    struct job_log log;
    static char command[20000];
    int fd;

    memset(command, 'x', sizeof(command) - 1);
    longest.command = command;
    ck_assert_int_eq(job_log_open(&log, path_of("log")), 0);
    ck_assert_int_eq(job_log_add(&log, &longest), 0);
    fd = open_appending("log");
    ck_assert_int_eq(write(fd, command, 15000), 15000);
    close(fd);
    ck_assert_int_eq(job_log_add(&log, &sample), 0);
    job_log_close(&log);
    ck_assert_str_eq(content("log") + sizeof(HEADER) - 1 + 19999 + strlen(LINE("1")) - 6, LINE("2"));
}
END_TEST

START_TEST(another_file_is_no_log)
{
    plant("log", "Dear diary,\n");
    ck_assert_int_eq(add_sample(), -EBADMSG);
    ck_assert_str_eq(content("log"), "Dear diary,\n");
    plant("log", "Dear");
    ck_assert_int_eq(add_sample(), -EBADMSG);
    ck_assert_str_eq(content("log"), "Dear");
}
END_TEST

START_TEST(a_log_on_a_full_disk_keeps_its_whole_lines)
{
    struct job_log log;

    ck_assert_int_eq(job_log_open(&log, path_of("log")), 0);
    ck_assert_int_eq(job_log_add(&log, &sample), 0);
    process_limit(RLIMIT_FSIZE, sizeof(HEADER LINE("1")) + 9);
    ck_assert_int_eq(job_log_add(&log, &sample), -ENOSPC);
    ck_assert_str_eq(content("log"), HEADER LINE("1"));
    process_limit(RLIMIT_FSIZE, sizeof(HEADER LINE("1")) - 1);
    ck_assert_int_eq(job_log_add(&log, &sample), -EFBIG);
    process_limit(RLIMIT_FSIZE, 100000);
    ck_assert_int_eq(job_log_add(&log, &sample), 0);
    ck_assert_str_eq(content("log"), HEADER LINE("1") LINE("2"));
    job_log_close(&log);
}
END_TEST

START_TEST(a_log_that_cannot_be_made_is_an_error)
{
    struct job_log log;

    ck_assert_int_eq(job_log_open(&log, path_of("missing/log")), -ENOENT);
    ck_assert_int_eq(job_log_open(&log, "/dev/full"), -ENOSPC);
    ck_assert_int_eq(job_log_open(&log, folder), -EISDIR);
}
END_TEST

START_TEST(a_log_that_was_renamed_is_begun_anew)
{
    struct job_log log;
    char old[512];

    ck_assert_int_eq(job_log_open(&log, path_of("log")), 0);
    ck_assert_int_eq(job_log_add(&log, &sample), 0);
    snprintf(old, sizeof(old), "%s", path_of("log.1"));
    ck_assert_int_eq(rename(path_of("log"), old), 0);
    ck_assert_int_eq(job_log_add(&log, &sample), 0);
    job_log_close(&log);
    ck_assert_str_eq(content("log"), HEADER LINE("1"));
    ck_assert_str_eq(content("log.1"), HEADER LINE("1"));
}
END_TEST

static void hold_the_log(void *context)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    process_require_equal(fcntl(open(context, O_RDWR), F_OFD_SETLK, &all), 0);
    process_report(1);
    (void)process_await_order();
}

START_TEST(a_stop_request_ends_the_wait_for_other_writers)
{
    struct job_log log;
    struct job_log next;
    struct process other;

    ck_assert_int_eq(job_log_open(&log, path_of("log")), 0);
    process_start(&other, hold_the_log, (void *)(uintptr_t)path_of("log"));
    ck_assert_uint_eq(process_hear(&other), 1);
    stop_requested = SIGTERM;
    ck_assert_int_eq(job_log_open(&next, path_of("log")), -EINTR);
    ck_assert_int_eq(job_log_add(&log, &sample), -EINTR);
    stop_requested = 0;
    process_order(&other, 1);
    process_expect_success(&other);
    ck_assert_int_eq(job_log_add(&log, &sample), 0);
    job_log_close(&log);
    ck_assert_str_eq(content("log"), HEADER LINE("1"));
}
END_TEST

static void *log_in_thread(void *context)
{
    struct job_log log;

    if (job_log_open(&log, context) != 0)
        return NULL;
    for (int i = 0; i < TURNS; i++) {
        if (job_log_add(&log, &sample) != 0)
            return NULL;
    }
    job_log_close(&log);
    return context;
}

static void log_in_threads(void *context)
{
    pthread_t threads[THREADS];
    void *result;

    for (int i = 0; i < THREADS; i++)
        process_require(pthread_create(&threads[i], NULL, log_in_thread, context) == 0);
    for (int i = 0; i < THREADS; i++) {
        process_require(pthread_join(threads[i], &result) == 0);
        process_require(result != NULL);
    }
}

START_TEST(writers_of_a_log_lose_no_line_and_share_no_number)
{
    struct process processes[2];
    char path[512];
    char line[256];
    size_t lines = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s", path_of("log"));
    process_start(&processes[0], log_in_threads, path);
    process_start(&processes[1], log_in_threads, path);
    process_expect_success(&processes[0]);
    process_expect_success(&processes[1]);
    file = fopen(path_of("log"), "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    ck_assert_str_eq(line, HEADER);
    while (fgets(line, sizeof(line), file) != NULL) {
        char expected[256];

        snprintf(expected, sizeof(expected), "%zu%s", ++lines, LINE(""));
        ck_assert_str_eq(line, expected);
    }
    fclose(file);
    ck_assert_uint_eq(lines, 2 * THREADS * TURNS);
}
END_TEST

/* ------------------------------------------------------------------ results */

static void store(const struct result_folder *results, uint32_t attempt, const char *out, const char *err,
                  int expected)
{
    struct attempt_record record = sample;
    struct captured_output captured[2];

    record.attempt = attempt;
    captured_output_init(&captured[0]);
    captured_output_init(&captured[1]);
    ck_assert_int_eq(captured_output_add(&captured[0], out, strlen(out)), 0);
    ck_assert_int_eq(captured_output_add(&captured[1], err, strlen(err)), 0);
    ck_assert_int_eq(result_folder_store(results, &record, &captured[0], &captured[1]), expected);
    captured_output_free(&captured[0]);
    captured_output_free(&captured[1]);
}

START_TEST(the_latest_attempt_is_what_the_results_show)
{
    struct result_folder results;
    char path[512];

    snprintf(path, sizeof(path), "%s", path_of("results"));
    ck_assert_int_eq(result_folder_open(&results, path), 0);
    store(&results, 1, "first\n", "", 0);
    ck_assert_str_eq(content("results/q-0-5/stdout"), "first\n");
    store(&results, 2, "second\n", "oh\n", 0);
    ck_assert_str_eq(content("results/q-0-5/stdout"), "second\n");
    ck_assert_str_eq(content("results/q-0-5/stderr"), "oh\n");
    ck_assert_str_eq(content("results/q-0-5/status"),
                     "Exitval: 2\nSignal: 0\nAttempt: 2\nStarttime: 1700000000.007\nJobRuntime: 1.250\n");
    result_folder_close(&results);
    snprintf(folder + strlen(folder), sizeof(folder) - strlen(folder), "/results");
    ck_assert_uint_eq(count_others("q-0-5"), 0);
    *strrchr(folder, '/') = '\0';
}
END_TEST

START_TEST(what_a_killed_consumer_left_of_results_is_removed)
{
    struct result_folder results;

    ck_assert_int_eq(mkdir(path_of("results"), 0700), 0);
    ck_assert_int_eq(mkdir(path_of("results/.q-0-5.new"), 0700), 0);
    plant("results/.q-0-5.new/stdout", "ha");
    ck_assert_int_eq(result_folder_open(&results, path_of("results")), 0);
    store(&results, 1, "whole\n", "", 0);
    ck_assert_str_eq(content("results/q-0-5/stdout"), "whole\n");
    ck_assert_int_ne(access(path_of("results/.q-0-5.new"), F_OK), 0);
    result_folder_close(&results);
}
END_TEST

START_TEST(results_on_a_full_disk_leave_the_earlier_ones)
{
    struct result_folder results;
    char much[3000];

    memset(much, 'x', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    ck_assert_int_eq(result_folder_open(&results, path_of("results")), 0);
    store(&results, 1, "first\n", "", 0);
    process_limit(RLIMIT_FSIZE, 1000);
    store(&results, 2, much, "", -EFBIG);
    ck_assert_str_eq(content("results/q-0-5/stdout"), "first\n");
    ck_assert_int_ne(access(path_of("results/.q-0-5.new"), F_OK), 0);
    result_folder_close(&results);
}
END_TEST

START_TEST(results_need_a_folder)
{
    struct result_folder results;

    plant("file", "");
    ck_assert_int_eq(result_folder_open(&results, path_of("file")), -ENOTDIR);
    ck_assert_int_eq(result_folder_open(&results, path_of("missing/results")), -ENOENT);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("captured output"),
    TEST_EACH(what_was_captured_comes_out_again, COUNT(sizes)),
    TEST(only_what_is_long_goes_to_a_file_and_that_has_no_name),
    TEST(a_full_disk_is_an_error),
    TEST(a_missing_folder_is_an_error_when_it_is_needed),
    TEST(a_pipe_is_read_as_far_as_it_is_filled),
    TEST_GROUP("turns"),
    TEST(turns_of_threads_and_processes_do_not_mix),
    TEST(a_stop_request_ends_the_wait_for_a_turn),
    TEST(a_failed_turn_leaves_nothing_in_a_file),
    TEST(a_reader_that_takes_nothing_holds_up_no_stop_and_one_that_ended_is_an_error),
    TEST(what_a_killed_consumer_left_half_written_is_removed),
    TEST(what_a_killed_consumer_has_written_whole_stays),
    TEST(what_others_wrote_behind_a_killed_consumer_stays_and_is_reported),
    TEST_GROUP("tags"),
    TEST_EACH(a_tag_is_the_messages_first_line_if_that_is_text, COUNT(tags)),
    TEST(each_line_begins_with_the_tag_and_ends),
    TEST(much_output_is_tagged_as_well),
    TEST_GROUP("the text of a command"),
    TEST_EACH(a_command_is_text_that_a_shell_reads_as_its_words, COUNT(texts)),
    TEST(a_command_line_is_one_line),
    TEST_GROUP("the job log"),
    TEST(a_log_has_a_header_and_numbered_lines),
    TEST(a_log_tells_signals),
    TEST_EACH(a_line_that_a_killed_writer_left_half_is_removed, COUNT(repairs)),
    TEST(a_half_line_that_is_found_later_is_removed_too),
    TEST(another_file_is_no_log),
    TEST(a_log_on_a_full_disk_keeps_its_whole_lines),
    TEST(a_log_that_cannot_be_made_is_an_error),
    TEST(a_log_that_was_renamed_is_begun_anew),
    TEST(a_stop_request_ends_the_wait_for_other_writers),
    TEST(writers_of_a_log_lose_no_line_and_share_no_number),
    TEST_GROUP("results"),
    TEST(the_latest_attempt_is_what_the_results_show),
    TEST(what_a_killed_consumer_left_of_results_is_removed),
    TEST(results_on_a_full_disk_leave_the_earlier_ones),
    TEST(results_need_a_folder),
};
TEST_SUITE("consumer output", tests, .seconds = 10, .set_up = set_up, .tear_down = tear_down);
