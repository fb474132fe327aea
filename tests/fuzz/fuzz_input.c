/* SPDX-License-Identifier: MIT */
/*
 * The producer, with bytes that are no input: length-prefixed above all, and the other framings. What comes out of
 * the queue, how the producer ends and what it says are what a few plain lines here make of the same bytes,
 * however the bytes come in, from wherever, in however many parts.
 *
 * An input is eight bytes of options, then what is to be produced.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cli/stop.h"
#include "common/shmq.h"
#include "tests/fuzz/support/fuzz.h"

int hook_main(int argc, char **argv);

enum { DATA_BYTES = 4088, QUEUES = 4, MESSAGES = DATA_BYTES + 2, ARGUMENTS = 24 };
enum framing { LENGTH32, DELIMITED, BLOCKS, WHOLE };
enum source { A_FILE, A_PIPE, STANDARD_INPUT, PARTS, RESUMED, SOURCES };
enum outcome { ALL, TOO_LONG, CUT_SHORT, BLOCK_TOO_LONG, UNREADABLE };

static const size_t longest[QUEUES] = {1, 16, 300, 65536};

struct message {
    const uint8_t *data;
    size_t length;
    size_t framed;
    uint8_t frame;
};

struct messages {
    struct message list[MESSAGES];
    size_t count;
    enum outcome outcome;
};

/* What is to be done with the bytes. */
struct job {
    const uint8_t *data;
    size_t size;
    enum framing framing;
    enum source source;
    uint8_t delimiter;
    size_t block;
    unsigned parts;
    unsigned count;    /* 0: all */
    unsigned queue;    /* that takes messages as long as longest[] says */
    uint8_t chunks;    /* how reads are cut up */
    unsigned bad_read; /* the read that fails; 0: none */
};

static struct messages expected;
static struct messages received;
static uint8_t received_bytes[QUEUES * 65536];
static size_t received_size;

/* ------------------------------------------------------------------ what is expected */

static void expect_message(const uint8_t *data, size_t length, size_t framed, uint8_t frame)
{
    expected.list[expected.count++] = (struct message){data, length, framed, frame};
}

static void cut_length32(const struct job *job, size_t at)
{
    while (at < job->size) {
        const uint8_t *data = job->data + at;
        const size_t left = job->size - at;
        const size_t length =
            left < 4 ? 0 : (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
        expected.outcome = length > longest[job->queue]    ? TOO_LONG
                           : left < 4 || left - 4 < length ? CUT_SHORT
                                                           : ALL;
        if (expected.outcome != ALL)
            return;
        expect_message(data + 4, length, length + 4, SHMQ_FRAME_LENGTH32);
        at += length + 4;
    }
}

static void cut_delimited(const struct job *job, size_t at)
{
    while (at < job->size) {
        const uint8_t *data = job->data + at;
        const uint8_t *end = memchr(data, job->delimiter, job->size - at);
        const size_t length = end != NULL ? (size_t)(end - data) : job->size - at;
        expected.outcome = length > longest[job->queue] ? TOO_LONG : ALL;
        if (expected.outcome != ALL)
            return;
        expect_message(data, length, length + (end != NULL), end != NULL ? SHMQ_FRAME_DELIMITER : SHMQ_FRAME_NONE);
        at += length + (end != NULL);
    }
}

static void cut_blocks(const struct job *job, size_t at)
{
    if (job->block > longest[job->queue])
        expected.outcome = BLOCK_TOO_LONG;
    while (expected.outcome == ALL && at < job->size) {
        const size_t length = job->size - at < job->block ? job->size - at : job->block;
        expect_message(job->data + at, length, length, SHMQ_FRAME_NONE);
        at += length;
    }
}

static void cut(const struct job *job)
{
    expected.count = 0;
    expected.outcome = ALL;
    if (job->framing == LENGTH32)
        cut_length32(job, 0);
    else if (job->framing == DELIMITED)
        cut_delimited(job, 0);
    else if (job->framing == BLOCKS)
        cut_blocks(job, 0);
    else if (job->size <= longest[job->queue])
        expect_message(job->data, job->size, job->size, SHMQ_FRAME_NONE);
    else
        expected.outcome = TOO_LONG;
}

/* Whoever stops after so many never sees what is wrong behind them. */
static void stop_after(unsigned count)
{
    if (count == 0 || expected.count < count)
        return;
    expected.count = count;
    if (expected.outcome != BLOCK_TOO_LONG)
        expected.outcome = ALL;
}

/* ------------------------------------------------------------------ what comes in */

static int source_fd = -1;
static uint8_t chunk_state;
static unsigned reads;
static unsigned bad_read;

/* Any piece of what there is, now and then an interruption, at last a failure. */
static ssize_t cut_read(int fd, size_t bytes)
{
    (void)fd;
    if (++reads == bad_read)
        return -EIO;
    if (chunk_state == 0)
        return (ssize_t)bytes;
    chunk_state = (uint8_t)(chunk_state * 5 + 3);
    if (chunk_state % 16 == 0)
        return -EINTR;
    const size_t piece = (size_t)(chunk_state % 4 == 0 ? chunk_state * 8u : chunk_state % 7 + 1u);
    return (ssize_t)(piece < bytes ? piece : bytes);
}

static void open_file(const struct job *job)
{
    source_fd = memfd_create("input", MFD_CLOEXEC);
    if (source_fd < 0 || write(source_fd, job->data, job->size) != (ssize_t)job->size)
        fuzz_fail("no file");
}

static void open_pipe(const struct job *job)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || write(ends[1], job->data, job->size) != (ssize_t)job->size)
        fuzz_fail("no pipe");
    (void)close(ends[1]);
    source_fd = ends[0];
}

/* ------------------------------------------------------------------ the queue */

static struct shmq *consumers[QUEUES];
static char names[QUEUES][160];

static void open_queue(unsigned queue)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,
                                         .capacity_bytes = 262144,
                                         .max_message_bytes = longest[queue],
                                         .lanes = 4,
                                         .seats = 2,
                                         .follow = true,
                                         .create = true};
    if (consumers[queue] != NULL)
        return;
    (void)snprintf(names[queue], sizeof(names[queue]), "%s.%u", fuzz_queue_name(), queue);
    const int error = shmq_open(&consumers[queue], names[queue], SHMQ_CONSUMER, &options);
    fuzz_require(error == 0, "open: %d", error);
}

static void close_queue(unsigned queue)
{
    fuzz_require(shmq_close(consumers[queue]) == 0 && shmq_remove(names[queue], true) == 0, "close");
    consumers[queue] = NULL;
}

/* Takes out what is there, behind what has been received before. */
static void receive(unsigned queue)
{
    struct shmq_message message;
    int code;
    while ((code = shmq_lease(consumers[queue], &message, 0)) == 0) {
        uint8_t *to = received_bytes + received_size;
        fuzz_require(received.count < MESSAGES && message.length <= sizeof(received_bytes) - received_size,
                     "more came out than was put in");
        if (message.length > 0)
            memcpy(to, message.data, message.length);
        received.list[received.count++] = (struct message){to, message.length, 0, message.frame};
        received_size += message.length;
        fuzz_require(shmq_acknowledge(consumers[queue], 1) == 0, "acknowledge");
    }
    fuzz_require(code == -EAGAIN, "lease: %d", code);
}

/* ------------------------------------------------------------------ the producer */

static char *copy_of(const char *text)
{
    static char copies[ARGUMENTS][192];
    static unsigned turn;
    char *copy = copies[turn++ % ARGUMENTS];
    (void)snprintf(copy, sizeof(copies[0]), "%s", text);
    return copy;
}

static char *number(const char *format, unsigned first, unsigned second)
{
    char text[64];
    (void)snprintf(text, sizeof(text), format, first, second);
    return copy_of(text);
}

/* Return: how many words of the command line. */
static int write_framing(const struct job *job, char **argv)
{
    if (job->framing == LENGTH32)
        argv[0] = copy_of("--length-prefixed");
    else if (job->framing == WHOLE)
        argv[0] = copy_of("--whole");
    else if (job->framing == BLOCKS)
        argv[0] = number("--block=%u", (unsigned)job->block, 0);
    else
        argv[0] = number("--delimiter=\\x%02x", job->delimiter, 0);
    return 1;
}

/* Return: its exit status. */
static int produce(const struct job *job, unsigned count, unsigned part, struct fuzz_output *output)
{
    char *argv[ARGUMENTS] = {copy_of("producer"), copy_of("-q"), copy_of("-Q"), names[job->queue]};
    int argc = 4;
    argc += write_framing(job, argv + argc);
    argv[argc++] = copy_of("--input");
    argv[argc++] =
        job->source == STANDARD_INPUT ? copy_of("-") : number("/proc/self/fd/%u", (unsigned)source_fd, 0);
    if (count > 0)
        argv[argc++] = number("--count=%u", count, 0);
    if (job->source == PARTS)
        argv[argc++] = number("--split=%u/%u", part, job->parts);
    if (job->source == RESUMED)
        argv[argc++] = copy_of("--resume");
    argv[argc] = NULL;
    optind = 0;
    reads = 0;
    bad_read = job->bad_read;
    chunk_state = job->chunks;
    fuzz_on_read = cut_read;
    fuzz_capture_begin();
    const int status = hook_main(argc, argv);
    fuzz_capture_end(output);
    fuzz_on_read = NULL;
    if (stop_requested != 0)
        _exit(128 + stop_requested); /* somebody ends this process: that is no fault */
    return status;
}

/* ------------------------------------------------------------------ comparing */

static void expect_same(size_t i)
{
    const struct message *want = &expected.list[i];
    const struct message *have = &received.list[i];
    fuzz_require(have->length == want->length && have->frame == want->frame &&
                     (want->length == 0 || memcmp(have->data, want->data, want->length) == 0),
                 "message %zu is not what it should be", i);
}

static void expect_text(const struct fuzz_output *output, const char *text)
{
    fuzz_require(strncmp(output->text[1], "producer: ", 10) == 0 && strstr(output->text[1], text) != NULL,
                 "instead of '%s': %s", text, output->text[1]);
}

static void judge_end(int status, const struct fuzz_output *output)
{
    static const char *const texts[] = {
        [ALL] = "",
        [TOO_LONG] = "is longer than the queue's largest message",
        [CUT_SHORT] = "is cut short",
        [BLOCK_TOO_LONG] = ": larger than the queue's largest message",
        [UNREADABLE] = "cannot be read",
    };
    fuzz_require(status == (expected.outcome == ALL ? 0 : 1), "outcome %d, exit status %d: %s",
                 (int)expected.outcome, status, output->text[1]);
    if (expected.outcome == ALL)
        fuzz_require(output->text[1][0] == '\0', "all is well, and yet: %s", output->text[1]);
    else
        expect_text(output, texts[expected.outcome]);
}

/* After a read that failed, what came before it is in the queue; blocks may be cut short there. */
static void judge_some(const struct job *job, int status, const struct fuzz_output *output)
{
    if (reads < job->bad_read) { /* it did not come to that */
        judge_end(status, output);
        fuzz_require(received.count == expected.count, "%zu messages of %zu", received.count, expected.count);
    } else if (status != 0 && strstr(output->text[1], "cannot be read") != NULL) {
        fuzz_require(received.count <= expected.count, "%zu messages of %zu", received.count, expected.count);
    }
    if (job->framing == BLOCKS) {
        fuzz_require(received_size <= job->size && memcmp(received_bytes, job->data, received_size) == 0,
                     "bytes that are not what they should be");
        return;
    }
    for (size_t i = 0; i < received.count; i++)
        expect_same(i);
}

static void judge_all(int status, const struct fuzz_output *output)
{
    judge_end(status, output);
    fuzz_require(received.count == expected.count, "%zu messages instead of %zu", received.count, expected.count);
    for (size_t i = 0; i < received.count; i++)
        expect_same(i);
}

/* What was not put is for the next program that reads the same. */
static void judge_position(const struct job *job)
{
    off_t used = 0;
    for (size_t i = 0; i < received.count; i++)
        used += (off_t)expected.list[i].framed;
    const off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    fuzz_require(at == used || job->bad_read > 0, "stdin stands at %lld instead of %lld", (long long)at,
                 (long long)used);
}

/* ------------------------------------------------------------------ runs */

static void run_once(const struct job *job)
{
    struct fuzz_output output;
    const int status = produce(job, job->count, 0, &output);
    receive(job->queue);
    stop_after(job->count);
    if (job->bad_read > 0)
        judge_some(job, status, &output);
    else
        judge_all(status, &output);
}

static void run_from_stdin(const struct job *job)
{
    const int before = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    fuzz_require(lseek(source_fd, 0, SEEK_SET) == 0 && dup2(source_fd, STDIN_FILENO) == 0, "no stdin");
    run_once(job);
    judge_position(job);
    if (before >= 0)
        (void)dup2(before, STDIN_FILENO);
    else
        (void)close(STDIN_FILENO);
    (void)close(before);
}

/* The parts, one after the other, are the whole; but where one fails, that one fails alone. */
static void run_in_parts(const struct job *job)
{
    int status = 0;
    struct fuzz_output output;
    for (unsigned part = 1; part <= job->parts; part++) {
        const int now = produce(job, 0, part, &output);
        fuzz_require(now == 0 || now == 1, "part %u: exit status %d", part, now);
        status |= now;
        receive(job->queue);
    }
    fuzz_require(status == (expected.outcome == ALL ? 0 : 1), "parts: outcome %d, exit status %d",
                 (int)expected.outcome, status);
    if (status != 0)
        return;
    fuzz_require(received.count == expected.count, "%zu messages instead of %zu", received.count, expected.count);
    for (size_t i = 0; i < received.count; i++)
        expect_same(i);
}

/* Some first; whoever comes next goes on behind them. */
static void run_resumed(const struct job *job)
{
    struct fuzz_output output;
    const int first = produce(job, job->count, 0, &output);
    receive(job->queue);
    fuzz_require(job->count == 0 || received.count <= job->count, "%zu messages instead of %u", received.count,
                 job->count);
    const int second = produce(job, 0, 0, &output);
    receive(job->queue);
    fuzz_require(first == 0 || first == second, "resumed: exit status %d, then %d", first, second);
    judge_all(second, &output);
}

static struct job read_job(struct fuzz_input *input)
{
    static const size_t blocks[] = {1, 2, 7, 16, 17, 300, 301, 65536};
    struct job job = {0};
    const uint8_t framing = fuzz_byte(input);
    job.framing = (framing & 4) != 0 ? (enum framing)(framing & 3) : LENGTH32;
    job.delimiter = fuzz_byte(input);
    job.block = blocks[job.delimiter % 8];
    job.source = (enum source)(fuzz_byte(input) % SOURCES);
    job.count = fuzz_byte(input) % 16u;
    job.queue = fuzz_byte(input) % QUEUES;
    job.chunks = fuzz_byte(input);
    job.parts = fuzz_byte(input) % 5u + 1;
    job.bad_read = fuzz_byte(input) % 8u;
    job.data = input->at;
    job.size = input->left < DATA_BYTES ? input->left : DATA_BYTES;
    if (job.source == PARTS && (job.framing == LENGTH32 || job.framing == WHOLE))
        job.source = A_FILE;
    if (job.source == PARTS || job.source == RESUMED)
        job.bad_read = 0;
    /* An input of no bytes that is one message: by its bytes nobody can tell whether it was put. */
    if (job.source == RESUMED && job.framing == WHOLE && job.size == 0)
        job.source = A_FILE;
    return job;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    fuzz_clean_up_at_exit();
    const struct job job = read_job(&input);
    received.count = 0;
    received_size = 0;
    open_queue(job.queue);
    cut(&job);
    if (job.source == A_PIPE)
        open_pipe(&job);
    else
        open_file(&job);
    if (job.source == STANDARD_INPUT)
        run_from_stdin(&job);
    else if (job.source == PARTS)
        run_in_parts(&job);
    else if (job.source == RESUMED)
        run_resumed(&job);
    else
        run_once(&job);
    (void)close(source_fd);
    if (job.source == RESUMED)
        close_queue(job.queue); /* lanes that wait for the rest of an input are never given away */
    return 0;
}
