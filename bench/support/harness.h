/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "bench/support/contender.h"
#include "bench/support/tools.h"

/* Called by a contender's main: reads the options and runs the load that they select. */
int bench_run(int argc, char **argv, const struct contender *contender);

#endif
