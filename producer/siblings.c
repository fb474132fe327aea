/* SPDX-License-Identifier: MIT */
#include "producer/siblings.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "producer/patterns.h"

static bool add_path(struct siblings *siblings, char *path)
{
    struct file_facts facts;
    if (path == NULL)
        return false;
    if (file_facts_of(path, &facts) != 0 || !S_ISREG(facts.mode)) {
        free(path);
        return true;
    }
    if (siblings->count == siblings->room) {
        const size_t room = siblings->room == 0 ? 64 : siblings->room * 2;
        struct sibling *longer = realloc(siblings->list, room * sizeof(*longer));
        if (longer == NULL) {
            free(path);
            return false;
        }
        siblings->list = longer;
        siblings->room = room;
    }
    siblings->list[siblings->count++] = (struct sibling){path, facts};
    return true;
}

static bool list_once(struct siblings *siblings, const char *folder)
{
    DIR *open = opendir(folder);
    if (open == NULL)
        return true;
    bool ok = true;
    const struct dirent *entry;
    while (ok && (entry = readdir(open)) != NULL) {
        if (entry->d_type == DT_REG || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
            ok = add_path(siblings, path_join(folder, entry->d_name));
    }
    closedir(open);
    return ok;
}

static bool are_same(const struct siblings *one, const struct siblings *other)
{
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++) {
        if (one->list[i].facts.inode != other->list[i].facts.inode ||
            strcmp(one->list[i].path, other->list[i].path) != 0)
            return false;
    }
    return true;
}

static bool append(struct siblings *siblings, struct siblings *more)
{
    if (more->count == 0)
        return true;
    const size_t count = siblings->count + more->count;
    struct sibling *longer = realloc(siblings->list, count * sizeof(*longer));
    if (longer == NULL)
        return false;
    memcpy(longer + siblings->count, more->list, more->count * sizeof(*longer));
    siblings->list = longer;
    siblings->count = siblings->room = count;
    more->count = 0; /* the paths belong to the other list now */
    return true;
}

/* A file that is renamed while a folder is read may be left out. So it is read until nothing changes. */
bool siblings_add(struct siblings *siblings, const char *folder)
{
    struct siblings now = {0};
    struct siblings before = {0};
    bool ok = list_once(&now, folder);
    for (int i = 0; ok && i < SIBLINGS_TRIES; i++) {
        siblings_free(&before);
        before = now;
        now = (struct siblings){0};
        ok = list_once(&now, folder);
        if (are_same(&before, &now))
            break;
    }
    ok = ok && append(siblings, &now);
    siblings_free(&before);
    siblings_free(&now);
    return ok;
}

void siblings_free(struct siblings *siblings)
{
    for (size_t i = 0; i < siblings->count; i++)
        free(siblings->list[i].path);
    free(siblings->list);
    *siblings = (struct siblings){0};
}

static int64_t age(const struct sibling *sibling)
{
    return sibling->facts.born_ns != 0 ? sibling->facts.born_ns : sibling->facts.changed_ns;
}

static int compare(const void *a, const void *b)
{
    const struct sibling *one = a;
    const struct sibling *other = b;
    if (age(one) != age(other))
        return age(one) < age(other) ? -1 : 1;
    return strcmp(one->path, other->path);
}

void siblings_sort(struct siblings *siblings)
{
    if (siblings->count > 1)
        qsort(siblings->list, siblings->count, sizeof(*siblings->list), compare);
}

/*
 * Finds what a rotation has added to a name.
 *
 * @length  receives its bytes, without the character between
 *
 * Return: NULL if it cannot be a rotation's.
 */
static const char *find_added(const char *name, const char *base, size_t *length)
{
    const size_t whole = strlen(base);
    const char *dot = strrchr(base, '.');
    const size_t stem = dot != NULL && dot != base ? (size_t)(dot - base) : whole;
    const size_t extension = whole - stem;
    const size_t bytes = strlen(name);
    if (bytes > whole + 1 && memcmp(name, base, whole) == 0 && strchr(".-_", name[whole]) != NULL) {
        *length = bytes - whole - 1;
        return name + whole + 1;
    }
    if (extension > 0 && bytes > whole + 1 && memcmp(name, base, stem) == 0 && strchr(".-_", name[stem]) != NULL &&
        strcmp(name + bytes - extension, base + stem) == 0) {
        *length = bytes - extension - stem - 1;
        return name + stem + 1;
    }
    return NULL;
}

bool sibling_is_rotated(const char *name, const char *base)
{
    size_t length;
    return find_added(name, base, &length) != NULL;
}

bool sibling_is_rotated_plainly(const char *name, const char *base)
{
    size_t length;
    const char *added = find_added(name, base, &length);
    if (added == NULL)
        return false;
    if ((length == 3 && memcmp(added, "old", 3) == 0) || (length == 4 && memcmp(added, "prev", 4) == 0))
        return true;
    return added[0] >= '0' && added[0] <= '9' && strspn(added, "0123456789TZ:._-") >= length;
}
