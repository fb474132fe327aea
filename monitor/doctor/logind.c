/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "monitor/doctor/doctor.h"

/* With less priority first. */
static const char *const folders[] = {"/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd",
                                      "/etc/systemd"};
#define FOLDERS (sizeof(folders) / sizeof(folders[0]))
#define DROP_INS 64
#define SYSTEM_USER_MAX 999u

/* What RemoveIPC is set to; the upstream default is yes. */
struct setting {
    bool removes;
    char from[384]; /* file; "": nowhere */
};

static char *skip_blanks(char *text)
{
    return text + strspn(text, " \t");
}

static bool is_true(const char *word)
{
    return strcasecmp(word, "yes") == 0 || strcasecmp(word, "true") == 0 || strcasecmp(word, "on") == 0 ||
           strcmp(word, "1") == 0;
}

static void read_setting(struct setting *setting, const char *path)
{
    char line[512];
    bool login = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *at = skip_blanks(line);
        at[strcspn(at, "\r\n")] = '\0';
        if (at[0] == '[')
            login = strncmp(at, "[Login]", 7) == 0;
        if (!login || strncmp(at, "RemoveIPC", 9) != 0)
            continue;
        at = skip_blanks(at + 9);
        if (*at != '=')
            continue;
        at = skip_blanks(at + 1);
        at[strcspn(at, " \t")] = '\0';
        setting->removes = *at == '\0' || is_true(at); /* an empty value is the default */
        (void)snprintf(setting->from, sizeof(setting->from), "%s", path);
    }
    if (file != NULL)
        (void)fclose(file);
}

/* Drop-ins of all folders count in the order of their names; of the same name, that of the last folder. */
struct drop_ins {
    char names[DROP_INS][256];
    char folders[DROP_INS][128];
    size_t count;
};

static void add_drop_in(struct drop_ins *all, const char *folder, const char *name)
{
    size_t at = 0;
    const char *end = strrchr(name, '.');
    if (end == NULL || strcmp(end, ".conf") != 0 || strlen(name) >= sizeof(all->names[0]))
        return;
    while (at < all->count && strcmp(all->names[at], name) < 0)
        at++;
    if (at == all->count || strcmp(all->names[at], name) != 0) {
        if (all->count == DROP_INS)
            return;
        memmove(all->names[at + 1], all->names[at], (all->count - at) * sizeof(all->names[0]));
        memmove(all->folders[at + 1], all->folders[at], (all->count - at) * sizeof(all->folders[0]));
        all->count++;
    }
    (void)snprintf(all->names[at], sizeof(all->names[at]), "%s", name);
    (void)snprintf(all->folders[at], sizeof(all->folders[at]), "%s", folder);
}

static void read_drop_ins(struct setting *setting)
{
    static struct drop_ins all;
    char path[384];
    for (size_t i = 0; i < FOLDERS; i++) {
        char folder[128];
        const struct dirent *entry;
        (void)snprintf(folder, sizeof(folder), "%s/logind.conf.d", folders[i]);
        DIR *directory = opendir(folder);
        while (directory != NULL && (entry = readdir(directory)) != NULL)
            add_drop_in(&all, folder, entry->d_name);
        if (directory != NULL)
            (void)closedir(directory);
    }
    for (size_t i = 0; i < all.count; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", all.folders[i], all.names[i]);
        read_setting(setting, path);
    }
}

static struct setting find_setting(void)
{
    struct setting setting = {.removes = true};
    for (size_t i = 0; i < FOLDERS; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/logind.conf", folders[i]);
        read_setting(&setting, path);
    }
    read_drop_ins(&setting);
    return setting;
}

/* Whether the user stays when all sessions have ended: a system user, or one who lingers. */
static bool stays(uid_t user)
{
    char path[320];
    const struct passwd *entry = getpwuid(user);
    if (user <= SYSTEM_USER_MAX)
        return true;
    if (entry == NULL)
        return false;
    (void)snprintf(path, sizeof(path), "/var/lib/systemd/linger/%.255s", entry->pw_name);
    return access(path, F_OK) == 0;
}

/* A user whose queues would go: of a queue, or whoever asks. Return: false if there is none. */
static bool find_user(const struct snapshots *queues, uid_t *user)
{
    for (size_t i = 0; i < queues->count; i++) {
        *user = queues->items[i].stat.owner;
        if (queues->items[i].opened && !stays(*user))
            return true;
    }
    *user = geteuid();
    return !stays(*user);
}

void doctor_logind(struct doctor *doctor, const struct snapshots *queues)
{
    char name[64];
    char remedy[256];
    uid_t user;
    if (access("/run/systemd/system", F_OK) != 0) {
        doctor_say(doctor, VERDICT_OK, "machine", "logind", NULL,
                   "systemd does not run here: queues outlive logins");
        return;
    }
    const struct setting setting = find_setting();
    if (!setting.removes) {
        doctor_say(doctor, VERDICT_OK, "machine", "logind", NULL, "RemoveIPC=no in %s: queues outlive logins",
                   setting.from);
        return;
    }
    if (!find_user(queues, &user)) {
        doctor_say(doctor, VERDICT_OK, "machine", "logind", NULL,
                   "RemoveIPC=yes, but the queues here are of system users or of users who linger");
        return;
    }
    const struct passwd *entry = getpwuid(user);
    (void)snprintf(name, sizeof(name), "%u", user);
    if (entry != NULL)
        (void)snprintf(name, sizeof(name), "%.60s", entry->pw_name);
    (void)snprintf(remedy, sizeof(remedy),
                   "'loginctl enable-linger %s', or RemoveIPC=no in /etc/systemd/logind.conf", name);
    doctor_say(doctor, VERDICT_WARNING, "machine", "logind", remedy,
               "RemoveIPC=yes%s%s: systemd-logind deletes the queues of user %s at the last logout",
               setting.from[0] != '\0' ? " in " : " by default", setting.from, name);
}
