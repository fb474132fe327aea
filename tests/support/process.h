/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * The processes of a test. A child runs one function. Parent and child tell each other numbers through two pipes,
 * so that each waits for what the other says and never for time to pass; what takes longer than
 * process_patience_ms fails the test. A child dies with the test, and never outlives it.
 */

struct process {
    pid_t pid;   /* 0: none, or collected */
    int orders;  /* numbers to the child */
    int reports; /* numbers from the child */
    int status;  /* as waitpid gave it, once collected */
};

/* Times in tests are for unloaded machines and plain builds; CK_TIMEOUT_MULTIPLIER stretches them. */
int64_t process_stretched_ms(int64_t ms);
/* How long anything that has to happen may take. */
int64_t process_patience_ms(void);
int64_t process_patience_ns(void);
/* The monotonic clock. */
int64_t process_now_ns(void);
/* Zeroed memory that children share with the test. */
void *process_share(size_t bytes);

/* Starts a child that runs @run and then exits with 0. */
void process_start(struct process *process, void (*run)(void *context), void *context);
void process_order(struct process *process, uint64_t number);
/* The child's next report. */
uint64_t process_hear(struct process *process);
/* The same within @ms; false if there was none. */
bool process_hears(struct process *process, int64_t ms, uint64_t *number);
/* Whether there is one to hear. */
bool process_has_report(const struct process *process);
/* The next report of any; returns whose. */
size_t process_hear_any(struct process *processes, size_t count, uint64_t *number);

/* SIGKILL, then collects it. */
void process_kill(struct process *process);
/* SIGSTOP, and waits until it has stopped. */
void process_stop(struct process *process);
void process_continue(struct process *process);
/* Whether it sleeps, in whatever call. */
bool process_sleeps(const struct process *process);
/* Waits for its end; returns the status as waitpid gave it. */
int process_collect(struct process *process);
/* Waits for its end, which has to be an exit with 0. */
void process_expect_success(struct process *process);

/* Waits until @holds says true, looking again and again; fails the test, saying @what, if it never does. */
void process_wait_until(bool (*holds)(void *context), void *context, const char *what);

/* A gate at which children wait until all of them are let through at once. */
int process_gate_make(void);
void process_gate_pass(int gate);
void process_gate_open(int gate, size_t children);

/* From now on, in this process and its children, there is no membarrier. Return: false where that cannot be had.
 */
bool process_refuse_membarrier(void);

/* Sets a soft limit of this process, RLIMIT_AS or the like. */
void process_limit(int resource, rlim_t value);
/* How much address space it uses. */
rlim_t process_mapped_bytes(void);

/* ------------------------------------------------------------------ in the child */

void process_report(uint64_t number);
uint64_t process_await_order(void);

/* An error code as a number to report, and back. */
static inline uint64_t process_code(int code)
{
    return (uint64_t)(int64_t)code;
}

/* Ends the child with a message if the condition does not hold; the test then fails when it collects it. */
#define process_require(condition)                                                                                \
    do {                                                                                                          \
        if (!(condition)) {                                                                                       \
            (void)fprintf(stderr, "%s:%d: process %d: not so: %s\n", __FILE__, __LINE__, (int)getpid(),           \
                          #condition);                                                                            \
            _exit(99);                                                                                            \
        }                                                                                                         \
    } while (0)

/* The same for a number, which is shown. */
#define process_require_equal(actual, expected)                                                                   \
    do {                                                                                                          \
        const long long actual_ = (long long)(actual);                                                            \
        const long long expected_ = (long long)(expected);                                                        \
        if (actual_ != expected_) {                                                                               \
            (void)fprintf(stderr, "%s:%d: process %d: %s is %lld, not %lld\n", __FILE__, __LINE__, (int)getpid(), \
                          #actual, actual_, expected_);                                                           \
            _exit(99);                                                                                            \
        }                                                                                                         \
    } while (0)

#endif
