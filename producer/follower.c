/* SPDX-License-Identifier: MIT */
#include "producer/follower.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"

/* ------------------------------------------------------------------ the files */

void follower_watch(struct follower *follower, struct followed_file *file)
{
    bool complete;
    file->watch = watch_file(&follower->watch, file->fd, &complete);
    file->unwatched = !complete;
}

void follower_add(struct follower *follower, struct followed_file *file)
{
    struct followed_file **end = &follower->files;
    while (*end != NULL)
        end = &(*end)->next;
    *end = file;
    follower->count++;
    if (file->fd >= 0)
        follower_watch(follower, file);
}

enum flow follower_save(struct follower *follower, const struct followed_file *file)
{
    const struct follow_record record = followed_file_record(file);
    return follow_store_save(&follower->store, file->slot, &record);
}

enum flow follower_remove(struct follower *follower, struct followed_file *file)
{
    struct followed_file **at = &follower->files;
    const uint32_t slot = file->slot;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    follower->count--;
    watch_remove(&follower->watch, file->watch);
    follow_reader_forget(&follower->reader, file);
    followed_file_free(file);
    return slot != 0 ? follow_store_clear(&follower->store, slot) : FLOW_CONTINUE;
}

bool follower_has_room(struct follower *follower)
{
    if (follower->count < SHMQ_SLOTS_MAX - 1)
        return true;
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (file->fd >= 0)
            continue;
        follower->flow = follower_remove(follower, file);
        return follower->flow == FLOW_CONTINUE;
    }
    return false;
}

struct followed_file *follower_find(const struct follower *follower, const struct file_facts *facts)
{
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (file_is_same(&file->identity, facts))
            return file;
    }
    return NULL;
}

struct followed_file *follower_latest(const struct follower *follower, uint64_t name)
{
    struct followed_file *latest = NULL;
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (file->name == name && (latest == NULL || file->sequence > latest->sequence))
            latest = file;
    }
    return latest;
}

bool follower_must_wait(const struct follower *follower, const struct followed_file *file)
{
    for (const struct followed_file *other = follower->files; other != NULL; other = other->next) {
        if (other->name == file->name && other->sequence < file->sequence && other->readable && !other->drained)
            return true;
    }
    return false;
}

void follower_set_away(struct followed_file *file)
{
    if (file->away_ns != 0)
        return;
    file->away_ns = stop_now_ns();
    followed_file_lose_name(file);
    say_detail("%s: was renamed or removed after byte %" PRIu64 "; reading the rest", file->path, file->offset);
}

void follower_free(struct follower *follower)
{
    while (follower->files != NULL) {
        struct followed_file *file = follower->files;
        follower->files = file->next;
        followed_file_free(file);
    }
    while (follower->complaints != NULL) {
        struct complaint *complaint = follower->complaints;
        follower->complaints = complaint->next;
        free(complaint->path);
        free(complaint);
    }
    free(follower->folders);
    watch_close(&follower->watch);
    follow_reader_free(&follower->reader);
    fifos_free(&follower->fifos);
}

/* ------------------------------------------------------------------ what is told */

static struct complaint *find_complaint(const struct follower *follower, const char *path)
{
    struct complaint *complaint = follower->complaints;
    while (complaint != NULL && strcmp(complaint->path, path) != 0)
        complaint = complaint->next;
    return complaint;
}

void follower_complain(struct follower *follower, const char *path, const char *what, int error)
{
    struct complaint *complaint = find_complaint(follower, path);
    if (complaint == NULL) {
        complaint = calloc(1, sizeof(*complaint));
        char *copy = strdup(path);
        if (complaint == NULL || copy == NULL) {
            free(complaint);
            free(copy);
            return;
        }
        complaint->path = copy;
        complaint->next = follower->complaints;
        follower->complaints = complaint;
    }
    complaint->holds = true;
    if (complaint->error == error)
        return;
    complaint->error = error;
    say_error("%s: %s: %s (trying again)", path, what, strerrordesc_np(-error));
}

void follower_lose(struct follower *follower, const char *path, uint64_t bytes, const char *why)
{
    if (bytes == 0)
        return;
    follower->publisher->lost_bytes += bytes;
    say_error("%s: %s before %" PRIu64 " byte%s of it could be read: %s lost", path, why, bytes,
              units_plural(bytes), bytes == 1 ? "it is" : "they are");
}
