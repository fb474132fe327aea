/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_NATS_NKEY_H
#define SHMQ_NATS_NKEY_H

enum { NKEY_PUBLIC_BYTES = 64 };

/*
 * Finds the public key that belongs to a file with a seed, which libnats has to be told.
 *
 * @file  has the seed in a line of its own ("SU..."), and perhaps the public key in another ("U...")
 * @key   receives the public key
 *
 * Return: NULL; what is wrong.
 */
const char *nkey_public_of_file(const char *file, char key[static NKEY_PUBLIC_BYTES]);

#endif
