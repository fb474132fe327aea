/* SPDX-License-Identifier: MIT */
#include "supervisor/programs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "common/cli/options.h"
#include "common/cli/say.h"

/* Looks for @name in the folder of @path, with the prefix that the name in @path has before "supervisor" or "run".
 */
static char *beside(const char *path, const char *name)
{
    static const char *const own[] = {"supervisor", "run"};
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    size_t length = strlen(file);
    size_t prefix = 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        size_t end = strlen(own[i]);
        if (length > end && strcmp(file + length - end, own[i]) == 0)
            prefix = length - end;
    }
    char *found = NULL;
    const char *folder = slash != NULL ? "" : "./";
    if (asprintf(&found, "%s%.*s%.*s%s", folder, (int)(file - path), path, (int)prefix, file, name) < 0)
        return NULL;
    if (access(found, X_OK) == 0)
        return found;
    free(found);
    return NULL;
}

char *programs_find(const char *name)
{
    const char *self = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    char target[PATH_MAX];
    char *found = self != NULL ? beside(self, name) : NULL;
    /* If this program was called through a link, the others may be beside the link's target. */
    if (found == NULL && self != NULL && realpath(self, target) != NULL)
        found = beside(target, name);
    if (found != NULL)
        return found;
    say_error("%s: cannot be found beside %s (build it with 'make', or install it)", name,
              self != NULL ? self : say_program());
    exit(EXIT_FAILED);
}
