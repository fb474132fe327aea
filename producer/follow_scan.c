/* SPDX-License-Identifier: MIT */
#include "producer/follow_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "producer/follow_copy.h"
#include "producer/siblings.h"

#define SECOND INT64_C(1000000000)
/* How often to look where notices tell everything, in case that one does not come, and where they do not. */
#define LOOK_RARELY_NS (10 * SECOND)
#define LOOK_OFTEN_NS SECOND

struct scan {
    struct follower *follower;
    struct siblings fresh; /* paths that lead to files which are not followed */
};

/* ------------------------------------------------------------------ folders */

static bool want_folder(void *context, const char *path)
{
    struct follower *follower = context;
    bool complete;
    const int id = watch_folder(&follower->watch, path, &complete);
    if (!complete)
        follower->unwatched = true;
    if (id < 0)
        return true;
    for (size_t i = 0; i < follower->folder_count; i++) {
        if (follower->folders[i].id != id)
            continue;
        follower->folders[i].wanted = true;
        return true;
    }
    struct watched_folder *longer =
        realloc(follower->folders, (follower->folder_count + 1) * sizeof(*follower->folders));
    if (longer == NULL)
        return false;
    follower->folders = longer;
    follower->folders[follower->folder_count++] = (struct watched_folder){id, true};
    return true;
}

/* Watches the folders in which names can appear. Comes before the look at the names, so that none is missed. */
static enum flow watch_folders(struct follower *follower)
{
    for (size_t i = 0; i < follower->folder_count; i++)
        follower->folders[i].wanted = false;
    if (!patterns_visit_folders(&follower->patterns, want_folder, follower))
        return publisher_fail_memory(follower->publisher);
    for (size_t i = 0; i < follower->folder_count;) {
        if (follower->folders[i].wanted) {
            i++;
            continue;
        }
        watch_remove(&follower->watch, follower->folders[i].id);
        follower->folders[i] = follower->folders[--follower->folder_count];
    }
    return FLOW_CONTINUE;
}

/* ------------------------------------------------------------------ names */

static bool set_text(char **text, const char *value)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return false;
    free(*text);
    *text = copy;
    return true;
}

/*
 * A file that was left has come back to a name; its inode may be another file's by now.
 *
 * Return: 0; -ESTALE if it is; another negative errno.
 */
static int come_back(struct follower *follower, struct followed_file *file, const char *path)
{
    struct followed_file *opened;
    const uint64_t mark = followed_file_mark(file);
    const struct file_facts facts = {
        .device = file->identity.device, .inode = file->identity.inode, .born_ns = file->identity.born_ns};
    const int error = followed_file_open_same(&opened, path, &facts, file->offset);
    if (error != 0)
        return error == -EINVAL ? -ESTALE : error;
    if (!file_has_content(opened->fd, &file->identity, file->offset, mark)) {
        followed_file_free(opened);
        return -ESTALE;
    }
    file->fd = opened->fd;
    memcpy(file->mark, opened->mark, sizeof(file->mark));
    file->chunk_bytes = opened->chunk_bytes;
    file->readable = true;
    opened->fd = -1;
    followed_file_free(opened);
    follower_watch(follower, file);
    return 0;
}

/* A path leads to a file that was left. Return: 0: it is followed again; -ESTALE: it is another file; -EAGAIN. */
static int try_again(struct follower *follower, struct followed_file *file, const char *path)
{
    const int error = follower->waiting ? -EAGAIN : come_back(follower, file, path);
    if (error == 0 || error == -ESTALE)
        return error;
    file->named = true;
    if (!follower->waiting)
        follower_complain(follower, path, "cannot be opened", error);
    follower->unwatched = true;
    return -EAGAIN;
}

/* A path leads to a followed file. */
static bool note_name(struct followed_file *file, const char *path)
{
    if (file->named)
        return true;
    file->named = true;
    file->away_ns = 0;
    if (file->first_path == NULL && patterns_hash_path(path) == file->name && !set_text(&file->first_path, path))
        return false;
    if (strcmp(file->path, path) == 0)
        return true;
    followed_file_lose_name(file);
    return set_text(&file->path, path);
}

static bool add_fresh(struct scan *scan, const char *path, const struct file_facts *facts)
{
    struct siblings *fresh = &scan->fresh;
    struct sibling *longer = realloc(fresh->list, (fresh->count + 1) * sizeof(*longer));
    char *copy = strdup(path);
    if (longer != NULL)
        fresh->list = longer;
    if (longer == NULL || copy == NULL) {
        free(copy);
        return false;
    }
    fresh->list[fresh->count].path = copy;
    fresh->list[fresh->count].facts = *facts;
    fresh->count++;
    return true;
}

static void complain_of_folder(void *context, const char *path, int error)
{
    const struct scan *scan = context;
    follower_complain(scan->follower, path, "cannot be read", error);
    scan->follower->unwatched = true;
}

static bool visit_path(void *context, const char *path)
{
    struct scan *scan = context;
    struct follower *follower = scan->follower;
    struct file_facts facts;
    struct stat link;
    const int error = file_facts_of(path, &facts);
    if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode))
        follower->unwatched = true; /* its target's folder is not watched */
    if (error == -ENOENT || error == -ENOTDIR)
        return true;
    if (error != 0) {
        follower_complain(follower, path, "cannot be examined", error);
        return true;
    }
    if (!S_ISREG(facts.mode))
        return true;
    struct followed_file *known = follower_find(follower, &facts);
    if (known == NULL)
        return add_fresh(scan, path, &facts);
    const int lost = known->fd >= 0 ? 0 : try_again(follower, known, path);
    if (lost == 0)
        return note_name(known, path);
    if (lost != -ESTALE)
        return true;
    follower->flow = follower_remove(follower, known);
    return follower->flow == FLOW_CONTINUE && add_fresh(scan, path, &facts);
}

/* ------------------------------------------------------------------ new files */

/* A file of that name that was left, and whose record was kept for its successor. */
static enum flow forget_left(struct follower *follower, const struct followed_file *successor)
{
    struct followed_file *file = follower->files;
    while (file != NULL) {
        struct followed_file *next = file->next;
        if (file != successor && file->name == successor->name && file->fd < 0) {
            const enum flow flow = follower_remove(follower, file);
            if (flow != FLOW_CONTINUE)
                return flow;
        }
        file = next;
    }
    return FLOW_CONTINUE;
}

static bool is_rotated_form(const char *path, const char *base)
{
    const size_t folder = (size_t)(path_name(path) - path);
    return folder == (size_t)(path_name(base) - base) && memcmp(path, base, folder) == 0 &&
           sibling_is_rotated_plainly(path_name(path), path_name(base));
}

/* The name that a rotation has given to a file which a pattern finds under the new one: the files of a name are in
 * order. */
static const char *original_name(const struct scan *scan, const char *path)
{
    for (const struct followed_file *file = scan->follower->files; file != NULL; file = file->next) {
        if (file->first_path != NULL && is_rotated_form(path, file->first_path))
            return file->first_path;
    }
    for (size_t i = 0; i < scan->fresh.count; i++) {
        if (is_rotated_form(path, scan->fresh.list[i].path))
            return scan->fresh.list[i].path;
    }
    return path;
}

/* Gives a new file its place, after those that had its name before it and were renamed before anybody has seen
 * them. */
static enum flow admit_file(const struct scan *scan, struct followed_file *file)
{
    struct follower *follower = scan->follower;
    const struct followed_file *before = follower_latest(follower, file->name);
    const struct follow_range range = {
        .path = file->path, .after_ns = before != NULL ? before->since_ns : 0, .now = file};
    uint64_t unseen;
    enum flow flow = FLOW_CONTINUE;
    if (before != NULL && !before->named)
        flow = follow_unseen(follower, &range, &unseen);
    file->slot = flow == FLOW_CONTINUE && follower_has_room(follower) ? follow_store_take(&follower->store) : 0;
    if (file->slot == 0) {
        follower->unwatched = true;
        follower_complain(follower, file->path, "cannot be followed", -EUSERS);
        followed_file_free(file);
        return flow == FLOW_CONTINUE ? follower->flow : flow;
    }
    file->sequence = follow_store_number(&follower->store);
    file->named = true;
    say_detail("%s: following it from byte %" PRIu64, file->path, file->offset);
    follower_add(follower, file);
    flow = follower_save(follower, file);
    return flow == FLOW_CONTINUE ? forget_left(follower, file) : flow;
}

static enum flow open_fresh(const struct scan *scan, const char *path, const struct file_facts *facts)
{
    struct followed_file *file;
    struct follower *follower = scan->follower;
    const int error = followed_file_open_same(&file, path, facts, follower->from_end ? UINT64_MAX : 0);
    if (error == -ESTALE) { /* what it leads to now may have had others before it */
        follower->scan_wanted = true;
        return FLOW_CONTINUE;
    }
    if (error != 0) {
        follower->unwatched = true;
        follower_complain(follower, path, "cannot be opened", error);
        return FLOW_CONTINUE;
    }
    file->first_path = strdup(original_name(scan, path));
    file->name = file->first_path != NULL ? patterns_hash_path(file->first_path) : 0;
    if (file->name == 0) {
        followed_file_free(file);
        return publisher_fail_memory(follower->publisher);
    }
    return admit_file(scan, file);
}

static enum flow admit(const struct scan *scan, const char *path, const struct file_facts *facts)
{
    struct follower *follower = scan->follower;
    if (follower_find(follower, facts) != NULL)
        return FLOW_CONTINUE; /* found to be a copy meanwhile */
    if (!follow_is_copy(follower, path, facts))
        return open_fresh(scan, path, facts);
    follower->held = true;
    return follower->flow;
}

static int compare_age(const void *a, const void *b)
{
    const struct sibling *one = a;
    const struct sibling *other = b;
    if (one->facts.changed_ns != other->facts.changed_ns)
        return one->facts.changed_ns < other->facts.changed_ns ? -1 : 1;
    return strcmp(one->path, other->path);
}

static bool is_fresh(const struct scan *scan, const char *path)
{
    for (size_t i = 0; i < scan->fresh.count; i++) {
        if (strcmp(scan->fresh.list[i].path, path) == 0)
            return true;
    }
    return false;
}

/* Names that lead nowhere now: they may have led to files that were renamed already. */
static enum flow find_unseen(const struct scan *scan)
{
    struct follower *follower = scan->follower;
    enum flow flow = FLOW_CONTINUE;
    for (struct followed_file *file = follower->files; file != NULL && flow == FLOW_CONTINUE; file = file->next) {
        uint64_t unseen;
        const struct follow_range range = {.path = file->first_path, .after_ns = file->since_ns};
        if (!file->named && file->first_path != NULL && follower_latest(follower, file->name) == file &&
            !is_fresh(scan, file->first_path))
            flow = follow_unseen(follower, &range, &unseen);
    }
    return flow;
}

/* ------------------------------------------------------------------ the whole */

static void begin_scan(struct follower *follower)
{
    follower->scan_wanted = false;
    follower->unwatched = follower->watch.fd < 0;
    follower->held = false;
    follower->flow = FLOW_CONTINUE;
    for (struct followed_file *file = follower->files; file != NULL; file = file->next)
        file->named = false;
    for (struct complaint *complaint = follower->complaints; complaint != NULL; complaint = complaint->next)
        complaint->holds = false;
}

static void end_scan(struct follower *follower)
{
    bool away = false;
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (!file->named)
            follower_set_away(file);
        /* The kernel does not tell that a folder was removed as long as a file that was in it is open. */
        away = away || (!file->named && file->fd >= 0);
        if (file->fd >= 0 && file->unwatched)
            follower->unwatched = true;
    }
    struct complaint **at = &follower->complaints;
    while (*at != NULL) {
        struct complaint *complaint = *at;
        if (complaint->holds) {
            at = &complaint->next;
            continue;
        }
        say_status("%s: the error has passed", complaint->path);
        *at = complaint->next;
        free(complaint->path);
        free(complaint);
    }
    const bool often = follower->unwatched || follower->held || away;
    follower->look_ns = stop_now_ns() + (often ? LOOK_OFTEN_NS : LOOK_RARELY_NS);
}

/*
 * Only FIFOs that were named: one that a pattern happens to match may be another program's. In the middle of a put
 * none is left, because its rest cannot be put then.
 */
static enum flow scan_fifos(struct follower *follower)
{
    struct stat st;
    if (!follower->waiting)
        fifos_begin_scan(&follower->fifos);
    for (size_t i = 0; i < follower->patterns.count; i++) {
        const char *path = follower->patterns.texts[i];
        if (pattern_is_glob(path) || stat(path, &st) != 0 || !S_ISFIFO(st.st_mode))
            continue;
        const int error = fifos_found(&follower->fifos, path);
        if (error == 0)
            continue;
        follower_complain(follower, path, "cannot be opened", error);
        follower->unwatched = true;
    }
    return follower->waiting ? FLOW_CONTINUE : fifos_end_scan(&follower->fifos);
}

enum flow follow_scan(struct follower *follower)
{
    struct scan scan = {.follower = follower};
    begin_scan(follower);
    enum flow flow = watch_folders(follower);
    if (flow == FLOW_CONTINUE)
        flow = scan_fifos(follower);
    if (flow == FLOW_CONTINUE && !patterns_visit_paths(&follower->patterns, visit_path, complain_of_folder, &scan))
        flow = follower->flow != FLOW_CONTINUE ? follower->flow : publisher_fail_memory(follower->publisher);
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (!file->named)
            follower_set_away(file);
    }
    if (flow == FLOW_CONTINUE)
        flow = find_unseen(&scan);
    if (scan.fresh.count > 1)
        qsort(scan.fresh.list, scan.fresh.count, sizeof(*scan.fresh.list), compare_age);
    for (size_t i = 0; i < scan.fresh.count && flow == FLOW_CONTINUE; i++)
        flow = admit(&scan, scan.fresh.list[i].path, &scan.fresh.list[i].facts);
    siblings_free(&scan.fresh);
    end_scan(follower);
    return flow;
}

static struct followed_file *find_watched(const struct follower *follower, int id)
{
    struct followed_file *file = follower->files;
    while (file != NULL && file->watch != id)
        file = file->next;
    return file;
}

static void on_event(void *context, enum watch_event event, int id, const char *name, bool is_folder)
{
    struct follower *follower = context;
    struct followed_file *file = event != WATCH_NAME && id >= 0 ? find_watched(follower, id) : NULL;
    if (file != NULL && file->fd >= 0)
        file->readable = true;
    switch (event) {
    case WATCH_WRITTEN:
        break;
    case WATCH_NAME:
        if (patterns_may_match(&follower->patterns, name, is_folder))
            follower->scan_wanted = true;
        break;
    case WATCH_MISSED:
        for (file = follower->files; file != NULL; file = file->next)
            file->readable = file->fd >= 0;
        follower->scan_wanted = true;
        break;
    case WATCH_GONE:
        if (file != NULL)
            file->watch = -1;
        for (size_t i = 0; i < follower->folder_count; i++) {
            if (follower->folders[i].id == id)
                follower->folders[i--] = follower->folders[--follower->folder_count];
        }
        follower->scan_wanted = true;
        break;
    case WATCH_MOVED:
        follower->scan_wanted = true;
        break;
    }
}

void follow_notice(struct follower *follower)
{
    watch_read(&follower->watch, on_event, follower);
}
