/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_LISTENER_H
#define SHMQ_PRODUCER_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "producer/options.h"
#include "producer/publisher.h"

/* A socket in the file system that clients connect or send to. */
struct listener {
    const struct listen_address *address;
    int fd;    /* -1: not open */
    dev_t dev; /* of the socket's file */
    ino_t ino;
    bool has_file; /* the file is this listener's */
};

/* Checks an address without changing anything, so that a mistyped one leaves no queue behind. Reports a failure.
 */
enum flow listener_check(const struct listen_address *address, struct publisher *publisher);
/*
 * Makes the socket and its file. A file that a dead listener left is replaced; anything else there is refused.
 *
 * @mode  permissions of the file; negative: as the umask says
 */
enum flow listener_open(struct listener *listener, const struct listen_address *address, int mode,
                        struct publisher *publisher);
/* Takes no more connections or datagrams; those that the kernel has accepted can still be read. */
void listener_stop(struct listener *listener);
/* Closes the socket and removes its file, unless another file has taken its place. */
void listener_close(struct listener *listener);

#endif
