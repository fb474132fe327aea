/* SPDX-License-Identifier: MIT */
/*
 * What the consumer's sinks write files with: framing, batches, the end of a file, record locks, the files of
 * lanes, and names by pattern. The system says what a test wants it to.
 */
#undef _FORTIFY_SOURCE /* it makes something else of the names of functions that are defined here */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/cli/stop.h"
#include "consumer/batch.h"
#include "consumer/file_end.h"
#include "consumer/framing.h"
#include "consumer/lane_file.h"
#include "consumer/pattern.h"
#include "consumer/record_lock.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"

/* ------------------------------------------------------------------ the system, as it is told */

enum { CALLS = 2048 };

struct plan {
    size_t most[CALLS]; /* bytes of each write at the most; 0: all of them */
    int error[CALLS];   /* of each write; 0: none; -1: it takes nothing, and that is no error */
    size_t stop_after;  /* an orderly end is asked for in this write, from 1; 0: in none */
    int poll_error[4];  /* of each poll, until one is 0 */
    int lock_error[4];  /* of each lock that is waited for, until one is 0 */
    bool stop_in_lock;  /* an orderly end is asked for in the first of them */
    int open_error;     /* of the first file that is opened */
    const char *hidden; /* what cannot be opened because its name begins like this */
};

static struct plan plan;
static size_t writes;
static size_t write_bytes[CALLS]; /* that each was given */
static const void *last_base;     /* of the last vector of the last write */
static int last_count;            /* of vectors */
static size_t polls;
static size_t locks;
static size_t opens;

static void forget(void)
{
    plan = (struct plan){0};
    writes = polls = locks = opens = 0;
    stop_requested = 0;
}

/* Writes up to so many bytes; nothing where there is no file. */
static ssize_t write_some(int fd, const struct iovec *vectors, int count, size_t most, off_t offset)
{
    size_t all = 0;
    for (int i = 0; i < count && all < most; i++) {
        size_t bytes = vectors[i].iov_len < most - all ? vectors[i].iov_len : most - all;
        if (fd >= 0 && offset < 0)
            ck_assert_int_eq(write(fd, vectors[i].iov_base, bytes), (ssize_t)bytes);
        else if (fd >= 0)
            ck_assert_int_eq(pwrite(fd, vectors[i].iov_base, bytes, offset + (off_t)all), (ssize_t)bytes);
        all += bytes;
    }
    return (ssize_t)all;
}

static ssize_t planned_write(int fd, const struct iovec *vectors, int count, off_t offset)
{
    size_t n = writes++;
    ck_assert_uint_lt(n, CALLS);
    ck_assert_int_gt(count, 0);
    ck_assert_int_le(count, BATCH_VECTORS);
    write_bytes[n] = 0;
    for (int i = 0; i < count; i++)
        write_bytes[n] += vectors[i].iov_len;
    last_base = vectors[count - 1].iov_base;
    last_count = count;
    if (writes == plan.stop_after)
        stop_requested = SIGTERM;
    errno = plan.error[n] > 0 ? plan.error[n] : ENXIO; /* of a call that succeeds it means nothing */
    if (plan.error[n] != 0)
        return plan.error[n] > 0 ? -1 : 0;
    return write_some(fd, vectors, count, plan.most[n] != 0 ? plan.most[n] : SIZE_MAX, offset);
}

ssize_t writev(int fd, const struct iovec *vectors, int count)
{
    return planned_write(fd, vectors, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *vectors, int count, off_t offset)
{
    return planned_write(fd, vectors, count, offset);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    struct timespec time = {timeout / 1000, timeout % 1000 * 1000000L};
    if (timeout >= 0) /* of the test itself */
        return ppoll(fds, count, &time, NULL);
    size_t n = polls++;
    ck_assert_uint_lt(n, 4);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(fds->events, POLLOUT);
    errno = plan.poll_error[n] != 0 ? plan.poll_error[n] : ENOTTY; /* of a call that succeeds it means nothing */
    return plan.poll_error[n] != 0 ? -1 : 1;
}

int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    if ((command == F_SETLKW || command == F_OFD_SETLKW) && locks < 4 && plan.lock_error[locks] != 0) {
        if (plan.stop_in_lock)
            stop_requested = SIGTERM;
        errno = plan.lock_error[locks++];
        return -1;
    }
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (plan.open_error != 0 && opens++ == 0) {
        errno = plan.open_error;
        return -1;
    }
    if (plan.hidden != NULL && strncmp(path, plan.hidden, strlen(plan.hidden)) == 0) {
        errno = ENOENT;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ------------------------------------------------------------------ files */

static char directory[128];

static const char *path_of(const char *name)
{
    static char paths[4][192];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

static int open_empty(const char *name, int flags)
{
    int fd = open(path_of(name), flags | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void write_file(const char *name, const void *data, size_t length)
{
    int fd = open_empty(name, O_WRONLY);
    ck_assert_int_eq(write(fd, data, length), (ssize_t)length);
    close(fd);
}

static void expect_file(const char *name, const void *data, size_t length)
{
    unsigned char *found = malloc(length + 1);
    int fd = open(path_of(name), O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, found, length + 1, 0), (ssize_t)length);
    ck_assert_int_eq(memcmp(found, data, length), 0);
    close(fd);
    free(found);
}

/* A test that fails is a process that ends: its parent removes what it left. */
static void begin(void)
{
    const char *temporary = getenv("TMPDIR");
    forget();
    snprintf(directory, sizeof(directory), "%s/files.XXXXXX", temporary != NULL ? temporary : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void end(void)
{
    char command[192];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

/* ------------------------------------------------------------------ framing */

static unsigned char payload[200000];

static struct shmq_message message_of(size_t length)
{
    return (struct shmq_message){.data = payload, .length = length};
}

static struct framing framing_of(enum framing_kind kind, unsigned char delimiter, const char *prefix)
{
    return (struct framing){
        .kind = kind, .delimiter = delimiter, .prefix = prefix, .prefix_length = strlen(prefix)};
}

static void fill_payload(void)
{
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (unsigned char)(i * 7 + i / 251);
}

static void expect_frame(const struct framing *framing, const struct shmq_message *message, const char *before,
                         size_t before_length, const char *after)
{
    unsigned char frame[FRAMING_OVERHEAD_MAX];
    ck_assert_uint_eq(framing_before(framing, message, frame), before_length);
    ck_assert_int_eq(memcmp(frame, before, before_length), 0);
    ck_assert_uint_eq(framing_after(framing, message, frame), strlen(after));
    ck_assert_int_eq(memcmp(frame, after, strlen(after)), 0);
    ck_assert_uint_eq(framing_size(framing, message), before_length + message->length + strlen(after));
}

START_TEST(frames_are_what_they_are_said_to_be)
{
    struct shmq_message message = message_of(0x01020304);
    struct framing framing = framing_of(FRAMING_LENGTH32, '\n', "");
    expect_frame(&framing, &message, "\1\2\3\4", 4, "");
    framing = framing_of(FRAMING_DELIMITER, ';', "got: ");
    expect_frame(&framing, &message, "got: ", 5, ";");
    framing = framing_of(FRAMING_RAW, ';', ">");
    expect_frame(&framing, &message, ">", 1, "");
    framing = framing_of(FRAMING_SOURCE, ';', "");
    expect_frame(&framing, &message, "", 0, "");
    message.frame = SHMQ_FRAME_LENGTH32;
    expect_frame(&framing, &message, "\1\2\3\4", 4, "");
    message.frame = SHMQ_FRAME_DELIMITER;
    message.delimiter = 'x';
    expect_frame(&framing, &message, "", 0, "x");
}
END_TEST

/* Consumers of different builds read one another's. */
START_TEST(a_framing_has_a_number_that_stays)
{
    static const struct {
        enum framing_kind kind;
        unsigned char delimiter;
        const char *prefix;
        uint64_t code;
    } known[] = {
        {FRAMING_DELIMITER, '\n', "", UINT64_C(0x0a00)},
        {FRAMING_DELIMITER, 0xff, "", UINT64_C(0xff00)},
        {FRAMING_LENGTH32, '\n', "", UINT64_C(1)},
        {FRAMING_RAW, '\n', "", UINT64_C(2)},
        {FRAMING_DELIMITER, '\n', "> ", UINT64_C(0x6c07b4ce51e30a00)},
        {FRAMING_RAW, '\n', "got: ", UINT64_C(0xe8cf5a1c13040002)},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        struct framing framing = framing_of(known[i].kind, known[i].delimiter, known[i].prefix);
        struct framing back;
        uint64_t code = framing_code(&framing);
        ck_assert_msg(code == known[i].code, "%zu: %#llx", i, (unsigned long long)code);
        ck_assert(framing_of_code(code, &framing, &back));
        ck_assert_int_eq(back.kind, framing.kind);
        if (framing.kind == FRAMING_DELIMITER)
            ck_assert_uint_eq(back.delimiter, framing.delimiter);
        ck_assert_str_eq(back.prefix, framing.prefix);
        ck_assert_uint_eq(back.prefix_length, framing.prefix_length);
    }
}
END_TEST

START_TEST(a_framing_that_is_not_known_is_told)
{
    struct framing none = framing_of(FRAMING_DELIMITER, '\n', "");
    struct framing one = framing_of(FRAMING_RAW, 0, "> ");
    struct framing other = framing_of(FRAMING_RAW, 0, "< ");
    struct framing back;
    ck_assert(!framing_of_code(framing_code(&one), &other, &back));
    ck_assert(!framing_of_code(framing_code(&one), &none, &back));
    ck_assert(!framing_of_code(FRAMING_RAW + 1, &none, &back));
    ck_assert(!framing_of_code(0xff, &none, &back));
    ck_assert(framing_of_code(framing_code(&none), &one, &back));
    ck_assert_uint_eq(back.prefix_length, 0);
    ck_assert_str_eq(back.prefix, "");
}
END_TEST

/* ------------------------------------------------------------------ batches */

/* What the batch should be. Returns its length. */
static size_t frame_all(const struct framing *framing, const struct shmq_message *messages, size_t count,
                        unsigned char *to)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used += framing_before(framing, &messages[i], to + used);
        memcpy(to + used, messages[i].data, messages[i].length);
        used += messages[i].length;
        used += framing_after(framing, &messages[i], to + used);
    }
    return used;
}

static struct batch_writer *new_writer(int fd, const struct framing *framing)
{
    struct batch_writer *writer = batch_writer_create(fd, framing);
    ck_assert_ptr_nonnull(writer);
    return writer;
}

static const struct framing framings[] = {
    {.kind = FRAMING_DELIMITER, .delimiter = ';', .prefix = ""},
    {.kind = FRAMING_DELIMITER, .delimiter = ';', .prefix = "> ", .prefix_length = 2},
    {.kind = FRAMING_LENGTH32, .prefix = ""},
    {.kind = FRAMING_RAW, .prefix = ""},
    {.kind = FRAMING_SOURCE, .prefix = ""},
};

enum { FRAMINGS = COUNT(framings) };

START_TEST(a_batch_is_its_messages_framed)
{
    static const size_t lengths[] = {3, 1, 0, 16383, 16384, 16385, 70000, 0, 5, 200000, 65, 16383};
    enum { COUNT = 60 };
    struct shmq_message messages[COUNT];
    unsigned char *expected = malloc(4000000);
    fill_payload();
    for (size_t i = 0; i < COUNT; i++) {
        messages[i] = message_of(lengths[i % 12]);
        messages[i].frame = (uint8_t)(i % 3);
        messages[i].delimiter = (uint8_t)i;
    }
    int fd = open_empty("batch", O_RDWR);
    struct batch_writer *writer = new_writer(fd, &framings[_i]);
    size_t length = frame_all(&framings[_i], messages, COUNT, expected);
    size_t done = 99;
    ck_assert_int_eq(batch_write(writer, messages, COUNT, &done), 0);
    ck_assert_uint_eq(done, COUNT);
    ck_assert_uint_eq(batch_written(writer), length);
    ck_assert_uint_eq(batch_size(writer, messages, COUNT), length);
    ck_assert_uint_eq(batch_size(writer, messages, 0), 0);
    expect_file("batch", expected, length);
    ck_assert_int_eq(batch_write_at(writer, fd, 7, messages, COUNT, &done), 0);
    ck_assert_uint_eq(done, COUNT);
    memmove(expected + 7, expected, length);
    expect_file("batch", expected, length + 7);
    ck_assert_int_eq(batch_write_at(writer, fd, 0, messages, COUNT, &done), 0);
    memmove(expected, expected + 7, length);
    expect_file("batch", expected, length + 7);
    batch_writer_destroy(writer);
    batch_writer_destroy(NULL);
    close(fd);
    free(expected);
}
END_TEST

START_TEST(a_writer_leaves_no_memory)
{
    batch_writer_destroy(new_writer(-1, &framings[0]));
    const struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 10; i++)
        batch_writer_destroy(new_writer(-1, &framings[0]));
    const struct mallinfo2 after = mallinfo2();
    ck_assert_uint_eq(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd);
}
END_TEST

/* Writes messages of those lengths nowhere; returns the bytes of the first write. */
static size_t first_write(const struct framing *framing, size_t limit, const struct shmq_message *messages,
                          size_t count)
{
    struct batch_writer *writer = new_writer(-1, framing);
    size_t done = 0;
    writes = 0;
    batch_writer_limit(writer, limit);
    ck_assert_int_eq(batch_write(writer, messages, count, &done), 0);
    ck_assert_uint_eq(done, count);
    batch_writer_destroy(writer);
    return write_bytes[0];
}

START_TEST(a_write_holds_as_much_as_it_may)
{
    enum { ROOM = 256 * 1024 - FRAMING_OVERHEAD_MAX, LARGE = 16 * 1024 };
    const struct framing raw = framings[3];
    static struct shmq_message messages[1200];
    for (size_t i = 0; i < 1200; i++)
        messages[i] = message_of(1);
    ck_assert_uint_eq(first_write(&raw, 0, messages, 1200), 1200);
    ck_assert_uint_eq(writes, 1);
    ck_assert_int_eq(last_count, 1);
    /* What is copied fills the buffer, with room for the longest frame. */
    for (size_t i = 0; i < 16; i++)
        messages[i] = message_of(16000);
    messages[16] = message_of(ROOM - 16 * 16000);
    ck_assert_uint_eq(first_write(&raw, 0, messages, 18), ROOM);
    messages[17] = message_of(LARGE);
    ck_assert_uint_eq(first_write(&raw, 0, messages, 18), ROOM + LARGE);
    messages[16] = message_of(ROOM - 16 * 16000 + 1);
    ck_assert_uint_eq(first_write(&raw, 0, messages, 18), 16 * 16000);
    /* The rest is written from where it is, as far as there are vectors. */
    for (size_t i = 0; i < 1200; i++)
        messages[i] = message_of(LARGE);
    ck_assert_uint_eq(first_write(&raw, 0, messages, 1200), (size_t)(BATCH_VECTORS - 2) * LARGE);
    ck_assert_ptr_eq(last_base, payload);
    messages[0] = message_of(LARGE - 1);
    ck_assert_uint_eq(first_write(&raw, 0, messages, 1), LARGE - 1);
    ck_assert_ptr_ne(last_base, payload);
}
END_TEST

START_TEST(a_limit_is_kept_but_for_a_message_that_is_longer)
{
    const struct framing lines = framings[0];
    struct shmq_message messages[25];
    for (size_t i = 0; i < 25; i++)
        messages[i] = message_of(99);
    ck_assert_uint_eq(first_write(&lines, 1000, messages, 25), 1000);
    ck_assert_uint_eq(writes, 3);
    ck_assert_uint_eq(write_bytes[1], 1000);
    ck_assert_uint_eq(write_bytes[2], 500);
    ck_assert_uint_eq(first_write(&lines, 999, messages, 25), 900);
    ck_assert_uint_eq(first_write(&lines, 1, messages, 25), 100);
    ck_assert_uint_eq(writes, 25);
    messages[1] = message_of(5000);
    ck_assert_uint_eq(first_write(&lines, 1000, messages, 25), 100);
    ck_assert_uint_eq(write_bytes[1], 5001);
    ck_assert_uint_eq(write_bytes[2], 1000);
}
END_TEST

START_TEST(a_system_that_takes_little_or_later_gets_it_all)
{
    struct shmq_message messages[] = {message_of(20000), message_of(5), message_of(20000)};
    unsigned char expected[50000];
    int fd = open_empty("batch", O_WRONLY);
    struct batch_writer *writer = new_writer(fd, &framings[0]);
    size_t done = 0;
    fill_payload();
    plan.most[0] = 1;
    plan.error[1] = EINTR;
    plan.error[2] = EAGAIN;
    plan.poll_error[0] = EINTR;
    plan.error[3] = EAGAIN;
    plan.most[4] = 19999; /* up to the end of a vector */
    plan.error[5] = -1;
    plan.most[6] = 6;
    plan.most[7] = 1;
    ck_assert_int_eq(batch_write(writer, messages, 3, &done), 0);
    ck_assert_uint_eq(done, 3);
    ck_assert_uint_eq(polls, 2);
    expect_file("batch", expected, frame_all(&framings[0], messages, 3, expected));
    plan.error[writes] = EAGAIN;
    plan.poll_error[polls] = ENOMEM;
    ck_assert_int_eq(batch_write(writer, messages, 3, &done), -ENOMEM);
    ck_assert_uint_eq(done, 0);
    ck_assert_uint_eq(batch_written(writer), 0);
    batch_writer_destroy(writer);
    close(fd);
}
END_TEST

/* After each number of bytes that the system may have taken before. */
START_TEST(what_was_written_whole_is_known_when_it_fails)
{
    struct shmq_message messages[] = {message_of(3), message_of(0), message_of(5), message_of(1)};
    static const size_t ends[] = {0, 4, 5, 11, 13};
    struct batch_writer *writer = new_writer(-1, &framings[0]);
    for (size_t bytes = 0; bytes < 13; bytes++) {
        size_t done = 99;
        size_t whole = 0;
        forget();
        plan.most[0] = bytes;
        plan.error[bytes == 0 ? 0 : 1] = ENOSPC;
        while (ends[whole + 1] <= bytes)
            whole++;
        ck_assert_int_eq(batch_write(writer, messages, 4, &done), -ENOSPC);
        ck_assert_uint_eq(done, whole);
        ck_assert_uint_eq(batch_written(writer), bytes);
    }
    batch_writer_destroy(writer);
}
END_TEST

START_TEST(an_end_that_is_asked_for_comes_between_messages)
{
    struct shmq_message messages[] = {message_of(3), message_of(20000), message_of(5), message_of(1)};
    static const size_t ends[] = {0, 4, 20005, 20011, 20013};
    static const size_t some[] = {1, 3, 4, 5, 19999, 20004, 20005, 20006, 20010, 20011, 20012};
    struct batch_writer *writer = new_writer(-1, &framings[0]);
    for (size_t i = 0; i < COUNT(some); i++) {
        size_t done = 99;
        size_t whole = 0;
        forget();
        plan.most[0] = some[i];
        plan.stop_after = 1;
        plan.most[1] = 1;
        while (ends[whole] < some[i])
            whole++;
        int result = batch_write(writer, messages, 4, &done);
        ck_assert_int_eq(result, -EINTR);
        ck_assert_uint_eq(done, whole);
        ck_assert_uint_eq(batch_written(writer), ends[whole]);
    }
    /* One that comes when all is written comes too late to matter. */
    size_t done = 99;
    forget();
    plan.stop_after = 1;
    ck_assert_int_eq(batch_write(writer, messages, 4, &done), 0);
    ck_assert_uint_eq(done, 4);
    batch_writer_destroy(writer);
}
END_TEST

START_TEST(a_length_of_32_bits_is_the_longest_that_fits)
{
    struct shmq_message messages[] = {message_of(3), message_of(UINT32_MAX), message_of((size_t)UINT32_MAX + 1),
                                      message_of(1)};
    struct batch_writer *writer = new_writer(-1, &framings[2]);
    size_t done = 99;
    ck_assert_int_eq(batch_write(writer, messages, 4, &done), -EMSGSIZE);
    ck_assert_uint_eq(done, 2);
    ck_assert_uint_eq(batch_written(writer), 7 + (uint64_t)UINT32_MAX + 4);
    forget();
    plan.error[0] = ENOSPC;
    ck_assert_int_eq(batch_write(writer, messages, 4, &done), -ENOSPC);
    ck_assert_uint_eq(done, 0);
    batch_writer_destroy(writer);
    /* Others take any. */
    forget();
    writer = new_writer(-1, &framings[3]);
    ck_assert_int_eq(batch_write(writer, messages, 4, &done), 0);
    ck_assert_uint_eq(done, 4);
    batch_writer_destroy(writer);
}
END_TEST

/* ------------------------------------------------------------------ the end of a file */

START_TEST(a_file_that_is_written_is_opened_to_be_read)
{
    char byte = 0;
    int fd = open_empty("end", O_WRONLY);
    ck_assert_int_eq(write(fd, "a", 1), 1);
    int read_fd = file_end_open(fd, NULL);
    ck_assert_int_ge(read_fd, 0);
    ck_assert_int_eq(pread(read_fd, &byte, 1, 0), 1);
    ck_assert_int_eq(byte, 'a');
    close(read_fd);
    plan.hidden = "/proc/";
    ck_assert_int_eq(file_end_open(fd, NULL), -1);
    read_fd = file_end_open(fd, path_of("end"));
    ck_assert_int_ge(read_fd, 0);
    ck_assert_int_eq(close(read_fd), 0);
    /* The name means another file now. */
    write_file("other", "b", 1);
    ck_assert_int_eq(file_end_open(fd, path_of("other")), -1);
    ck_assert_int_eq(fcntl(read_fd, F_GETFD, NULL), -1);
    ck_assert_int_eq(file_end_open(fd, path_of("none")), -1);
    ck_assert_int_eq(file_end_open(fd, "/dev/null"), -1);
    close(fd);
}
END_TEST

START_TEST(a_file_may_have_descriptor_0)
{
    int fd = open_empty("end", O_WRONLY);
    write_file("other", "b", 1);
    close(STDIN_FILENO);
    ck_assert_int_eq(file_end_open(fd, path_of("none")), 0);
    close(STDIN_FILENO);
    plan.hidden = "/proc/";
    ck_assert_int_eq(file_end_open(fd, path_of("other")), -1);
    close(fd);
}
END_TEST

START_TEST(writes_go_to_the_end_of_those_that_stand_there_or_append)
{
    int fd = open_empty("end", O_RDWR);
    ck_assert(file_end_is_next(fd, 0));
    ck_assert_int_eq(write(fd, "abc", 3), 3);
    ck_assert(file_end_is_next(fd, 3));
    ck_assert(!file_end_is_next(fd, 4));
    ck_assert_int_eq(lseek(fd, 2, SEEK_SET), 2);
    ck_assert(!file_end_is_next(fd, 3));
    close(fd);
    fd = open(path_of("end"), O_WRONLY | O_APPEND);
    ck_assert(file_end_is_next(fd, 3));
    close(fd);
}
END_TEST

/* Each number of bytes of them that may stand there, and each that is another one. */
START_TEST(the_beginning_of_messages_is_recognised)
{
    struct shmq_message messages[] = {message_of(3), message_of(0), message_of(5)};
    unsigned char bytes[64];
    fill_payload();
    for (size_t i = 0; i < 3; i++) {
        messages[i].frame = (uint8_t)(i % 3);
        messages[i].delimiter = '!';
    }
    const struct framing *framing = &framings[_i];
    size_t length = frame_all(framing, messages, 3, bytes + 2);
    memcpy(bytes, "xx", 2);
    bytes[2 + length] = '?';
    for (size_t left = 0; left <= length; left++) {
        write_file("end", bytes, left + 2);
        int fd = open(path_of("end"), O_RDONLY);
        ck_assert(file_end_matches(fd, 2, left, framing, messages, 3));
        ck_assert(!file_end_matches(fd, 2, left + 1, framing, messages, 3)); /* cut short meanwhile */
        close(fd);
        if (left == 0)
            continue;
        fd = open(path_of("end"), O_RDWR);
        ck_assert_int_eq(pwrite(fd, "#", 1, (off_t)left + 1), 1);
        ck_assert(!file_end_matches(fd, 2, left, framing, messages, 3));
        close(fd);
    }
    write_file("end", bytes, length + 3);
    int fd = open(path_of("end"), O_RDONLY);
    ck_assert(!file_end_matches(fd, 2, length + 1, framing, messages, 3));
    ck_assert(file_end_matches(fd, 2, length, framing, messages, 3));
    ck_assert(file_end_matches(fd, 2, 0, framing, messages, 0));
    ck_assert(!file_end_matches(fd, 2, 1, framing, messages, 0));
    close(fd);
}
END_TEST

START_TEST(long_messages_are_compared_to_the_end)
{
    struct shmq_message messages[] = {message_of(65535), message_of(200000), message_of(65536)};
    unsigned char *bytes = malloc(400000);
    fill_payload();
    size_t length = frame_all(&framings[0], messages, 3, bytes);
    write_file("end", bytes, length);
    int fd = open(path_of("end"), O_RDWR);
    ck_assert(file_end_matches(fd, 0, length, &framings[0], messages, 3));
    for (size_t at = 0; at<length; at += at % 65536> 4 && at % 65536 < 65500 ? 30000 : 1) {
        unsigned char byte = (unsigned char)~bytes[at];
        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
        ck_assert(!file_end_matches(fd, 0, length, &framings[0], messages, 3));
        ck_assert(file_end_matches(fd, 0, at, &framings[0], messages, 3));
        ck_assert_int_eq(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
    }
    close(fd);
    free(bytes);
}
END_TEST

START_TEST(a_file_is_cut_unless_it_has_grown)
{
    write_file("end", "abcdef", 6);
    int fd = open(path_of("end"), O_WRONLY);
    ck_assert_int_eq(file_end_cut(fd, 5, 2), -EAGAIN);
    ck_assert_int_eq(file_end_cut(fd, 7, 2), -EAGAIN);
    expect_file("end", "abcdef", 6);
    errno = EIO; /* of an earlier call */
    ck_assert_int_eq(file_end_cut(fd, 6, 2), 0);
    expect_file("end", "ab", 2);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 2);
    ck_assert_int_eq(file_end_cut(fd, 2, 0), 0);
    expect_file("end", "", 0);
    close(fd);
    ck_assert_int_eq(file_end_cut(fd, 2, 0), -EBADF);
    fd = open(path_of("end"), O_RDONLY);
    ck_assert_int_eq(file_end_cut(fd, 0, 0), -EINVAL);
    close(fd);
}
END_TEST

/* ------------------------------------------------------------------ record locks */

static int lock_fd;

/* Locks from 10 on, 5 bytes; then all; lets go when it is told. */
static void lock_a_range(void *context)
{
    static const struct record_range range = {10, 5};
    (void)context;
    process_require(record_lock_take(lock_fd, range) == 0);
    process_report(1);
    (void)process_await_order();
    record_lock_drop(lock_fd, range);
    process_report(2);
    (void)process_await_order();
}

START_TEST(a_lock_is_seen_by_others_until_it_is_dropped)
{
    struct process other;
    lock_fd = open_empty("lock", O_RDWR);
    process_start(&other, lock_a_range, NULL);
    ck_assert_uint_eq(process_hear(&other), 1);
    ck_assert(record_lock_is_held(lock_fd, record_lock_all));
    ck_assert(!record_lock_is_held(lock_fd, (struct record_range){0, 10}));
    ck_assert(record_lock_is_held(lock_fd, (struct record_range){0, 11}));
    ck_assert(record_lock_is_held(lock_fd, (struct record_range){14, 1}));
    ck_assert(!record_lock_is_held(lock_fd, (struct record_range){15, 0}));
    record_lock_try(lock_fd, record_lock_all); /* does not wait */
    process_order(&other, 1);
    ck_assert_uint_eq(process_hear(&other), 2);
    ck_assert(!record_lock_is_held(lock_fd, record_lock_all));
    process_order(&other, 1);
    process_expect_success(&other);
    close(lock_fd);
    ck_assert(!record_lock_is_held(lock_fd, record_lock_all));
}
END_TEST

static void look_at_lock(void *context)
{
    process_require(record_lock_is_held(lock_fd, record_lock_all) == *(const bool *)context);
}

static void expect_lock(bool held)
{
    struct process other;
    process_start(&other, look_at_lock, &held);
    process_expect_success(&other);
}

START_TEST(a_lock_is_taken_by_trying_where_it_is_free)
{
    lock_fd = open_empty("lock", O_RDWR);
    expect_lock(false);
    record_lock_try(lock_fd, (struct record_range){3, 1});
    expect_lock(true);
    record_lock_drop(lock_fd, (struct record_range){3, 1});
    expect_lock(false);
    close(lock_fd);
}
END_TEST

START_TEST(a_lock_is_waited_for_until_an_end_is_asked_for)
{
    lock_fd = open_empty("lock", O_RDWR);
    plan.lock_error[0] = plan.lock_error[1] = EINTR;
    ck_assert_int_eq(record_lock_take(lock_fd, record_lock_all), 0);
    ck_assert_uint_eq(locks, 2);
    expect_lock(true);
    locks = 0;
    plan.stop_in_lock = true;
    ck_assert_int_eq(record_lock_take(lock_fd, record_lock_all), -EINTR);
    ck_assert_uint_eq(locks, 1);
    locks = 0;
    plan.lock_error[0] = ENOLCK;
    ck_assert_int_eq(record_lock_take(lock_fd, record_lock_all), -ENOLCK);
    close(lock_fd);
}
END_TEST

/* ------------------------------------------------------------------ files of lanes */

/* An open file of a stream. */
static struct lane_file open_lane_file(const char *name, uint64_t stream, int expected)
{
    struct lane_file file;
    ck_assert_int_eq(lane_file_open(&file, path_of(name), stream), expected);
    ck_assert(expected == 0 ? file.fd >= 0 && file.path != NULL : file.fd == -1 && file.path == NULL);
    return file;
}

START_TEST(what_can_be_a_mirror_is_told_early)
{
    write_file("file", "", 0);
    ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
    ck_assert_int_eq(chmod(path_of("file"), 0400), 0);
    const struct {
        const char *path;
        int error;
    } paths[] = {
        {path_of(""), -EISDIR},       {"/dev/null", -ESPIPE},    {path_of("fifo"), -ESPIPE},
        {path_of("none/a"), -ENOENT}, {path_of("new"), 0},       {"/proc/self/new", -EACCES},
        {"file/in/none", -ENOENT},    {"/dev/null/a", -ENOTDIR},
    };
    for (size_t i = 0; i < 3; i++) { /* those of path_of are of the last calls */
        struct lane_file file;
        ck_assert_int_eq(lane_file_check(paths[i].path), paths[i].error);
        ck_assert_int_eq(lane_file_open(&file, paths[i].path, 1), paths[i].error);
        ck_assert_int_eq(file.fd, -1);
    }
    ck_assert_int_eq(lane_file_check(path_of("none/a")), -ENOENT);
    ck_assert_int_eq(lane_file_check(path_of("new")), 0);
    ck_assert_int_eq(access(path_of("new"), F_OK), -1);
    ck_assert_int_eq(lane_file_check("/dev/null/a"), -ENOTDIR);
    ck_assert_int_eq(chdir(directory), 0);
    ck_assert_int_eq(lane_file_check("new"), 0);
    ck_assert_int_eq(lane_file_check("file"), geteuid() == 0 ? 0 : -EACCES);
}
END_TEST

START_TEST(what_may_not_be_written_is_told_early)
{
    write_file("file", "", 0);
    write_file("readable", "", 0);
    ck_assert_int_eq(chmod(path_of("readable"), 0644), 0);
    ck_assert_int_eq(chmod(directory, 0755), 0);
    if (geteuid() != 0)
        return;                            /* root is who can become somebody */
    ck_assert_int_eq(chdir(directory), 0); /* the folders above may be closed */
    ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_int_eq(lane_file_check("file"), -EACCES);
    ck_assert_int_eq(lane_file_check("readable"), -EACCES);
    ck_assert_int_eq(lane_file_check("new"), -EACCES);
    ck_assert_int_eq(lane_file_check("./new"), -EACCES);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(lane_file_check("file"), 0);
}
END_TEST

START_TEST(an_opening_goes_on_until_an_end_is_asked_for)
{
    struct lane_file file;
    plan.open_error = EINTR;
    ck_assert_int_eq(lane_file_open(&file, path_of("file"), 1), 0);
    ck_assert_uint_eq(opens, 2);
    ck_assert_int_eq(lane_file_close(&file), 0);
    opens = 0;
    stop_requested = SIGTERM;
    ck_assert_int_eq(lane_file_open(&file, path_of("file"), 1), -EINTR);
    ck_assert_uint_eq(opens, 1);
    opens = 0;
    stop_requested = 0;
    plan.open_error = EMFILE;
    ck_assert_int_eq(lane_file_open(&file, path_of("file"), 1), -EMFILE);
    ck_assert_uint_eq(opens, 1);
}
END_TEST

START_TEST(a_mirror_may_have_descriptor_0)
{
    close(STDIN_FILENO);
    errno = EINTR; /* of an earlier call */
    struct lane_file file = open_lane_file("file", 1, 0);
    ck_assert_int_eq(file.fd, 0);
    ck_assert_int_eq(lane_file_close(&file), 0);
    ck_assert_int_eq(fcntl(0, F_GETFD, NULL), -1);
}
END_TEST

START_TEST(a_file_that_somebody_has_locked_is_busy)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_empty("file", O_RDWR);
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &all), 0);
    (void)open_lane_file("file", 1, -EBUSY);
    close(fd);
}
END_TEST

/* The first, the last, those in the middle and those next to each other. */
START_TEST(a_file_is_for_one_stream)
{
    const uint64_t last = (UINT64_C(1) << 62) - 3;
    const uint64_t streams[] = {0, 1, 2, 1000, last - 1, last};
    for (size_t i = 0; i < 6; i++) {
        struct lane_file first = open_lane_file("file", streams[i], 0);
        struct lane_file again = open_lane_file("file", streams[i], 0);
        ck_assert_int_eq(lane_file_close(&again), 0);
        stop_requested = SIGTERM; /* else it waits for a second */
        for (size_t j = 0; j < 6; j++) {
            if (i != j)
                (void)open_lane_file("file", streams[j], -EINTR);
        }
        stop_requested = 0;
        ck_assert_int_eq(lane_file_close(&first), 0);
        ck_assert_int_eq(first.fd, -1);
        ck_assert_ptr_null(first.path);
    }
}
END_TEST

START_TEST(another_stream_is_given_time_to_go)
{
    struct lane_file first = open_lane_file("file", 1, 0);
    int64_t began = process_now_ns();
    (void)open_lane_file("file", 2, -EBUSY);
    ck_assert_int_ge(process_now_ns() - began, 1000000000);
    struct lane_file again = open_lane_file("file", 1, 0); /* what was refused left nothing */
    ck_assert_int_eq(lane_file_close(&again), 0);
    ck_assert_int_eq(lane_file_close(&first), 0);
}
END_TEST

/* The first stream's byte is next to that of the turn. */
START_TEST(a_turn_locks_nothing_but_itself)
{
    struct lane_file one = open_lane_file("file", 0, 0);
    struct lane_file other = open_lane_file("file", 0, 0);
    ck_assert_int_eq(lane_file_begin_turn(&one, TURN_CUT), 0);
    lane_file_end_turn(&one);
    ck_assert_int_eq(lane_file_begin_turn(&one, TURN_WRITE), 0);
    lane_file_end_turn(&one);
    stop_requested = SIGTERM;                /* else it waits for a second */
    (void)open_lane_file("file", 1, -EINTR); /* the claims are still there */
    stop_requested = 0;
    ck_assert_int_eq(lane_file_close(&one), 0);
    ck_assert_int_eq(lane_file_close(&other), 0);
}
END_TEST

START_TEST(writers_share_a_turn_and_who_cuts_has_it_alone)
{
    struct lane_file one = open_lane_file("file", 1, 0);
    struct lane_file other = open_lane_file("file", 1, 0);
    ck_assert_int_eq(lane_file_begin_turn(&one, TURN_WRITE), 0);
    ck_assert_int_eq(lane_file_begin_turn(&other, TURN_CUT), -EAGAIN);
    ck_assert_int_eq(lane_file_begin_turn(&other, TURN_WRITE), 0);
    lane_file_end_turn(&one);
    ck_assert_int_eq(lane_file_begin_turn(&one, TURN_CUT), -EAGAIN);
    lane_file_end_turn(&other);
    ck_assert_int_eq(lane_file_begin_turn(&one, TURN_CUT), 0);
    plan.lock_error[0] = plan.lock_error[1] = EINTR;
    plan.stop_in_lock = true;
    ck_assert_int_eq(lane_file_begin_turn(&other, TURN_WRITE), -EINTR);
    ck_assert_uint_eq(locks, 1);
    lane_file_end_turn(&one);
    stop_requested = 0;
    plan.stop_in_lock = false;
    ck_assert_int_eq(lane_file_begin_turn(&other, TURN_WRITE), 0);
    ck_assert_uint_eq(locks, 2);
    ck_assert_int_eq(lane_file_begin_turn(&one, TURN_CUT), -EAGAIN);
    ck_assert_int_eq(lane_file_close(&one), 0);
    ck_assert_int_eq(lane_file_close(&other), 0);
}
END_TEST

START_TEST(what_was_written_is_looked_for)
{
    struct lane_file file = open_lane_file("file", 1, 0);
    ck_assert_int_eq(lane_file_verify(&file, 0), 0);
    ck_assert_int_eq(lane_file_verify(&file, 1), -ESTALE);
    ck_assert_int_eq(write(file.fd, "abc", 3), 3);
    ck_assert_int_eq(lane_file_verify(&file, 3), 0);
    ck_assert_int_eq(lane_file_verify(&file, 2), 0);
    ck_assert_int_eq(ftruncate(file.fd, 2), 0);
    ck_assert_int_eq(lane_file_verify(&file, 0), -ESTALE);
    ck_assert_int_eq(ftruncate(file.fd, 3), 0);
    ck_assert_int_eq(lane_file_verify(&file, 0), 0);
    ck_assert_int_eq(rename(path_of("file"), path_of("elsewhere")), 0);
    ck_assert_int_eq(lane_file_verify(&file, 0), -ESTALE);
    write_file("file", "abc", 3);
    ck_assert_int_eq(lane_file_verify(&file, 0), -ESTALE);
    ck_assert_int_eq(close(file.fd), 0);
    ck_assert_int_eq(lane_file_close(&file), -EBADF);
    ck_assert_int_eq(lane_file_close(&file), 0);
    ck_assert_int_eq(mkdir(path_of("folder"), 0700), 0);
    file = open_lane_file("folder/file", 1, 0);
    ck_assert_int_eq(rename(path_of("folder"), path_of("gone")), 0);
    write_file("folder", "", 0);
    ck_assert_int_eq(lane_file_verify(&file, 0), -ESTALE); /* a file where there was a folder */
    ck_assert_int_eq(unlink(path_of("folder")), 0);
    ck_assert_int_eq(symlink("folder", path_of("folder")), 0);
    ck_assert_int_eq(lane_file_verify(&file, 0), -ELOOP);
    ck_assert_int_eq(lane_file_close(&file), 0);
}
END_TEST

/* ------------------------------------------------------------------ names by pattern */

START_TEST(a_pattern_is_a_name_for_each_lane)
{
    char name[16];
    static const struct {
        const char *pattern;
        const char *name; /* of lane 12; NULL: it is none */
        bool has_lane;
    } patterns[] = {
        {"a", "a", false},     {"%l", "12", true},      {"a%lb%l", "a12b12", true}, {"%%l", "%l", false},
        {"%%%l", "%12", true}, {"50%%", "50%", false},  {"%", NULL, false},         {"a%", NULL, false},
        {"%d", NULL, false},   {"%l%x", NULL, true},    {"%%%", NULL, false},       {"", "", false},
        {"%l%", NULL, true},   {"%%%%l", "%%l", false},
    };
    for (size_t i = 0; i < COUNT(patterns); i++) {
        ck_assert_int_eq(pattern_is_valid(patterns[i].pattern), patterns[i].name != NULL);
        if (patterns[i].name == NULL)
            continue;
        ck_assert_int_eq(pattern_has_lane(patterns[i].pattern), patterns[i].has_lane);
        ck_assert_int_eq(pattern_expand(patterns[i].pattern, 12, name, sizeof(name)), 0);
        ck_assert_str_eq(name, patterns[i].name);
    }
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_refused)
{
    char name[8];
    ck_assert_int_eq(pattern_expand("1234567", 0, name, 8), 0);
    ck_assert_str_eq(name, "1234567");
    ck_assert_int_eq(pattern_expand("12345678", 0, name, 8), -ENAMETOOLONG);
    ck_assert_int_eq(pattern_expand("12345%l", 12, name, 8), 0);
    ck_assert_str_eq(name, "1234512");
    ck_assert_int_eq(pattern_expand("123456%l", 12, name, 8), -ENAMETOOLONG);
    ck_assert_int_eq(pattern_expand("123456%%", 12, name, 8), 0);
    ck_assert_int_eq(pattern_expand("1234567%%", 12, name, 8), -ENAMETOOLONG);
    ck_assert_int_eq(pattern_expand("%l", 1234567, name, 8), 0);
    ck_assert_int_eq(pattern_expand("%l", 12345678, name, 8), -ENAMETOOLONG);
    ck_assert_int_eq(pattern_expand("%l%l%l", 1234, name, 8), -ENAMETOOLONG);
}
END_TEST

static const struct test tests[] = {
    TEST(frames_are_what_they_are_said_to_be),
    TEST(a_framing_has_a_number_that_stays),
    TEST(a_framing_that_is_not_known_is_told),
    TEST_EACH(a_batch_is_its_messages_framed, FRAMINGS),
    TEST(a_writer_leaves_no_memory),
    TEST(a_write_holds_as_much_as_it_may),
    TEST(a_limit_is_kept_but_for_a_message_that_is_longer),
    TEST(a_system_that_takes_little_or_later_gets_it_all),
    TEST(what_was_written_whole_is_known_when_it_fails),
    TEST(an_end_that_is_asked_for_comes_between_messages),
    TEST(a_length_of_32_bits_is_the_longest_that_fits),
    TEST(a_file_that_is_written_is_opened_to_be_read),
    TEST(a_file_may_have_descriptor_0),
    TEST(writes_go_to_the_end_of_those_that_stand_there_or_append),
    TEST_EACH(the_beginning_of_messages_is_recognised, FRAMINGS),
    TEST(long_messages_are_compared_to_the_end),
    TEST(a_file_is_cut_unless_it_has_grown),
    TEST(a_lock_is_seen_by_others_until_it_is_dropped),
    TEST(a_lock_is_taken_by_trying_where_it_is_free),
    TEST(a_lock_is_waited_for_until_an_end_is_asked_for),
    TEST(what_can_be_a_mirror_is_told_early),
    TEST(what_may_not_be_written_is_told_early),
    TEST(an_opening_goes_on_until_an_end_is_asked_for),
    TEST(a_mirror_may_have_descriptor_0),
    TEST(a_file_that_somebody_has_locked_is_busy),
    TEST(a_file_is_for_one_stream),
    TEST(another_stream_is_given_time_to_go),
    TEST(a_turn_locks_nothing_but_itself),
    TEST(writers_share_a_turn_and_who_cuts_has_it_alone),
    TEST(what_was_written_is_looked_for),
    TEST(a_pattern_is_a_name_for_each_lane),
    TEST(a_name_that_does_not_fit_is_refused),
};

TEST_SUITE("consumer_files", tests, .seconds = 10, .set_up = begin, .tear_down = end);
