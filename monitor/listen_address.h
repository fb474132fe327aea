/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_LISTEN_ADDRESS_H
#define SHMQ_MONITOR_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* The address and port that metrics are served at. */

/* Loopback alone. The port is SHMQ on the keys of a telephone. */
#define LISTEN_ADDRESS_DEFAULT "127.0.0.1:7467"

enum { LISTEN_ADDRESS_BYTES = 64 };

struct listen_address {
    struct sockaddr_storage socket;
    socklen_t length;
};

/*
 * Reads "ADDRESS:PORT", where ADDRESS is of IPv4, of IPv6 in brackets, "localhost", or left out, which is
 * loopback. Names are not looked up. Port 0 is any free one.
 *
 * Return: false if it is not one.
 */
bool listen_address_read(struct listen_address *address, const char *text);

/* Whether only this host can connect to it. */
bool listen_address_is_loopback(const struct listen_address *address);

/* Writes it as in a URL, "127.0.0.1:7467", of at most LISTEN_ADDRESS_BYTES. Return: @text. */
const char *listen_address_text(const struct listen_address *address, char *text);

#endif
