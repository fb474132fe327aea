/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_OWNER_INFO_H
#define SHMQ_OWNER_INFO_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/core/layout.h"

/* Stores who owns a lane or seat: for display only, never for a decision. */
static inline void owner_info_write(shared_u32 *pid, unsigned char program[PROGRAM_BYTES])
{
    const char *name = program_invocation_short_name;
    for (size_t i = 0; i < PROGRAM_BYTES; i++) {
        program[i] = i < PROGRAM_BYTES - 1 ? (unsigned char)*name : 0;
        name += *name != '\0';
    }
    atomic_store_explicit(pid, (uint32_t)getpid(), memory_order_relaxed);
}

/* Copies a program name as printable text. */
static inline void owner_info_read(char text[PROGRAM_BYTES], const unsigned char program[PROGRAM_BYTES])
{
    for (size_t i = 0; i < PROGRAM_BYTES; i++) {
        const unsigned char c = program[i];
        text[i] = c == 0 || i == PROGRAM_BYTES - 1 ? '\0' : c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
}

#endif
