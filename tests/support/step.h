/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_STEP_H
#define SUPPORT_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A child under ptrace that is brought to any single instruction of an operation, and killed or stopped there.
 *
 * The child says where the operation begins and ends. Its path is recorded once, by single steps. Point n of the
 * path is the state after n instructions. A fresh child is brought there at full speed, by a breakpoint at the
 * instruction that is next, so that point n costs no n steps; where it takes another way than the recorded one, it
 * is single-stepped instead.
 */

/* One point of a path: what is executed next. */
struct step_point {
    uintptr_t pc;
    uintptr_t stack; /* bytes used since the operation began: tells a point of this path from one of another */
    uint32_t nth;    /* counts how often that pc has come, from 1 */
    uint32_t times;  /* how often it comes in all */
    uint32_t previous_plus1; /* the point before at which it came, plus 1; 0: none */
    bool own;                /* in this program, which has the library in it; else in the C library or the vDSO */
    bool system_call;        /* the instruction is one */
    bool slept;              /* and it slept when it was recorded */
    bool news;               /* others may see another state than at the point before */
};

struct step_path {
    struct step_point *points; /* [count], the last one is the end of the operation */
    size_t count;
};

/* A sleep that goes on for so long counts as another. */
#define STEP_LONG_SLEEP_NS INT64_C(4000000)

struct step_breakpoint {
    uintptr_t pc;
    long original;
};

struct step {
    pid_t pid; /* 0: none */
    uintptr_t begin_stack;
    uint32_t sleeps; /* so far */
    bool asleep;
    struct step_breakpoint end;                        /* while it is asleep */
    void (*on_sleep)(void *context, uint32_t earlier); /* NULL: the operation never sleeps */
    void *context;
};

enum step_result {
    STEP_THERE,  /* stands at the point asked for */
    STEP_ASLEEP, /* sleeps in the system call asked for */
    STEP_ENDED,  /* came to the end of the operation before */
};

/* ------------------------------------------------------------------ in the child */

void step_begin(void);
void step_end(void);

/* ------------------------------------------------------------------ in the test */

/* NULL, or why it cannot be done here. */
const char *step_impossible(void);

/* Starts a child that runs @run; returns when it stands at step_begin. Fails the process, as process_require, if
 * it never does. */
void step_start(struct step *step, void (*run)(void *context), void *context);
/*
 * Records the path from there to step_end, at which it then stands.
 *
 * A point is news unless the instruction before it was none of the kernel's and left each byte of all writable
 * shared memory of the child as it was: who is killed there leaves the same as who is killed at the point before.
 * What a load has brought into a register makes no news.
 */
void step_record(struct step *step, struct step_path *path);
/* On to point @n of the path at full speed; @strayed: it stands at that instruction, but came another way. */
enum step_result step_to(struct step *step, const struct step_path *path, size_t n, bool *strayed);
/* On to point @n by single steps. */
enum step_result step_walk(struct step *step, size_t n);
/* On until it has fallen asleep @times times. */
enum step_result step_to_sleep(struct step *step, uint32_t times);

/* Where it stands, for messages. */
uintptr_t step_pc(const struct step *step);
/* SIGKILL where it stands. */
void step_kill(struct step *step);
/* Leaves it stopped by SIGSTOP, and not traced any more. */
void step_stop(struct step *step);
void step_continue(const struct step *step);
/* Whether it has ended after step_continue; the status is as waitpid gives it. */
bool step_has_ended(struct step *step, int *status);

/* Whether a process sleeps in a system call. */
bool step_is_asleep(pid_t pid);

#endif
