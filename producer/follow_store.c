/* SPDX-License-Identifier: MIT */
#include "producer/follow_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/open_error.h"

void follow_store_init(struct follow_store *store, struct publisher *publisher)
{
    *store = (struct follow_store){
        .publisher = publisher, .resumable = publisher->resumable, .next_sequence = 1, .taken = {true}};
}

static enum flow fail(struct follow_store *store, const char *what, int error)
{
    struct publisher *publisher = store->publisher;
    publisher->may_pass = error_may_pass(error);
    return publisher_fail(publisher, (int)exit_status_of(error), "queue '%s': %s: %s", publisher->name, what,
                          open_error_text(publisher->name, error));
}

static enum flow fail_read(struct follow_store *store, int error)
{
    return fail(store, "--resume: cannot read what is known about the files", error);
}

/* ------------------------------------------------------------------ reading */

/* @length  0: the slot is empty */
static enum flow read_slot(struct follow_store *store, uint32_t slot, unsigned char bytes[SHMQ_SLOT_MAX],
                           size_t *length)
{
    const int error = shmq_source_slot(store->publisher->queue, slot, bytes, length);
    return error != 0 ? fail_read(store, error) : FLOW_CONTINUE;
}

static enum flow load_slot(struct follow_store *store, struct follow_found *found, uint32_t slot)
{
    unsigned char bytes[SHMQ_SLOT_MAX];
    size_t length;
    const enum flow flow = read_slot(store, slot, bytes, &length);
    if (flow != FLOW_CONTINUE || length == 0)
        return flow;
    struct follow_record record;
    if (!follow_record_read(&record, bytes, length))
        return fail_read(store, -EBADMSG);
    size_t at = found->count++;
    for (; at > 0 && found->records[at - 1].sequence > record.sequence; at--) {
        found->records[at] = found->records[at - 1];
        found->slots[at] = found->slots[at - 1];
    }
    found->records[at] = record;
    found->slots[at] = slot;
    store->taken[slot] = true;
    return FLOW_CONTINUE;
}

/* Two records of one number cannot be told apart by the place. */
static bool numbers_differ(const struct follow_found *found)
{
    for (size_t i = 1; i < found->count; i++) {
        if (found->records[i].sequence == found->records[i - 1].sequence)
            return false;
    }
    return true;
}

/* The last message's place says more than the record of its file, which is written when another file's turn comes.
 */
static void apply_place(struct follow_store *store, struct follow_found *found)
{
    const struct follow_place *place = &found->place;
    for (size_t i = 0; i < found->count; i++) {
        struct follow_record *record = &found->records[i];
        if (record->sequence == place->sequence) {
            record->offset = place->offset;
            record->mark = place->mark;
            if (record->size < place->offset)
                record->size = place->offset;
        }
        if (record->sequence >= store->next_sequence)
            store->next_sequence = record->sequence + 1;
    }
    if (place->sequence >= store->next_sequence)
        store->next_sequence = place->sequence + 1;
}

enum flow follow_store_load(struct follow_store *store, struct follow_found *found)
{
    unsigned char bytes[SHMQ_SLOT_MAX];
    struct shmq_cursor cursor;
    size_t length;
    *found = (struct follow_found){0};
    if (!store->resumable)
        return FLOW_CONTINUE;
    const int error = shmq_resume_cursor(store->publisher->queue, &cursor);
    if (error != 0)
        return fail_read(store, error);
    enum flow flow = read_slot(store, 0, bytes, &length);
    if (flow == FLOW_CONTINUE && length > 0 && !follow_started_is(bytes, length))
        flow = fail_read(store, -EBADMSG);
    found->started = length > 0;
    for (uint32_t slot = 1; slot < SHMQ_SLOTS_MAX && flow == FLOW_CONTINUE; slot++)
        flow = load_slot(store, found, slot);
    found->place = follow_place_of(&cursor);
    if (flow == FLOW_CONTINUE && (!numbers_differ(found) || found->place.offset > INT64_MAX))
        flow = fail_read(store, -EBADMSG);
    if (flow == FLOW_CONTINUE)
        apply_place(store, found);
    return flow;
}

/* ------------------------------------------------------------------ writing */

static enum flow set_slot(struct follow_store *store, uint32_t slot, const void *bytes, size_t length)
{
    const int error = shmq_set_source_slot(store->publisher->queue, slot, bytes, length);
    return error != 0 ? fail(store, "cannot store how far a file has come", error) : FLOW_CONTINUE;
}

uint32_t follow_store_take(struct follow_store *store)
{
    for (uint32_t slot = 1; slot < SHMQ_SLOTS_MAX; slot++) {
        if (!store->taken[slot]) {
            store->taken[slot] = true;
            return slot;
        }
    }
    return 0;
}

uint64_t follow_store_number(struct follow_store *store)
{
    return store->next_sequence++;
}

enum flow follow_store_save(struct follow_store *store, uint32_t slot, const struct follow_record *record)
{
    unsigned char bytes[FOLLOW_RECORD_BYTES];
    if (!store->resumable)
        return FLOW_CONTINUE;
    follow_record_write(record, bytes);
    return set_slot(store, slot, bytes, sizeof(bytes));
}

enum flow follow_store_clear(struct follow_store *store, uint32_t slot)
{
    store->taken[slot] = false;
    return store->resumable ? set_slot(store, slot, NULL, 0) : FLOW_CONTINUE;
}

enum flow follow_store_start(struct follow_store *store)
{
    unsigned char bytes[FOLLOW_RECORD_BYTES];
    if (!store->resumable)
        return FLOW_CONTINUE;
    follow_started_write(bytes);
    return set_slot(store, 0, bytes, sizeof(bytes));
}
