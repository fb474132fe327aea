/* SPDX-License-Identifier: MIT */
#include <gnu/libc-version.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/cli/units.h"
#include "monitor/doctor/doctor.h"

static void say_versions(struct doctor *doctor)
{
    struct utsname name;
    if (uname(&name) == 0)
        doctor_say(doctor, VERDICT_OK, "machine", "kernel", NULL, "%s %s, %s", name.sysname, name.release,
                   name.machine);
    doctor_say(doctor, VERDICT_OK, "machine", "glibc", NULL, "glibc %s (2.34 is the least that will do)",
               gnu_get_libc_version());
}

static void say_membarrier(struct doctor *doctor)
{
    const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    const long needed = MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
    if (commands >= 0 && (commands & needed) == needed)
        doctor_say(doctor, VERDICT_OK, "machine", "membarrier", NULL, "membarrier is available");
    else
        doctor_say(doctor, VERDICT_WARNING, "machine", "membarrier",
                   "allow membarrier in the seccomp profile, or use Linux 4.16 or later",
                   "membarrier is not available: each put costs a full fence, which is slower");
}

/* Processors' worth of time that the control group allows; negative: no limit. */
static double allowed_processors(void)
{
    double quota = -1;
    double period = 1;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    const bool limited = file != NULL && fscanf(file, "%lf %lf", &quota, &period) == 2 && period > 0;
    if (file != NULL)
        (void)fclose(file);
    return limited ? quota / period : -1;
}

static void say_processors(struct doctor *doctor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    const int usable = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const double allowed = allowed_processors();
    if (allowed > 0 && allowed < 1)
        doctor_say(doctor, VERDICT_WARNING, "machine", "processors",
                   "raise the quota, for example 'docker run --cpus 2'",
                   "the control group allows %d %% of one processor: processes are held up in the middle of their "
                   "work",
                   (int)(allowed * 100));
    else if (usable == 1)
        doctor_say(doctor, VERDICT_OK, "machine", "processors", NULL,
                   "1 of %ld processor%s: producers and consumers take turns", online,
                   units_plural((uint64_t)online));
    else
        doctor_say(doctor, VERDICT_OK, "machine", "processors", NULL, "%d of %ld processors", usable, online);
}

/* Options of the mount of /proc that hide other users' processes. */
static bool proc_is_hiding(void)
{
    char line[1024];
    bool hides = false;
    FILE *file = fopen("/proc/self/mounts", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "proc /proc ", 11) == 0)
            hides = strstr(line, "hidepid=") != NULL && strstr(line, "hidepid=0") == NULL &&
                    strstr(line, "hidepid=off") == NULL;
    if (file != NULL)
        (void)fclose(file);
    return hides;
}

static void say_proc(struct doctor *doctor)
{
    if (access("/proc/self/stat", R_OK) != 0)
        doctor_say(doctor, VERDICT_WARNING, "machine", "proc", "'mount -t proc proc /proc'",
                   "/proc is not there: whether a process is stopped cannot be told");
    else if (geteuid() != 0 && proc_is_hiding())
        doctor_say(doctor, VERDICT_WARNING, "machine", "proc", "run this as root, or mount /proc with gid=",
                   "/proc hides other users' processes (hidepid): whether these are stopped cannot be told");
    else
        doctor_say(doctor, VERDICT_OK, "machine", "proc", NULL, "/proc shows all processes");
}

void doctor_system(struct doctor *doctor)
{
    say_versions(doctor);
    say_processors(doctor);
    say_membarrier(doctor);
    say_proc(doctor);
}
