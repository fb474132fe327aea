/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_LEDGER_H
#define FUZZ_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What was put into a queue and what was acknowledged: each message that was put is acknowledged once, and is then
 * what was put. A message of eight bytes or more begins with its serial number; of shorter ones only their number
 * is known.
 */

#define LEDGER_ENTRIES 4096u
#define LEDGER_SHORT 8u

struct ledger {
    uint32_t next; /* serial number */
    struct {
        uint32_t length;
        bool put;
        bool done;
    } entries[LEDGER_ENTRIES];
    uint32_t short_put[LEDGER_SHORT];
    uint32_t short_done[LEDGER_SHORT];
    uint32_t unsure; /* put with an error that says that they may be delivered nevertheless */
};

void ledger_clear(struct ledger *ledger);
/* Fills in a message to be put. Return: its serial number. */
uint32_t ledger_fill(struct ledger *ledger, unsigned char *payload, size_t length);
void ledger_put(struct ledger *ledger, uint32_t serial, size_t length);
void ledger_put_unsure(struct ledger *ledger, uint32_t serial, size_t length);
/* Fails unless it is a message that was put and is not acknowledged. */
void ledger_look(const struct ledger *ledger, const unsigned char *payload, size_t length);
void ledger_acknowledge(struct ledger *ledger, const unsigned char *payload, size_t length);
/* Fails unless everything that was put is acknowledged. */
void ledger_expect_empty(const struct ledger *ledger);

#endif
