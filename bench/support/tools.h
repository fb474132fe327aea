/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TOOLS_H
#define BENCH_TOOLS_H

#include <stdint.h>

/* What all benchmarks need of the system. */

/* No errno of the library's or of the system's: why was told already. */
#define RUN_CANNOT (-77777)

/* Says on stderr why the contender cannot do this. Return: for prepare and the open ones to return. */
int bench_cannot(const char *why);

/* The monotonic clock in nanoseconds. */
int64_t bench_now_ns(void);

void bench_sleep_ns(int64_t ns);

/* Runs this thread on one processor only. Return: 0; negative errno. */
int bench_pin(int cpu);

/* "PROGRAM: WHAT: why" on stderr. Return: 1, for main to return. */
int bench_failed(const char *what, int error);

/* A folder for sockets and the like, of this process and its children. Return: NULL if it cannot be made. */
const char *bench_folder(void);
/* Takes it away, with the files in it. */
void bench_folder_remove(void);

static inline void bench_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
