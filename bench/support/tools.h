/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TOOLS_H
#define BENCH_TOOLS_H

#include <stdint.h>

/* System functions for all benchmarks. */

/* Not an errno: the reason is already reported. */
#define RUN_CANNOT (-77777)

/* Reports on stderr why the contender cannot do this. Returns the value for prepare and open functions to return.
 */
int bench_cannot(const char *why);

/* The monotonic clock in nanoseconds. */
int64_t bench_now_ns(void);

void bench_sleep_ns(int64_t ns);

/* Pins this thread to one processor. Returns 0 or a negative errno. */
int bench_pin(int cpu);

/* Prints "PROGRAM: WHAT: why" on stderr. Returns 1, for main to return. */
int bench_failed(const char *what, int error);

/* Creates a folder for sockets and the like of this process and its children. Returns NULL if it cannot. */
const char *bench_folder(void);
/* Removes it, with the files in it. */
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
