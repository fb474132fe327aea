/* SPDX-License-Identifier: MIT */
#include "producer/follow_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"

/* ------------------------------------------------------------------ a copy of a file that is gone */

/* Opens a file at the place of a record. Return: 0; -ESTALE if it was renamed; another: it is no copy. */
static int open_copy(const struct sibling *sibling, const struct follow_record *record,
                     struct followed_file **copy)
{
    const int error = followed_file_open_same(copy, sibling->path, &sibling->facts, record->offset);
    if (error != 0 || file_has_content((*copy)->fd, &record->identity, record->offset, record->mark))
        return error;
    followed_file_free(*copy);
    *copy = NULL;
    return -ENOENT;
}

bool follow_copy_find(struct follower *follower, const struct siblings *siblings,
                      const struct follow_record *record, const char *base, struct followed_file **copy)
{
    bool moved = false;
    *copy = NULL;
    if (record->offset == 0) /* nothing to recognise it by */
        return true;
    for (size_t i = 0; i < siblings->count && *copy == NULL; i++) {
        const struct sibling *sibling = &siblings->list[i];
        if (sibling->facts.size < record->offset || follower_find(follower, &sibling->facts) != NULL ||
            (base != NULL && !sibling_is_rotated(path_name(sibling->path), base)))
            continue;
        moved = open_copy(sibling, record, copy) == -ESTALE || moved;
    }
    if (*copy != NULL)
        (*copy)->name = record->name;
    return *copy != NULL || !moved;
}

/* ------------------------------------------------------------------ a copy of a file that is there */

/* Whether two files have the same first bytes, and the same before @size. */
static bool have_same_content(int fd, int other, uint64_t size)
{
    struct file_identity one = {0};
    unsigned char mark[FILE_MARK_BYTES];
    return file_identity_read_head(&one, fd, size) && file_read_mark(fd, size, mark) &&
           file_has_content(other, &one, size, file_sum(mark, file_mark_bytes(size)));
}

/* Whether @path has nothing that @file has not. */
static bool is_copy_of(const struct followed_file *file, const char *path, uint64_t size)
{
    struct file_facts facts;
    if (size == 0)
        return true; /* there is nothing to compare, nor to read */
    if (file_facts_of_open(file->fd, &facts) != 0 || facts.size < size)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    const bool same = have_same_content(fd, file->fd, size);
    close(fd);
    return same;
}

/* ------------------------------------------------------------------ files that nobody has seen begin */

/* Follows a file that no name leads to any more, as the next one of a name. */
static enum flow add_away(struct follower *follower, struct followed_file *file, const char *first_path)
{
    file->slot = follower_has_room(follower) ? follow_store_take(&follower->store) : 0;
    if (file->slot == 0) {
        follower_complain(follower, file->path, "cannot be followed", -EUSERS);
        followed_file_free(file);
        follower->unwatched = true;
        return follower->flow;
    }
    file->sequence = follow_store_number(&follower->store);
    file->since_ns = file->identity.born_ns; /* all of it is known */
    if (file->first_path == NULL && first_path != NULL)
        file->first_path = strdup(first_path);
    follower_set_away(file);
    follower_add(follower, file);
    return follower_save(follower, file);
}

static bool is_unseen(const struct follower *follower, const struct sibling *sibling,
                      const struct follow_range *range)
{
    const struct file_facts *facts = &sibling->facts;
    const struct followed_file *now = range->now;
    if (facts->born_ns <= range->after_ns || follower_find(follower, facts) != NULL ||
        !sibling_is_rotated_plainly(path_name(sibling->path), path_name(range->path)))
        return false;
    return now == NULL || (!file_is_same(&now->identity, facts) && !is_copy_of(now, sibling->path, facts->size));
}

/* Follows the files of a list that nobody has seen. @moved receives whether some were renamed since it was made.
 */
static enum flow add_unseen(struct follower *follower, const struct siblings *siblings,
                            const struct follow_range *range, uint64_t *bytes, bool *moved)
{
    enum flow flow = FLOW_CONTINUE;
    *moved = false;
    for (size_t i = 0; i < siblings->count && flow == FLOW_CONTINUE && !*moved; i++) {
        struct followed_file *file;
        const struct sibling *sibling = &siblings->list[i];
        if (!is_unseen(follower, sibling, range))
            continue;
        const int error = followed_file_open_same(&file, sibling->path, &sibling->facts, 0);
        *moved = error == -ESTALE;
        if (error != 0 && !*moved)
            follower_complain(follower, sibling->path, "cannot be opened", error);
        if (error != 0)
            continue;
        *bytes += file->size;
        say_detail("%s: was %s before anybody has seen it; reading all of it", sibling->path, range->path);
        file->name = patterns_hash_path(range->path);
        flow = add_away(follower, file, range->path);
    }
    return flow;
}

enum flow follow_unseen(struct follower *follower, const struct follow_range *range, uint64_t *bytes)
{
    enum flow flow = FLOW_CONTINUE;
    bool moved = range->after_ns != 0;
    char *folder = path_folder(range->path);
    *bytes = 0;
    if (folder == NULL)
        return publisher_fail_memory(follower->publisher);
    for (int i = 0; i < SIBLINGS_TRIES && moved && flow == FLOW_CONTINUE; i++) {
        struct siblings siblings = {0};
        if (!siblings_add(&siblings, folder))
            flow = publisher_fail_memory(follower->publisher);
        siblings_sort(&siblings);
        if (flow == FLOW_CONTINUE)
            flow = add_unseen(follower, &siblings, range, bytes, &moved);
        siblings_free(&siblings);
    }
    free(folder);
    return flow;
}

static const char *name_of(const struct followed_file *file)
{
    return file->first_path != NULL ? file->first_path : file->path;
}

enum flow follow_copies_of_unread(struct follower *follower, struct followed_file *file, uint64_t *bytes)
{
    const int64_t now = file_time_ns(); /* before the look: what comes after it is found by the next one */
    const struct follow_range range = {.path = name_of(file), .after_ns = file->since_ns, .now = file};
    enum flow flow = follow_unseen(follower, &range, bytes);
    if (flow != FLOW_CONTINUE)
        return flow;
    file->since_ns = now;
    if (*bytes > 0)
        file->sequence = follow_store_number(&follower->store); /* its turn comes after theirs */
    return follower_save(follower, file);
}

/* ------------------------------------------------------------------ truncation */

/* Looks for a copy of a file that was truncated, in its folder. NULL: there is none. */
static enum flow find_copy(struct follower *follower, const struct followed_file *file,
                           const struct follow_record *old, struct followed_file **copy)
{
    enum flow flow = FLOW_CONTINUE;
    bool found = false;
    char *folder = path_folder(file->path);
    *copy = NULL;
    if (folder == NULL)
        return publisher_fail_memory(follower->publisher);
    for (int i = 0; i < SIBLINGS_TRIES && !found && flow == FLOW_CONTINUE; i++) {
        struct siblings siblings = {0};
        if (siblings_add(&siblings, folder))
            found = follow_copy_find(follower, &siblings, old, path_name(name_of(file)), copy);
        else
            flow = publisher_fail_memory(follower->publisher);
        siblings_free(&siblings);
    }
    free(folder);
    return flow;
}

/* @size  receives the size of the copy that goes on where the file was truncated; 0: there is none */
static enum flow go_on_with_copy(struct follower *follower, const struct followed_file *file,
                                 const struct follow_record *old, uint64_t *size)
{
    struct followed_file *copy;
    struct follow_range range = {.path = name_of(file), .after_ns = old->since_ns, .now = file};
    uint64_t unseen;
    enum flow flow = find_copy(follower, file, old, &copy);
    *size = 0;
    if (flow == FLOW_CONTINUE && copy != NULL) {
        range.after_ns = copy->identity.born_ns;
        *size = copy->size;
        say_detail("%s: is a copy of %s; reading on from byte %" PRIu64, copy->path, file->path, old->offset);
        flow = add_away(follower, copy, range.path);
    }
    if (flow == FLOW_CONTINUE) /* it may have been truncated several times */
        flow = follow_unseen(follower, &range, &unseen);
    return flow;
}

/* What was written after the last look and before the file was truncated, nobody has seen. */
static void tell_cut(const char *path, const struct follow_record *old, bool is_copied)
{
    if (is_copied || old->size > old->offset)
        say_detail("%s: was truncated or replaced after byte %" PRIu64 "; beginning anew", path, old->offset);
    else
        say_status("%s: was truncated or replaced: what was written to it after byte %" PRIu64
                   " and before that is lost, if anything; beginning anew",
                   path, old->offset);
}

enum flow follow_cut(struct follower *follower, struct followed_file *file, const struct follow_record *old)
{
    const int64_t now = file_time_ns(); /* before the look, as above */
    uint64_t copied;
    enum flow flow = go_on_with_copy(follower, file, old, &copied);
    if (flow != FLOW_CONTINUE)
        return flow;
    const uint64_t reached = copied > old->offset ? copied : old->offset;
    tell_cut(file->path, old, copied > 0);
    follower_lose(follower, file->path, old->size > reached ? old->size - reached : 0, "was truncated");
    /* The place of the last message, which may name the file's record, must not apply to its new content. */
    file->sequence = follow_store_number(&follower->store);
    followed_file_restart(file);
    file->since_ns = now;
    return follower_save(follower, file);
}

/* ------------------------------------------------------------------ copies in the making */

static bool may_be_copy(const struct followed_file *file, const char *path)
{
    const size_t folder = (size_t)(path_name(path) - path);
    return file->fd >= 0 && folder == (size_t)(path_name(file->path) - file->path) &&
           memcmp(path, file->path, folder) == 0 && sibling_is_rotated(path_name(path), path_name(name_of(file)));
}

bool follow_is_copy(struct follower *follower, const char *path, const struct file_facts *facts)
{
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (!may_be_copy(file, path))
            continue;
        if (follower->waiting)
            return true; /* to be looked at when nothing is being put */
        if (!followed_file_is_intact(file)) {
            const struct follow_record old = followed_file_record(file);
            follower->flow = follow_cut(follower, file, &old);
            if (follower->flow != FLOW_CONTINUE || follower_find(follower, facts) != NULL)
                return true;
        }
        if (is_copy_of(file, path, facts->size))
            return true;
    }
    return false;
}
