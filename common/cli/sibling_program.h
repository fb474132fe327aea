/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_SIBLING_PROGRAM_H
#define SHMQ_CLI_SIBLING_PROGRAM_H

/*
 * What needs another library than libc is in a program of its own, so that no other use of a program needs the
 * library: "consumer" becomes "consumer-nats" for --to, "monitor" becomes "monitor-top" for top. These siblings
 * are built only where their library is.
 */
struct sibling_program {
    const char *purpose;  /* what the user asked for: "--to", "top" */
    const char *suffix;   /* of its name: "-nats" */
    const char *library;  /* what it needs: "libnats" */
    const char *packages; /* the Debian packages to install before make: "libnats-dev pkg-config" */
};

/*
 * Replaces this program by its sibling: beside it, or in ../libexec/shmq, under its own name with the suffix
 * behind. A signal that comes meanwhile reaches the sibling.
 *
 * @arguments  of this program
 *
 * Return: never; exits with EXIT_FAILED after saying how to get the sibling if there is none.
 */
_Noreturn void sibling_program_become(const struct sibling_program *sibling, char *const *arguments);

/* The bridges: @bridge is "--to" or "--from". */
_Noreturn void sibling_program_become_nats(const char *bridge, char *const *arguments);

#endif
