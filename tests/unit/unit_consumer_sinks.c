/* SPDX-License-Identifier: MIT */
/*
 * stdout, --output and --mirror: what is written, what a consumer that was killed in the middle of it leaves, and
 * what is told when it cannot be found again.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/record_lock.h"
#include "consumer/sinks/sink.h"
#include "tests/support/harness.h"
#include "tests/support/heard.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"

/* ------------------------------------------------------------------ writes, as a test wants them */

static size_t writes;
static size_t write_bytes[256];
static size_t most;         /* bytes of the first write; 0: all */
static int then_error;      /* of the writes after it; 0: none */
static bool dies;           /* after the first write */
static bool dies_before;    /* the first write */
static void (*after)(void); /* the first write */
static int lock_error;

ssize_t __real_writev(int fd, const struct iovec *vectors, int count);
ssize_t __wrap_writev(int fd, const struct iovec *vectors, int count);
ssize_t __real_pwritev(int fd, const struct iovec *vectors, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *vectors, int count, off_t offset);
int __real_record_lock_take(int fd, struct record_range range);
int __wrap_record_lock_take(int fd, struct record_range range);

/* Cuts the vectors, all of which are in front, to the bytes that may be written. */
static int plan_write(const struct iovec *vectors, int count, struct iovec *planned)
{
    size_t left = writes == 0 && most != 0 ? most : SIZE_MAX;
    int used = 0;
    ck_assert_uint_lt(writes, 256);
    write_bytes[writes] = 0;
    for (; used < count && left > 0; used++) {
        planned[used] = vectors[used];
        if (planned[used].iov_len > left)
            planned[used].iov_len = left;
        left -= planned[used].iov_len;
        write_bytes[writes] += planned[used].iov_len;
    }
    return used;
}

static ssize_t end_write(ssize_t result)
{
    if (writes++ == 0 && dies)
        raise(SIGKILL);
    if (writes == 1 && after != NULL)
        after();
    return result;
}

ssize_t __wrap_writev(int fd, const struct iovec *vectors, int count)
{
    struct iovec planned[1024];
    if (dies_before)
        raise(SIGKILL);
    if (writes > 0 && then_error != 0) {
        errno = then_error;
        return -1;
    }
    count = plan_write(vectors, count, planned);
    return end_write(__real_writev(fd, planned, count));
}

ssize_t __wrap_pwritev(int fd, const struct iovec *vectors, int count, off_t offset)
{
    struct iovec planned[1024];
    if (dies_before)
        raise(SIGKILL);
    if (writes > 0 && then_error != 0) {
        errno = then_error;
        return -1;
    }
    count = plan_write(vectors, count, planned);
    return end_write(__real_pwritev(fd, planned, count, offset));
}

int __wrap_record_lock_take(int fd, struct record_range range)
{
    return lock_error != 0 ? lock_error : __real_record_lock_take(fd, range);
}

/* ------------------------------------------------------------------ files, the queue, a consumer */

static char directory[128];
static const char *name;
static struct shmq_options small;
static struct shmq *producer;
static struct shmq *consumer;
static struct consumer_options options;
static struct totals totals;
static struct sink *sink;
static struct shmq_message messages[64];
static size_t leased;

static void write_file(const char *file, const char *text)
{
    FILE *stream = fopen(file, "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_ge(fputs(text, stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
}

static void expect_file(const char *file, const char *text)
{
    static char found[200000];
    FILE *stream = fopen(file, "r");
    ck_assert_msg(stream != NULL, "%s: %s", file, strerror(errno));
    found[fread(found, 1, sizeof(found) - 1, stream)] = '\0';
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_str_eq(found, text);
}

static void begin(void)
{
    const char *temporary = getenv("TMPDIR");
    say_init("consumer", 0, NULL);
    say_set_writer(hear);
    snprintf(directory, sizeof(directory), "%s/sinks.XXXXXX", temporary != NULL ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    signal(SIGPIPE, SIG_IGN);
    small = planted_small();
    name = test_name("sinks");
    producer = planted_open(name, SHMQ_PRODUCER, &small);
    options = (struct consumer_options){.framing = {.delimiter = '\n', .prefix = ""}};
    options.common.queue = name;
    totals_init(&totals, &(struct consumer_options){0});
}

static void end(void)
{
    char line[192];
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
    snprintf(line, sizeof(line), "cd / && rm -rf %s", directory);
    ck_assert_int_eq(system(line), 0);
}

static void put(const char *words)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        planted_put(producer, word);
}

/* Opens the sink and the queue. */
static void attach(enum sink_kind kind, const char *target)
{
    options.sink = kind;
    options.target = target;
    heard[0] = '\0';
    writes = leased = 0;
    sink = sink_open(&options, &totals);
    ck_assert_msg(sink != NULL, "%s", heard);
    consumer = planted_open(name, SHMQ_CONSUMER, NULL);
    sink->handle = consumer;
}

static void detach(enum sink_result expected)
{
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(sink->operations->close(sink), expected);
}

static void expect_delivery(enum sink_result expected, size_t expected_done)
{
    size_t done = 99;
    if (leased == 0)
        ck_assert_int_eq(shmq_lease_many(consumer, messages, 64, &leased, 0), 0);
    enum sink_result result = sink->operations->deliver(sink, messages, leased, &done);
    ck_assert_msg(result == expected, "%d: %s", (int)result, heard);
    ck_assert_uint_eq(done, expected_done);
    ck_assert_int_eq(shmq_acknowledge(consumer, done), 0);
    if (sink->operations->acknowledged != NULL)
        sink->operations->acknowledged(sink);
    leased -= done;
    memmove(messages, messages + done, leased * sizeof(messages[0]));
}

static bool is_lost(void)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    ck_assert_int_eq(shmq_info(consumer, &info), 0);
    return info.lost;
}

/* What is there, delivered by another consumer, which ends after that. */
static void deliver_rest(enum sink_kind kind, const char *target)
{
    most = 0;
    then_error = 0;
    dies = false;
    after = NULL;
    attach(kind, target);
    for (;;) {
        int error = shmq_lease_many(consumer, messages, 64, &leased, 0);
        if (error == -EAGAIN || error == -ENODATA)
            break;
        ck_assert_int_eq(error, 0);
        expect_delivery(SINK_OK, leased);
    }
    detach(SINK_OK);
}

struct victim {
    enum sink_kind kind;
    const char *target;
    size_t leases; /* messages; 0: all */
};

static void be_killed(void *context)
{
    const struct victim *victim = context;
    size_t done;
    dies = true;
    attach(victim->kind, victim->target);
    process_require_equal(
        shmq_lease_many(consumer, messages, victim->leases != 0 ? victim->leases : 64, &leased, 0), 0);
    (void)sink->operations->deliver(sink, messages, leased, &done);
}

/* A consumer is killed when it has written so many bytes. */
static void kill_after(size_t bytes, enum sink_kind kind, const char *target)
{
    struct victim victim = {.kind = kind, .target = target};
    struct process process;
    most = bytes;
    process_start(&process, be_killed, &victim);
    ck_assert_int_eq(process_collect(&process), SIGKILL);
}

/* ------------------------------------------------------------------ --output */

START_TEST(messages_are_appended_to_a_file)
{
    write_file("file", "old");
    put("a bc");
    attach(SINK_OUTPUT, "file");
    expect_delivery(SINK_OK, 2);
    expect_file("file", "olda\nbc\n");
    put("d");
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(sink->operations->check(sink), SINK_OK);
    ck_assert_int_eq(sink->operations->verify(sink), SINK_OK);
    expect_file("file", "olda\nbc\nd\n");
    detach(SINK_OK);
    ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_told)
{
    static const struct {
        const char *target;
        const char *says;
    } bad[] = {{"none/file", "none/file: cannot be opened for writing: No such file"},
               {".", ".: cannot be opened for writing: Is a directory"}};
    options.sink = SINK_OUTPUT;
    for (size_t i = 0; i < 2; i++) {
        options.target = bad[i].target;
        ck_assert_ptr_null(sink_open(&options, &totals));
        expect_heard(bad[i].says);
    }
}
END_TEST

static const char whole[] = "oldfirst\nsecond\nthird\n";

/* Wherever it was killed, another one leaves all messages once and whole. */
START_TEST(what_a_killed_consumer_left_is_taken_back)
{
    size_t length = strlen("first\nsecond\nthird\n");
    for (size_t bytes = 1; bytes <= length; bytes++) {
        write_file("file", "old");
        put("first second third");
        kill_after(bytes, SINK_OUTPUT, "file");
        deliver_rest(SINK_OUTPUT, "file");
        expect_file("file", whole);
        ck_assert_str_eq(heard, "");
    }
}
END_TEST

START_TEST(a_message_that_was_written_alone_is_taken_back)
{
    for (size_t bytes = 1; bytes <= strlen("first\n"); bytes++) {
        write_file("file", "old");
        put("first");
        kill_after(bytes, SINK_OUTPUT, "file");
        deliver_rest(SINK_OUTPUT, "file");
        expect_file("file", "oldfirst\n");
    }
}
END_TEST

START_TEST(what_others_wrote_behind_it_stays)
{
    write_file("file", "old");
    put("first second third");
    kill_after(9, SINK_OUTPUT, "file");
    expect_file("file", "oldfirst\nsec");
    ck_assert_int_eq(system("printf mine >>file"), 0);
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", "oldfirst\nsecminefirst\nsecond\nthird\n");
    expect_heard("at byte 3; ");
}
END_TEST

START_TEST(what_has_another_framing_is_taken_back)
{
    write_file("file", "old");
    put("first second third");
    options.framing.kind = FRAMING_RAW;
    kill_after(9, SINK_OUTPUT, "file");
    options.framing.kind = FRAMING_DELIMITER;
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", whole);
    ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_prefix_that_is_not_known_stays)
{
    write_file("file", "old");
    put("first second third");
    options.framing.prefix = "> ";
    options.framing.prefix_length = 2;
    kill_after(13, SINK_OUTPUT, "file");
    options.framing.prefix = "";
    options.framing.prefix_length = 0;
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", "old> first\n> secfirst\nsecond\nthird\n");
    expect_heard("at byte 3; ");
}
END_TEST

/* Its messages went elsewhere meanwhile. */
START_TEST(what_was_acknowledged_elsewhere_stays)
{
    write_file("file", "old");
    put("first second third");
    kill_after(9, SINK_OUTPUT, "file");
    deliver_rest(SINK_DISCARD, NULL);
    put("fourth");
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", "oldfirst\nsecfourth\n");
    expect_heard("at byte 3; ");
    /* All of it had been written: nothing is to be told. */
    write_file("file", "old");
    put("first second third");
    kill_after(19, SINK_OUTPUT, "file");
    deliver_rest(SINK_DISCARD, NULL);
    put("fourth");
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", "oldfirst\nsecond\nthird\nfourth\n");
    ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(who_was_killed_before_it_wrote_left_nothing)
{
    write_file("file", "old");
    put("first second");
    dies_before = true;
    kill_after(0, SINK_OUTPUT, "file");
    dies_before = false;
    expect_file("file", "old");
    deliver_rest(SINK_DISCARD, NULL);
    put("third");
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", "oldthird\n");
    ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(a_file_that_was_emptied_loses_nothing_more)
{
    write_file("file", "old");
    put("first second third");
    kill_after(9, SINK_OUTPUT, "file");
    write_file("file", "");
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", "first\nsecond\nthird\n");
    ck_assert_str_eq(heard, "");
    put("first second third");
    kill_after(9, SINK_OUTPUT, "file");
    deliver_rest(SINK_OUTPUT, "other");
    expect_file("other", "first\nsecond\nthird\n");
}
END_TEST

static void append_mine(void)
{
    FILE *stream = fopen("file", "a");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_ge(fputs("mine", stream), 0);
    ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(a_message_without_room_is_taken_back)
{
    write_file("file", "old");
    put("first second third");
    attach(SINK_OUTPUT, "file");
    most = 9;
    then_error = ENOSPC;
    expect_delivery(SINK_FAILED, 1);
    expect_file("file", "oldfirst\n");
    expect_heard("consumer: file: cannot be written: No space left on device (");
    detach(SINK_OK);
    deliver_rest(SINK_OUTPUT, "file");
    expect_file("file", whole);
}
END_TEST

START_TEST(a_message_without_room_stays_where_others_have_written)
{
    write_file("file", "old");
    put("first second third");
    attach(SINK_OUTPUT, "file");
    most = 9;
    then_error = ENOSPC;
    after = append_mine;
    expect_delivery(SINK_FAILED, 1);
    expect_file("file", "oldfirst\nsecmine");
    expect_heard(" at byte 9\n");
    detach(SINK_OK);
}
END_TEST

static void ask_for_the_end(void)
{
    stop_requested = SIGTERM;
}

START_TEST(an_end_in_a_message_finishes_it)
{
    write_file("file", "old");
    put("first second third");
    attach(SINK_OUTPUT, "file");
    most = 8;
    after = ask_for_the_end;
    expect_delivery(SINK_STOPPED, 2);
    expect_file("file", "oldfirst\nsecond\n");
    detach(SINK_OK);
    stop_requested = 0;
    lock_error = -EINTR;
    attach(SINK_OUTPUT, "file");
    expect_delivery(SINK_STOPPED, 0);
    detach(SINK_OK);
    lock_error = 0;
    deliver_rest(SINK_OUTPUT, "file");
}
END_TEST

START_TEST(without_record_locks_each_message_is_a_write)
{
    lock_error = -ENOLCK;
    say_set_level(SAY_DETAILS);
    put("a b c");
    attach(SINK_OUTPUT, "file");
    expect_delivery(SINK_OK, 3);
    ck_assert_uint_eq(writes, 3);
    expect_heard("consumer: file: no record locks (No locks available)");
    put("d");
    heard[0] = '\0';
    expect_delivery(SINK_OK, 1);
    ck_assert_str_eq(heard, "");
    detach(SINK_OK);
    expect_file("file", "a\nb\nc\nd\n");
    lock_error = 0;
    write_file("file", "");
    put("a b c");
    attach(SINK_OUTPUT, "file");
    expect_delivery(SINK_OK, 3);
    ck_assert_uint_eq(writes, 1);
    detach(SINK_OK);
}
END_TEST

START_TEST(a_message_that_is_too_long_for_its_frame_is_told)
{
    put("a b c");
    options.framing.kind = FRAMING_LENGTH32;
    attach(SINK_OUTPUT, "file");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 64, &leased, 0), 0);
    messages[1].length = (size_t)UINT32_MAX + 1;
    expect_delivery(SINK_FAILED, 1);
    expect_heard(" of 4294967296 bytes does not fit into --length-prefixed");
    char id[SHMQ_ID_SIZE];
    shmq_message_id(consumer, &messages[0], id);
    expect_heard(id);
    detach(SINK_OK);
}
END_TEST

/* ------------------------------------------------------------------ a file that goes, or shrinks */

static void damage(int how)
{
    switch (how) {
    case 0:
        ck_assert_int_eq(unlink("file"), 0);
        break;
    case 1:
        ck_assert_int_eq(rename("file", "elsewhere"), 0);
        break;
    case 2:
        ck_assert_int_eq(system("cp file new && mv new file"), 0);
        break;
    default:
        ck_assert_int_eq(truncate("file", 1), 0);
    }
}

static void remove_file(void)
{
    damage(0);
}

static const char *const damages[] = {"was removed or renamed", "was removed or renamed",
                                      "was replaced by another file", "was cut short"};

START_TEST(what_was_written_and_has_gone_is_told)
{
    put("first");
    attach(SINK_OUTPUT, "file");
    expect_delivery(SINK_OK, 1);
    damage(_i);
    put("second");
    if (_i % 2 == 0) {
        expect_delivery(SINK_FAILED, 0);
    } else {
        ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
        ck_assert_int_eq(sink->operations->check(sink), SINK_FAILED);
    }
    expect_heard(damages[_i]);
    expect_heard("messages already acknowledged are not redelivered");
    ck_assert(is_lost());
    detach(SINK_OK);
}
END_TEST

START_TEST(a_file_that_goes_while_it_is_written_is_told)
{
    put("first second");
    attach(SINK_OUTPUT, "file");
    after = remove_file;
    expect_delivery(SINK_FAILED, 0);
    expect_heard("was removed or renamed");
    detach(SINK_OK);
}
END_TEST

START_TEST(before_anything_is_written_nothing_is_lost)
{
    put("first");
    attach(SINK_OUTPUT, "file");
    remove_file();
    expect_delivery(SINK_FAILED, 0);
    expect_heard("was removed or renamed before anything was written to it");
    ck_assert(!is_lost());
    detach(SINK_OK);
    deliver_rest(SINK_DISCARD, NULL);
    /* Somebody may have written it before. */
    attach(SINK_OUTPUT, "file");
    remove_file();
    ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
    ck_assert(is_lost());
    detach(SINK_OK);
}
END_TEST

START_TEST(a_folder_that_becomes_a_file_is_a_loss)
{
    put("first");
    ck_assert_int_eq(mkdir("folder", 0700), 0);
    attach(SINK_OUTPUT, "folder/file");
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(rename("folder", "gone"), 0);
    write_file("folder", "");
    ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
    expect_heard("was removed or renamed while in use");
    ck_assert_int_eq(unlink("folder"), 0);
    ck_assert_int_eq(symlink("folder", "folder"), 0);
    ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
    expect_heard("cannot be examined: Too many levels of symbolic links");
    detach(SINK_OK);
}
END_TEST

/* ------------------------------------------------------------------ stdout */

static int reader;

/* stdout is that from now on. */
static void take_stdout(int fd)
{
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    close(fd);
}

static void take_pipe(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    reader = ends[0];
    take_stdout(ends[1]);
}

START_TEST(stdout_may_be_a_file)
{
    write_file("file", "old");
    int fd = open("file", O_WRONLY | O_APPEND);
    take_stdout(dup(fd));
    put("a");
    attach(SINK_STDOUT, NULL);
    expect_delivery(SINK_OK, 1);
    expect_file("file", "olda\n");
    remove_file();
    ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
    expect_heard("consumer: stdout: was removed while in use");
    detach(SINK_OK);
    /* Nobody has removed one that never had a name. */
    take_stdout(fd);
    put("b");
    attach(SINK_STDOUT, NULL);
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(sink->operations->verify(sink), SINK_OK);
    detach(SINK_OK);
}
END_TEST

/* What stands behind its place is not where it writes. */
START_TEST(stdout_may_stand_in_the_middle_of_a_file)
{
    write_file("file", "0123456789");
    take_stdout(open("file", O_WRONLY));
    put("a");
    attach(SINK_STDOUT, NULL);
    expect_delivery(SINK_OK, 1);
    expect_file("file", "a\n23456789");
    most = 1;
    then_error = ENOSPC;
    writes = 0;
    put("bcd");
    expect_delivery(SINK_FAILED, 0);
    expect_file("file", "a\nb3456789");
    expect_heard("at byte 2\n");
    detach(SINK_OK);
}
END_TEST

START_TEST(stdout_that_is_none_is_told)
{
    close(STDOUT_FILENO);
    options.sink = SINK_STDOUT;
    ck_assert_ptr_null(sink_open(&options, &totals));
    expect_heard("consumer: stdout: cannot be opened for writing: Bad file descriptor\n");
    write_file("file", "");
    take_stdout(open("file", O_RDONLY));
    heard[0] = '\0';
    ck_assert_ptr_null(sink_open(&options, &totals));
    expect_heard("consumer: stdout: cannot be opened for writing: Bad file descriptor\n");
}
END_TEST

START_TEST(a_pipe_without_a_reader_is_told)
{
    take_pipe();
    put("a b");
    attach(SINK_STDOUT, NULL);
    ck_assert_int_eq(sink->operations->check(sink), SINK_OK);
    expect_delivery(SINK_OK, 2);
    ck_assert_int_eq(sink->operations->verify(sink), SINK_OK);
    close(reader);
    ck_assert_int_eq(sink->operations->check(sink), SINK_FAILED);
    expect_heard("consumer: stdout: its reader has ended (");
    put("c");
    heard[0] = '\0';
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: stdout: its reader has ended (");
    detach(SINK_OK);
}
END_TEST

static void close_reader(void)
{
    close(reader);
}

START_TEST(what_a_pipe_held_was_read_by_nobody)
{
    take_pipe();
    put("a b");
    attach(SINK_STDOUT, NULL);
    most = 2;
    after = close_reader;
    expect_delivery(SINK_FAILED, 0);
    detach(SINK_OK);
}
END_TEST

START_TEST(a_message_that_is_too_long_for_a_pipe_is_told)
{
    char id[SHMQ_ID_SIZE];
    take_pipe();
    put("a b");
    options.framing.kind = FRAMING_LENGTH32;
    attach(SINK_STDOUT, NULL);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 64, &leased, 0), 0);
    messages[1].length = (size_t)UINT32_MAX + 1;
    shmq_message_id(consumer, &messages[1], id);
    expect_delivery(SINK_FAILED, 1);
    expect_heard(id);
    expect_heard(" of 4294967296 bytes does not fit into --length-prefixed");
    detach(SINK_OK);
}
END_TEST

START_TEST(a_device_without_room_is_told)
{
    put("a b");
    attach(SINK_OUTPUT, "/dev/full");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: /dev/full: cannot be written: No space left on device (");
    ck_assert_int_eq(sink->operations->check(sink), SINK_OK);
    detach(SINK_OK);
    deliver_rest(SINK_OUTPUT, "/dev/null");
}
END_TEST

/* Another process has the pipe, too. */
static void hold_the_pipe(void *context)
{
    (void)context;
    attach(SINK_STDOUT, NULL);
    process_report(1);
    (void)process_await_order();
}

START_TEST(who_shares_a_pipe_writes_what_is_atomic)
{
    struct process other;
    char line[PIPE_BUF];
    memset(line, 'x', sizeof(line));
    take_pipe();
    for (int i = 0; i < 18; i++)
        messages[i] = (struct shmq_message){.data = line, .length = 299};
    attach(SINK_STDOUT, NULL);
    size_t done = 0;
    /* Alone, it writes all at once. */
    ck_assert_int_eq(sink->operations->deliver(sink, messages, 18, &done), SINK_OK);
    ck_assert_uint_eq(writes, 1);
    process_start(&other, hold_the_pipe, NULL);
    ck_assert_uint_eq(process_hear(&other), 1);
    writes = 0;
    ck_assert_int_eq(sink->operations->deliver(sink, messages, 18, &done), SINK_OK);
    ck_assert_uint_eq(writes, 2);
    ck_assert_uint_eq(write_bytes[0], 13 * 300);
    /* A message of as many bytes, and of one more. */
    writes = 0;
    messages[17].length = PIPE_BUF - 1;
    ck_assert_int_eq(sink->operations->deliver(sink, messages, 18, &done), SINK_OK);
    ck_assert_uint_eq(writes, 3);
    writes = 0;
    messages[17].length = PIPE_BUF;
    ck_assert_int_eq(sink->operations->deliver(sink, messages, 18, &done), SINK_OK);
    ck_assert_uint_eq(writes, 1);
    process_order(&other, 1);
    process_expect_success(&other);
    lock_error = -EINTR;
    ck_assert_int_eq(sink->operations->deliver(sink, messages, 18, &done), SINK_STOPPED);
    ck_assert_uint_eq(done, 0);
    lock_error = -ENOLCK;
    ck_assert_int_eq(sink->operations->deliver(sink, messages, 18, &done), SINK_OK);
    detach(SINK_OK);
}
END_TEST

/* ------------------------------------------------------------------ --mirror */

START_TEST(a_lane_has_its_file)
{
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, '\n'), 0);
    ck_assert_int_eq(shmq_set_frame(other, SHMQ_FRAME_LENGTH32, 0), 0);
    put("a bc");
    planted_put(other, "d");
    deliver_rest(SINK_MIRROR, "mirror.%l");
    expect_file("mirror.0", "a\nbc\n");
    struct stat status;
    ck_assert_int_eq(stat("mirror.1", &status), 0);
    ck_assert_int_eq(status.st_size, 5);
    put("e");
    deliver_rest(SINK_MIRROR, "mirror.%l");
    expect_file("mirror.0", "a\nbc\ne\n");
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(a_mirror_is_written_anew_where_its_writer_was_killed)
{
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, '\n'), 0);
    for (size_t bytes = 1; bytes < 19; bytes += 3) {
        put("first second third");
        kill_after(bytes, SINK_MIRROR, "mirror");
    }
    deliver_rest(SINK_MIRROR, "mirror");
    expect_file("mirror", "first\nsecond\nthird\nfirst\nsecond\nthird\nfirst\nsecond\nthird\n"
                          "first\nsecond\nthird\nfirst\nsecond\nthird\nfirst\nsecond\nthird\n");
}
END_TEST

START_TEST(a_mirror_that_cannot_be_is_told)
{
    static const struct {
        const char *target;
        const char *says;
    } bad[] = {{".", "consumer: .: cannot be opened: Is a directory"},
               {"/dev/null", "consumer: /dev/null: cannot be a mirror: not a regular file"},
               {"none/a", "consumer: none/a: cannot be opened: No such file or directory"}};
    char long_name[PATH_MAX + 2];
    options.sink = SINK_MIRROR;
    for (size_t i = 0; i < 3; i++) {
        options.target = bad[i].target;
        heard[0] = '\0';
        ck_assert_ptr_null(sink_open(&options, &totals));
        expect_heard(bad[i].says);
    }
    memset(long_name, 'x', sizeof(long_name));
    long_name[PATH_MAX + 1] = '\0';
    options.target = long_name;
    heard[0] = '\0';
    ck_assert_ptr_null(sink_open(&options, &totals));
    ck_assert_uint_gt(strlen(heard), PATH_MAX);
    expect_heard("xxx: cannot be opened: File name too long");
    /* One that is to be made for each lane may be missing. */
    put("a");
    attach(SINK_MIRROR, "folder.%l/a");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: folder.0/a: cannot be opened: No such file or directory");
    ck_assert_int_eq(mkdir("folder.0", 0700), 0);
    expect_delivery(SINK_OK, 1);
    detach(SINK_OK);
    options.target = "none/%l";
    ck_assert_ptr_null(sink_open(&options, &totals));
}
END_TEST

START_TEST(one_name_is_for_one_lane)
{
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    put("a");
    attach(SINK_MIRROR, "mirror");
    expect_delivery(SINK_OK, 1);
    planted_put(other, "b");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: --mirror: lane 1 and other lanes cannot share mirror: ");
    detach(SINK_OK);
    attach(SINK_MIRROR, "new");
    expect_delivery(SINK_FAILED, 0);
    ck_assert_int_eq(access("new", F_OK), -1);
    detach(SINK_OK);
    deliver_rest(SINK_DISCARD, NULL);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(two_names_of_one_file_are_told)
{
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(symlink("mirror.0", "mirror.1"), 0);
    put("a");
    attach(SINK_MIRROR, "mirror.%l");
    expect_delivery(SINK_OK, 1);
    planted_put(other, "b");
    expect_delivery(SINK_FAILED, 0);
    expect_heard("consumer: mirror.1: cannot be a mirror: consumers of another lane, ");
    detach(SINK_OK);
    deliver_rest(SINK_DISCARD, NULL);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(a_mirror_that_has_gone_is_told)
{
    put("first");
    attach(SINK_MIRROR, "file");
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(sink->operations->check(sink), SINK_OK);
    ck_assert(!is_lost());
    damage(_i);
    put("second");
    if (_i % 2 == 0)
        expect_delivery(SINK_FAILED, 0);
    else
        ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
    expect_heard("consumer: file: was removed, replaced or cut short while in use: ");
    ck_assert(is_lost());
    detach(SINK_OK);
}
END_TEST

START_TEST(a_mirror_that_goes_while_it_is_written_is_told)
{
    put("first");
    attach(SINK_MIRROR, "file");
    after = remove_file;
    expect_delivery(SINK_FAILED, 0);
    expect_heard("was removed, replaced or cut short");
    detach(SINK_OK);
}
END_TEST

START_TEST(a_mirror_without_room_is_told)
{
    put("first second");
    attach(SINK_MIRROR, "file");
    most = 7;
    then_error = ENOSPC;
    expect_delivery(SINK_FAILED, 1);
    expect_heard("consumer: file: cannot be written: No space left on device (");
    then_error = 0;
    expect_delivery(SINK_OK, 1);
    expect_file("file", "firstsecond");
    then_error = 0;
    writes = 0;
    most = 1;
    after = ask_for_the_end;
    put("third fourth");
    expect_delivery(SINK_STOPPED, 1);
    expect_file("file", "firstsecondthird");
    detach(SINK_OK);
}
END_TEST

/* What is behind the end of the stream is an earlier file's. */
START_TEST(in_the_end_a_longer_file_is_cut)
{
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    write_file("mirror.0", "0123456789");
    write_file("mirror.1", "0123456789");
    put("abc");
    attach(SINK_MIRROR, "mirror.%l");
    expect_delivery(SINK_OK, 1);
    expect_file("mirror.0", "abc3456789");
    ck_assert_int_eq(sink->operations->complete(sink), SINK_OK);
    expect_file("mirror.0", "abc");
    expect_file("mirror.1", ""); /* its producer has put nothing */
    detach(SINK_OK);
    ck_assert_int_eq(unlink("mirror.1"), 0);
    attach(SINK_MIRROR, "mirror.%l");
    ck_assert_int_eq(sink->operations->complete(sink), SINK_OK);
    expect_file("mirror.1", "");
    ck_assert_int_eq(sink->operations->complete(sink), SINK_OK);
    detach(SINK_OK);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

START_TEST(in_the_end_the_one_file_is_cut)
{
    write_file("mirror", "0123456789");
    attach(SINK_MIRROR, "mirror");
    ck_assert_int_eq(sink->operations->complete(sink), SINK_OK);
    expect_file("mirror", "");
    put("abc");
    write_file("mirror", "0123456789");
    expect_delivery(SINK_OK, 1);
    ck_assert_int_eq(sink->operations->complete(sink), SINK_OK);
    expect_file("mirror", "abc");
    detach(SINK_OK);
    write_file("mirror", "0123456789");
    struct shmq *other = planted_open(name, SHMQ_PRODUCER, &small);
    planted_put(other, "d");
    attach(SINK_MIRROR, "mirror");
    ck_assert_int_eq(sink->operations->complete(sink), SINK_OK); /* of two lanes, it is neither's */
    expect_file("mirror", "0123456789");
    detach(SINK_OK);
    deliver_rest(SINK_DISCARD, NULL);
    ck_assert_int_eq(shmq_close(other), 0);
}
END_TEST

/* Damaged offsets: each message, with what is wrong about it. */
START_TEST(an_offset_that_cannot_be_is_refused)
{
    enum { CELL_STREAM = 68 };
    ck_assert_int_eq(shmq_set_frame(producer, SHMQ_FRAME_DELIMITER, '\n'), 0);
    put("first second third");
    attach(SINK_MIRROR, "file");
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 64, &leased, 0), 0);
    const uint64_t first = messages[0].position;
    messages[1].stream_offset++;
    expect_delivery(SINK_DAMAGED, 0);
    expect_heard("consumer: file: message ");
    messages[1].stream_offset--;
    messages[0].stream_offset = 1;
    expect_delivery(SINK_DAMAGED, 0);
    messages[0].stream_offset = UINT64_MAX - 5;
    expect_delivery(SINK_DAMAGED, 0);
    messages[0].stream_offset = 0;
    expect_delivery(SINK_OK, 3);
    /* From there on, a cell holds no more than so many bytes. */
    struct shmq_message next = {.data = "x", .length = 1, .position = first + 10};
    size_t done;
    next.stream_offset = 10 * CELL_STREAM;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_OK);
    next.position = first + 11;
    next.stream_offset = 11 * CELL_STREAM + 1;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_DAMAGED);
    next.stream_offset = 11 * CELL_STREAM;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_OK);
    next.stream_offset = 11 * CELL_STREAM - 1; /* it is later, and its offset is not */
    next.position = first + 12;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_DAMAGED);
    next.position = first + 10; /* one that comes again */
    next.stream_offset = 10 * CELL_STREAM - 1;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_DAMAGED);
    next.stream_offset = 11 * CELL_STREAM + 1;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_DAMAGED);
    next.stream_offset = 10 * CELL_STREAM;
    ck_assert_int_eq(sink->operations->deliver(sink, &next, 1, &done), SINK_OK);
    detach(SINK_OK);
}
END_TEST

static size_t count_open(void)
{
    size_t count = 0;
    for (int fd = 3; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Which takes the place of another lane's that was further on. */
START_TEST(a_lane_begins_anew)
{
    size_t done;
    struct shmq_message message = {.data = "x", .length = 1, .position = 10, .stream_offset = 600};
    attach(SINK_MIRROR, "mirror.%l");
    for (uint32_t lane = 0; lane < 65; lane++) {
        message.lane = lane;
        ck_assert_int_eq(sink->operations->deliver(sink, &message, 1, &done), SINK_OK);
        message.position = message.stream_offset = 0;
    }
    detach(SINK_OK);
}
END_TEST

/* Lanes that are not there: files are opened for those that are named. */
START_TEST(as_many_files_are_open_as_may_be)
{
    size_t done;
    struct shmq_message message = {.data = "x", .length = 1};
    attach(SINK_MIRROR, "mirror.%l");
    size_t before = count_open();
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t lane = 0; lane < 70; lane++) {
            message.lane = lane;
            message.position = message.stream_offset = round;
            ck_assert_int_eq(sink->operations->deliver(sink, &message, 1, &done), SINK_OK);
            ck_assert_uint_eq(count_open() - before, round > 0 || lane >= 64 ? 64 : lane + 1);
        }
    }
    /* The one that was not used for longest makes room: lane 6 is, after lane 7 was used again, what goes next. */
    message.lane = 6;
    message.position = message.stream_offset = 2;
    ck_assert_int_eq(sink->operations->deliver(sink, &message, 1, &done), SINK_OK);
    ck_assert_int_eq(unlink("mirror.7"), 0);
    message.lane = 0;
    ck_assert_int_eq(sink->operations->deliver(sink, &message, 1, &done), SINK_OK);
    ck_assert_int_eq(sink->operations->verify(sink), SINK_OK); /* lane 7 was closed for it */
    ck_assert_int_eq(unlink("mirror.6"), 0);
    ck_assert_int_eq(sink->operations->verify(sink), SINK_FAILED);
    detach(SINK_OK);
    ck_assert_uint_lt(count_open(), before);
    expect_file("mirror.69", "xx");
    expect_file("mirror.0", "xxx");
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("output"),
    TEST(messages_are_appended_to_a_file),
    TEST(a_file_that_cannot_be_opened_is_told),
    TEST(what_a_killed_consumer_left_is_taken_back),
    TEST(a_message_that_was_written_alone_is_taken_back),
    TEST(what_others_wrote_behind_it_stays),
    TEST(what_has_another_framing_is_taken_back),
    TEST(a_prefix_that_is_not_known_stays),
    TEST(what_was_acknowledged_elsewhere_stays),
    TEST(who_was_killed_before_it_wrote_left_nothing),
    TEST(a_file_that_was_emptied_loses_nothing_more),
    TEST(a_message_without_room_is_taken_back),
    TEST(a_message_without_room_stays_where_others_have_written),
    TEST(an_end_in_a_message_finishes_it),
    TEST(without_record_locks_each_message_is_a_write),
    TEST(a_message_that_is_too_long_for_its_frame_is_told),
    TEST_EACH(what_was_written_and_has_gone_is_told, 4),
    TEST(a_file_that_goes_while_it_is_written_is_told),
    TEST(before_anything_is_written_nothing_is_lost),
    TEST(a_folder_that_becomes_a_file_is_a_loss),
    TEST_GROUP("stdout"),
    TEST(stdout_may_be_a_file),
    TEST(stdout_may_stand_in_the_middle_of_a_file),
    TEST(stdout_that_is_none_is_told),
    TEST(a_pipe_without_a_reader_is_told),
    TEST(what_a_pipe_held_was_read_by_nobody),
    TEST(a_message_that_is_too_long_for_a_pipe_is_told),
    TEST(a_device_without_room_is_told),
    TEST(who_shares_a_pipe_writes_what_is_atomic),
    TEST_GROUP("mirror"),
    TEST(a_lane_has_its_file),
    TEST(a_mirror_is_written_anew_where_its_writer_was_killed),
    TEST(a_mirror_that_cannot_be_is_told),
    TEST(one_name_is_for_one_lane),
    TEST(two_names_of_one_file_are_told),
    TEST_EACH(a_mirror_that_has_gone_is_told, 4),
    TEST(a_mirror_that_goes_while_it_is_written_is_told),
    TEST(a_mirror_without_room_is_told),
    TEST(in_the_end_a_longer_file_is_cut),
    TEST(in_the_end_the_one_file_is_cut),
    TEST(an_offset_that_cannot_be_is_refused),
    TEST(a_lane_begins_anew),
    TEST(as_many_files_are_open_as_may_be),
};

TEST_SUITE("consumer_sinks", tests, .seconds = 30, .set_up = begin, .tear_down = end);
