/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/ledger.h"

#include <string.h>

#include "tests/fuzz/support/fuzz.h"

static unsigned char pattern(uint32_t serial, size_t i)
{
    return (unsigned char)(serial * 31 + i * 7 + (i >> 8));
}

void ledger_clear(struct ledger *ledger)
{
    memset(ledger, 0, sizeof(*ledger));
}

uint32_t ledger_fill(struct ledger *ledger, unsigned char *payload, size_t length)
{
    const uint64_t serial = ledger->next++;
    fuzz_require(serial < LEDGER_ENTRIES, "an input of too many messages");
    for (size_t i = 0; i < length; i++)
        payload[i] = pattern(length < LEDGER_SHORT ? 0 : (uint32_t)serial, i);
    if (length >= LEDGER_SHORT)
        memcpy(payload, &serial, sizeof(serial));
    return (uint32_t)serial;
}

void ledger_put(struct ledger *ledger, uint32_t serial, size_t length)
{
    ledger->entries[serial].length = (uint32_t)length;
    ledger->entries[serial].put = true;
    if (length < LEDGER_SHORT)
        ledger->short_put[length]++;
}

void ledger_put_unsure(struct ledger *ledger, uint32_t serial, size_t length)
{
    ledger_put(ledger, serial, length);
    ledger->unsure++;
}

static uint64_t serial_of(const struct ledger *ledger, const unsigned char *payload, size_t length)
{
    uint64_t serial;
    memcpy(&serial, payload, sizeof(serial));
    fuzz_require(serial < ledger->next && ledger->entries[serial].put, "a message that nobody put");
    fuzz_require(ledger->entries[serial].length == length, "message %u has another length", (unsigned)serial);
    fuzz_require(!ledger->entries[serial].done, "message %u comes after it was acknowledged", (unsigned)serial);
    return serial;
}

void ledger_look(const struct ledger *ledger, const unsigned char *payload, size_t length)
{
    const bool is_short = length < LEDGER_SHORT;
    const uint32_t serial = is_short ? 0 : (uint32_t)serial_of(ledger, payload, length);
    fuzz_require(!is_short || ledger->short_done[length] < ledger->short_put[length],
                 "more messages of %zu bytes than were put", length);
    for (size_t i = is_short ? 0 : sizeof(uint64_t); i < length; i++)
        fuzz_require(payload[i] == pattern(serial, i), "message %u is not what was put", (unsigned)serial);
}

void ledger_acknowledge(struct ledger *ledger, const unsigned char *payload, size_t length)
{
    ledger_look(ledger, payload, length);
    if (length < LEDGER_SHORT)
        ledger->short_done[length]++;
    else
        ledger->entries[serial_of(ledger, payload, length)].done = true;
}

void ledger_expect_empty(const struct ledger *ledger)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < ledger->next; i++)
        missing += ledger->entries[i].put && !ledger->entries[i].done && ledger->entries[i].length >= LEDGER_SHORT;
    for (uint32_t i = 0; i < LEDGER_SHORT; i++)
        missing += ledger->short_put[i] - ledger->short_done[i];
    fuzz_require(missing <= ledger->unsure, "%u messages are lost", (unsigned)missing);
}
