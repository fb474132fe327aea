/* SPDX-License-Identifier: MIT */
#include "producer/follow_resume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "producer/follow_copy.h"
#include "producer/siblings.h"

/* ------------------------------------------------------------------ where to look */

struct places {
    struct siblings siblings;
    char **folders; /* that were added already */
    size_t count;
};

static bool add_folder(struct places *places, const char *folder)
{
    for (size_t i = 0; i < places->count; i++) {
        if (strcmp(places->folders[i], folder) == 0)
            return true;
    }
    char **longer = realloc(places->folders, (places->count + 1) * sizeof(*longer));
    char *copy = strdup(folder);
    if (longer != NULL)
        places->folders = longer;
    if (longer == NULL || copy == NULL) {
        free(copy);
        return false;
    }
    places->folders[places->count++] = copy;
    return siblings_add(&places->siblings, folder);
}

static bool visit_folder(void *context, const char *path)
{
    return add_folder(context, path);
}

/* The folder of a link's target, too. */
static bool visit_path(void *context, const char *path)
{
    char *target = realpath(path, NULL);
    char *folder = target != NULL ? path_folder(target) : NULL;
    char *given = path_folder(path);
    char *own = given != NULL ? realpath(given, NULL) : NULL;
    bool ok = true;
    if (folder != NULL && own != NULL && strcmp(folder, own) != 0)
        ok = add_folder(context, folder);
    free(target);
    free(folder);
    free(given);
    free(own);
    return ok;
}

static bool places_find(struct places *places, const struct patterns *patterns)
{
    return patterns_visit_folders(patterns, visit_folder, places) &&
           patterns_visit_paths(patterns, visit_path, NULL, places);
}

static void places_free(struct places *places)
{
    siblings_free(&places->siblings);
    for (size_t i = 0; i < places->count; i++)
        free(places->folders[i]);
    free(places->folders);
    *places = (struct places){0};
}

/* Files were renamed since the folders were listed. */
static enum flow places_look_again(struct places *places, struct follower *follower)
{
    places_free(places);
    return places_find(places, &follower->patterns) ? FLOW_CONTINUE : publisher_fail_memory(follower->publisher);
}

/* ------------------------------------------------------------------ names of records */

struct name_search {
    uint64_t name;
    const char *wanted; /* or the path itself */
    char *path;
};

static bool match_name(void *context, const char *path)
{
    struct name_search *search = context;
    const bool found =
        search->wanted != NULL ? strcmp(path, search->wanted) == 0 : patterns_hash_path(path) == search->name;
    if (search->path == NULL && found)
        search->path = strdup(path);
    return true;
}

/* The path that a record's file had when it was found. NULL: not known. */
static char *path_of(const struct patterns *patterns, const struct follow_record *record)
{
    struct name_search search = {.name = record->name};
    for (size_t i = 0; i < patterns->count; i++)
        match_name(&search, patterns->texts[i]);
    if (search.path == NULL)
        (void)patterns_visit_paths(patterns, match_name, NULL, &search);
    return search.path;
}

/* Whether a pattern leads to @path now. */
static bool is_named(const struct patterns *patterns, const char *path)
{
    struct name_search search = {.wanted = path};
    (void)patterns_visit_paths(patterns, match_name, NULL, &search);
    free(search.path);
    return search.path != NULL;
}

/* ------------------------------------------------------------------ one record */

static enum flow adopt(struct follower *follower, struct followed_file *file, const struct follow_record *record,
                       uint32_t slot)
{
    file->slot = slot;
    file->first_path = path_of(&follower->patterns, record);
    followed_file_set_record(file, record);
    follower_add(follower, file);
    return follower_save(follower, file);
}

/* The file is gone, but there is a copy of it. */
static enum flow adopt_copy(struct follower *follower, struct followed_file *copy,
                            const struct follow_record *record, uint32_t slot)
{
    struct follow_record of_copy = *record;
    of_copy.since_ns = copy->identity.born_ns; /* what was copied before is known */
    return adopt(follower, copy, &of_copy, slot);
}

/* The file of the record, though its content may be another's. NULL: there is none. */
static const struct sibling *find_inode(const struct siblings *siblings, const struct follow_record *record)
{
    const struct sibling *found = NULL;
    for (size_t i = 0; i < siblings->count; i++) {
        const struct sibling *sibling = &siblings->list[i];
        if (!file_is_same(&record->identity, &sibling->facts))
            continue;
        if (found == NULL || patterns_hash_path(sibling->path) == record->name)
            found = sibling;
    }
    return found;
}

/* The file is where a pattern leads to, but has not the content that was put of it: it was truncated, or replaced.
 */
static enum flow begin_anew(struct follower *follower, struct followed_file *file,
                            const struct follow_record *record, uint32_t slot)
{
    file->slot = slot;
    file->first_path = path_of(&follower->patterns, record);
    file->name = record->name;
    file->sequence = record->sequence;
    const uint64_t size = file->size;
    follower_add(follower, file);
    /* Its record is overwritten only when its copy has one. */
    const enum flow flow = follow_cut(follower, file, record);
    file->size = size;
    return flow;
}

/* Keeps a record whose file cannot be read now: it may come back, or the next file of its name is found. */
static enum flow keep(struct follower *follower, const struct follow_record *record, uint32_t slot)
{
    struct followed_file *file = calloc(1, sizeof(*file));
    char *path = path_of(&follower->patterns, record);
    if (path == NULL)
        path = strdup("a file");
    if (file == NULL || path == NULL) {
        free(file);
        free(path);
        return publisher_fail_memory(follower->publisher);
    }
    *file = (struct followed_file){.fd = -1,
                                   .watch = -1,
                                   .path = path,
                                   .first_path = path_of(&follower->patterns, record),
                                   .identity = record->identity,
                                   .offset = record->offset,
                                   .left_mark = record->mark,
                                   .slot = slot,
                                   .away_ns = 1};
    followed_file_set_record(file, record);
    follower_add(follower, file);
    return follower_save(follower, file);
}

/* The file is gone. Tells so, once. */
static enum flow keep_gone(struct follower *follower, const struct follow_record *record, uint32_t slot)
{
    struct follow_record told = *record;
    char *path = path_of(&follower->patterns, record);
    const char *label = path != NULL ? path : "a file";
    if (record->size > record->offset)
        follower_lose(follower, label, record->size - record->offset,
                      "was removed or compressed while nobody followed it,");
    else
        say_status("%s: is gone, or compressed: what was written to it after byte %" PRIu64
                   " is lost, if anything",
                   label, record->offset);
    told.size = told.offset;
    free(path);
    return keep(follower, &told, slot);
}

/*
 * Whether a file with the record's inode is that of the record, though its content is not: a pattern leads to it,
 * or it has got the name of a rotation since it was truncated.
 */
static bool is_still(const struct follower *follower, const char *path, const struct follow_record *record)
{
    if (is_named(&follower->patterns, path))
        return true;
    char *first_path = path_of(&follower->patterns, record);
    const bool rotated = first_path != NULL && sibling_is_rotated_plainly(path_name(path), path_name(first_path));
    free(first_path);
    return rotated;
}

/*
 * Opens the file of a record's inode.
 *
 * @offset  from which on
 *
 * Return: FLOW_CONTINUE, with @error 0, -ENOENT if there is no such file, -EINVAL if it has no such offset, or
 * another negative errno; FLOW_FAILED.
 */
static enum flow open_inode(struct follower *follower, struct places *places, const struct follow_record *record,
                            uint64_t offset, struct followed_file **file, int *error)
{
    enum flow flow = FLOW_CONTINUE;
    *file = NULL;
    *error = -ESTALE;
    for (int i = 0; i < SIBLINGS_TRIES && *error == -ESTALE && flow == FLOW_CONTINUE; i++) {
        if (i > 0)
            flow = places_look_again(places, follower);
        const struct sibling *sibling = find_inode(&places->siblings, record);
        *error = sibling == NULL ? -ENOENT : followed_file_open_same(file, sibling->path, &sibling->facts, offset);
        if (*error != 0 && *error != -ESTALE && *error != -ENOENT && *error != -EINVAL)
            follower_complain(follower, sibling->path, "cannot be opened", *error);
    }
    if (*error == -ESTALE)
        *error = -EAGAIN;
    return flow;
}

/*
 * Finds a file that is where its inode is, with its content. Comes first for all records, so that none of these
 * files is taken for a copy of another.
 *
 * @done  receives whether that is all about the record
 */
static enum flow find_intact(struct follower *follower, struct places *places, const struct follow_record *record,
                             uint32_t slot, bool *done)
{
    struct followed_file *file;
    int error;
    const enum flow flow = open_inode(follower, places, record, record->offset, &file, &error);
    *done = true;
    if (flow != FLOW_CONTINUE)
        return flow;
    if (error == 0 && file_has_content(file->fd, &record->identity, record->offset, record->mark))
        return adopt(follower, file, record, slot);
    if (error == 0)
        followed_file_free(file);
    else if (error != -ENOENT && error != -EINVAL)
        return keep(follower, record, slot);
    *done = false;
    return FLOW_CONTINUE;
}

static enum flow find_copy(struct follower *follower, struct places *places, const struct follow_record *record,
                           struct followed_file **copy)
{
    enum flow flow = FLOW_CONTINUE;
    bool found = false;
    for (int i = 0; i < SIBLINGS_TRIES && !found && flow == FLOW_CONTINUE; i++) {
        if (i > 0)
            flow = places_look_again(places, follower);
        found = follow_copy_find(follower, &places->siblings, record, NULL, copy);
    }
    return flow;
}

/* Where files' times of creation are not known, another record may be that of a file with the same inode. */
static bool is_followed(const struct follower *follower, const struct followed_file *file)
{
    const struct file_facts facts = {
        .device = file->identity.device, .inode = file->identity.inode, .born_ns = file->identity.born_ns};
    return follower_find(follower, &facts) != NULL;
}

/* The file was truncated, replaced or removed. */
static enum flow find_rest(struct follower *follower, struct places *places, const struct follow_record *record,
                           uint32_t slot)
{
    struct followed_file *file;
    int error;
    enum flow flow = open_inode(follower, places, record, 0, &file, &error);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (error == 0 && !is_followed(follower, file) && is_still(follower, file->path, record))
        return begin_anew(follower, file, record, slot);
    if (error == 0)
        followed_file_free(file);
    flow = find_copy(follower, places, record, &file);
    if (flow != FLOW_CONTINUE)
        return flow;
    return file != NULL ? adopt_copy(follower, file, record, slot) : keep_gone(follower, record, slot);
}

/* A file of which nothing was put may have been truncated all the same. */
static enum flow find_unread(struct follower *follower)
{
    enum flow flow = FLOW_CONTINUE;
    for (struct followed_file *file = follower->files; file != NULL && flow == FLOW_CONTINUE; file = file->next) {
        uint64_t bytes;
        if (file->fd >= 0 && file->offset == 0 && is_named(&follower->patterns, file->path))
            flow = follow_copies_of_unread(follower, file, &bytes);
    }
    return flow;
}

static enum flow find_files(struct follower *follower, struct places *places, const struct follow_found *found)
{
    bool done[SHMQ_SLOTS_MAX] = {false};
    enum flow flow = FLOW_CONTINUE;
    for (size_t i = 0; i < found->count && flow == FLOW_CONTINUE; i++)
        flow = find_intact(follower, places, &found->records[i], found->slots[i], &done[i]);
    for (size_t i = 0; i < found->count && flow == FLOW_CONTINUE; i++) {
        if (!done[i])
            flow = find_rest(follower, places, &found->records[i], found->slots[i]);
    }
    return flow == FLOW_CONTINUE ? find_unread(follower) : flow;
}

/* ------------------------------------------------------------------ all records */

static enum flow count_done(struct follower *follower, const struct follow_place *place)
{
    struct publisher *publisher = follower->publisher;
    follower->reader.messages = place->messages;
    if (follower->options->count == 0)
        return FLOW_CONTINUE;
    publisher->left -= place->messages < publisher->left ? place->messages : publisher->left;
    return publisher->left > 0 ? FLOW_CONTINUE : FLOW_END;
}

static void set_last(struct follower *follower, const struct follow_place *place)
{
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (file->sequence == place->sequence)
            follower->reader.last = file;
    }
}

enum flow follow_resume(struct follower *follower)
{
    struct places places = {0};
    struct follow_found *found = malloc(sizeof(*found));
    if (found == NULL)
        return publisher_fail_memory(follower->publisher);
    enum flow flow = follow_store_load(&follower->store, found);
    follower->from_end = follower->options->from_end && !found->started;
    if (flow == FLOW_CONTINUE)
        flow = count_done(follower, &found->place);
    if (flow == FLOW_CONTINUE && found->count > 0 && !places_find(&places, &follower->patterns))
        flow = publisher_fail_memory(follower->publisher);
    if (flow == FLOW_CONTINUE)
        flow = find_files(follower, &places, found);
    if (flow == FLOW_CONTINUE)
        set_last(follower, &found->place);
    places_free(&places);
    free(found);
    return flow;
}
