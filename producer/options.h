/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_OPTIONS_H
#define SHMQ_PRODUCER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/option_nats.h"
#include "common/cli/option_table.h"
#include "common/cli/options.h"

enum source_kind { SOURCE_INPUTS, SOURCE_RANDOM, SOURCE_WORDS, SOURCE_FOLLOW, SOURCE_LISTEN, SOURCE_NATS };

enum { LISTEN_PATH_MAX = 107 }; /* bytes in the name of a socket */

/* Where to listen. */
struct listen_address {
    const char *text; /* as it was given */
    const char *path; /* within it */
    bool datagram;
};

enum framing_kind { FRAMING_DELIMITER, FRAMING_LENGTH32, FRAMING_BLOCK, FRAMING_WHOLE };

enum on_full { ON_FULL_BLOCK, ON_FULL_FAIL, ON_FULL_DROP }; /* in the order of the option's choices */

struct options {
    struct common_options common;

    enum source_kind source;
    const char **inputs; /* "-" is stdin; never empty with SOURCE_INPUTS */
    size_t input_count;
    char **words;
    size_t word_count;
    bool input_given;
    bool random_given;
    struct listen_address *listens;
    size_t listen_count;
    int listen_mode; /* of the files of the sockets; negative: as the umask says */

    enum framing_kind framing;
    char framing_given[OPTION_WRITTEN_BYTES]; /* the option that chose it, as it was written; "" */
    unsigned char delimiter;
    uint64_t block_bytes;

    bool split_given;
    uint64_t split_part;  /* 1..split_parts */
    uint64_t split_parts; /* 1 without --split */
    bool resume;
    bool source_headers;
    bool follow;
    bool from_end;
    int64_t rotate_wait_ns; /* negative: not given */
    int64_t partial_ns;     /* negative: not given */

    uint64_t count;      /* 0: no limit */
    double rate;         /* messages per second; 0: no limit */
    int64_t delay_ns[2]; /* minimum, maximum; negative: not given */
    bool seed_given;
    uint64_t seed;

    char *headers; /* header block of every message; NULL: none */
    size_t headers_length;

    const char *echo; /* the prefix; NULL: no echo */
    enum on_full on_full;
    int64_t timeout_ns; /* negative: no limit */
    bool progress;
    int64_t progress_interval_ns; /* 0: the usual */
    bool version;

    struct nats_options nats;
    const char *nats_durable;
    uint32_t nats_batch; /* messages that are asked for at a time; 0: not given */
    bool nats_make_durable;
    char *const *arguments; /* of the program */
};

#endif
