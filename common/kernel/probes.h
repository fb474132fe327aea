/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PROBES_H
#define SHMQ_PROBES_H

#include <stdint.h>

/*
 * Static probes (USDT) of the provider shmq, for bpftrace, perf, SystemTap and gdb. Each is a nop, and a note in
 * the file that says where it is and where its arguments are. The arguments are what the compiler has there
 * anyway, in registers or in the handle: nothing is computed for them on the paths of short messages, so nothing
 * is lost as long as nobody traces.
 *
 * - put(lane, position, length, messages): just before messages are published, so before any lease of them.
 * Position and length are those of the first.
 * - lease(lane, position, count, seat): a batch was leased. Position is that of its first message.
 * - acknowledge(lane, position, count, seat): the last message of a batch was acknowledged; as lease gave it.
 * - sleep(role, number), wake(role, number, rung): a producer (1) or consumer (2) falls asleep, and wakes up;
 * number is its lane or seat, rung says whether a ring woke it.
 * - adopt(seat, dead seat, lane, position): a batch or message was taken over that another seat, or its last
 * owner, had left.
 *
 * Compiled in where the Makefile finds <sys/sdt.h>, unless PROBES=no.
 */

/* A shared field, to be read by whoever traces and not before. */
#define PROBE_FIELD(field) (*(const uint64_t *)&(field))

#ifdef SHMQ_PROBES
#ifdef __clang__
#define STAP_SDT_ARG_CONSTRAINT nr /* given the choice, clang copies registers to the stack */
#endif
#include <sys/sdt.h>
#ifdef __clang__ /* in the macros of that header */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#define PROBE_PUT(lane, position, length, messages) DTRACE_PROBE4(shmq, put, lane, position, length, messages)
#define PROBE_LEASE(lane, position, count, seat) DTRACE_PROBE4(shmq, lease, lane, position, count, seat)
#define PROBE_ACKNOWLEDGE(lane, position, count, seat)                                                            \
    DTRACE_PROBE4(shmq, acknowledge, lane, position, count, seat)
#define PROBE_SLEEP(role, number) DTRACE_PROBE2(shmq, sleep, role, number)
#define PROBE_WAKE(role, number, rung) DTRACE_PROBE3(shmq, wake, role, number, rung)
#define PROBE_ADOPT(seat, dead_seat, lane, position) DTRACE_PROBE4(shmq, adopt, seat, dead_seat, lane, position)
#else
/* Not evaluated. */
#define PROBE_NOTHING(sum) ((void)sizeof(sum))
#define PROBE_PUT(lane, position, length, messages) PROBE_NOTHING((lane) + (position) + (length) + (messages))
#define PROBE_LEASE(lane, position, count, seat) PROBE_NOTHING((lane) + (position) + (count) + (seat))
#define PROBE_ACKNOWLEDGE(lane, position, count, seat) PROBE_NOTHING((lane) + (position) + (count) + (seat))
#define PROBE_SLEEP(role, number) PROBE_NOTHING((uint32_t)(role) + (number))
#define PROBE_WAKE(role, number, rung) PROBE_NOTHING((uint32_t)(role) + (number) + (rung))
#define PROBE_ADOPT(seat, dead_seat, lane, position) PROBE_NOTHING((seat) + (dead_seat) + (lane) + (position))
#endif

#endif
