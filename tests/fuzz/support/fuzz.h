/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What all fuzzers have in common. Each is one LLVMFuzzerTestOneInput, linked either with libFuzzer or with
 * replay.c; it returns 0, and ends the process where something is wrong.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input as a list of decisions. After its end they are all 0. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *input);
uint16_t fuzz_pair(struct fuzz_input *input);

/* Says what is wrong, on the stderr that the process was started with, and aborts. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define fuzz_require(condition, ...)                                                                              \
    do {                                                                                                          \
        if (!(condition))                                                                                         \
            fuzz_fail(__VA_ARGS__);                                                                               \
    } while (0)

/* Says on stderr what goes on, if the environment has FUZZ_TRACE. */
void fuzz_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A name for a queue of this process; of the test run, if there is one. */
const char *fuzz_queue_name(void);
/* Files in /dev/shm of queues of that name. */
unsigned fuzz_queue_files(const char *name);
/* Has such files removed when the process exits. */
void fuzz_clean_up_at_exit(void);

/* ------------------------------------------------------------------ what the hooks do (hooks.h) */

/* Called at each look at shared memory; NULL: nothing. */
extern void (*fuzz_on_look)(void);
/* Looks that may still be taken before a call counts as one that does not end. */
extern uint64_t fuzz_looks_left;
/* Where hook_exit goes, with the status plus 1, while it is set; else the process exits. */
extern jmp_buf *fuzz_on_exit;
/* Asked how much of a read of @bytes from @fd is to be done now; a negative errno fails it. NULL: all. */
extern ssize_t (*fuzz_on_read)(int fd, size_t bytes);
/* The clock that the product sees: it moves when somebody sleeps, and a little at each look. */
extern int64_t fuzz_now_ns;

/* ------------------------------------------------------------------ what a program prints */

struct fuzz_output {
    char text[2][4096]; /* stdout, stderr: NUL-terminated, cut off */
};

/* From now on, descriptors 1 and 2 write to memory; until they are given back. */
void fuzz_capture_begin(void);
void fuzz_capture_end(struct fuzz_output *output);

#endif
