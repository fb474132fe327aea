/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_NATS_PROGRAM_H
#define SHMQ_CLI_NATS_PROGRAM_H

/*
 * The bridges to NATS need libnats. So that no other use of a program does, each is a program of its own:
 * "consumer" becomes "consumer-nats" for --to, and "producer" becomes "producer-nats" for --from. They are built
 * only where libnats is.
 */

/*
 * Replaces this program by the one with the bridge: beside it, or in ../libexec/shmq, under its own name with
 * "-nats" behind. A signal that comes meanwhile reaches the other program.
 *
 * @bridge     the option that needs it: "--to" or "--from"
 * @arguments  of this program
 *
 * Return: never; exits with EXIT_FAILED after saying how to get the program if there is none.
 */
_Noreturn void nats_program_become(const char *bridge, char *const *arguments);

#endif
