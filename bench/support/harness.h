/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "bench/support/contender.h"
#include "bench/support/tools.h"

/* What a contender's main calls: reads the options, and runs the load that they ask for. */
int bench_run(int argc, char **argv, const struct contender *contender);

#endif
