/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_NATS_H
#define SHMQ_CLI_OPTION_NATS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/option_table.h"

/* The options of both bridges to NATS JetStream. The section fills a struct nats_options. */

#define NATS_SERVERS_MAX 64 /* in one list */

struct nats_options {
    const char *servers; /* HOST[,HOST...], the argument of --to or --from; NULL: there is no bridge */
    const char *stream;
    const char *creds;
    const char *nkey;
    bool tls;
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    const char *name; /* of the connection, for the server's monitoring; NULL: any */
    bool allow_lossy;
    bool make_stream;
    uint32_t replicas;  /* 0: not given */
    int64_t give_up_ns; /* negative: never */
};

extern const struct option_section option_nats_section;

/* The defaults. */
void option_nats_init(struct nats_options *options);

/*
 * Takes the list of servers, and checks it. A "tls://" in it implies --tls. Exits with EXIT_USAGE if it is
 * invalid.
 */
void option_nats_take_servers(struct nats_options *options, const struct option_entry *entry,
                              const char *argument);

/* Checks the name of a stream or of a consumer, given with @option. Exits with EXIT_USAGE if no such name can be.
 */
void option_nats_check_name(const char *option, const char *name);

/*
 * Checks the options together, once all are read. Exits with EXIT_USAGE if one is wrong, or if one is given
 * without a list of servers.
 *
 * @bridge  the option that takes the servers: "--to" or "--from"
 */
void option_nats_check(const struct nats_options *options, const char *bridge);

#endif
