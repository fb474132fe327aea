/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "common/cli/say.h"
#include "monitor/doctor/doctor.h"
#include "monitor/formats/json_string.h"

static const char *const words[] = {
    [VERDICT_OK] = "ok", [VERDICT_WARNING] = "warning", [VERDICT_FAILURE] = "failure"};

static void print_text(enum verdict verdict, const char *subject, const char *remedy, bool fixed, const char *text)
{
    printf("%-8s %s: %s", fixed ? "fixed" : words[verdict], subject, text);
    if (remedy != NULL)
        printf(" (%s)", remedy);
    putchar('\n');
}

static void print_member(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    json_string(stdout, text);
    fputs(", ", stdout);
}

static void print_json(const struct doctor *doctor, enum verdict verdict, const char *subject, const char *check,
                       const char *remedy, bool fixed, const char *text)
{
    fputs(doctor->findings == 0 ? "\n  {" : ",\n  {", stdout);
    print_member("verdict", words[verdict]);
    print_member("subject", subject);
    print_member("check", check);
    print_member("text", text);
    if (remedy != NULL)
        print_member("remedy", remedy);
    printf("\"fixed\": %s}", fixed ? "true" : "false");
}

static void print(struct doctor *doctor, enum verdict verdict, const char *subject, const char *check,
                  const char *remedy, bool fixed, const char *text)
{
    if (doctor->json)
        print_json(doctor, verdict, subject, check, remedy, fixed, text);
    else if (verdict != VERDICT_OK || fixed || !doctor->quiet)
        print_text(verdict, subject, remedy, fixed, text);
    doctor->findings++;
    doctor->warnings += verdict == VERDICT_WARNING;
    doctor->failures += verdict == VERDICT_FAILURE;
    doctor->fixed += fixed;
}

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *subject, const char *check,
                const char *remedy, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print(doctor, verdict, subject, check, remedy, false, text);
}

void doctor_say_fixed(struct doctor *doctor, const char *subject, const char *check, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print(doctor, VERDICT_OK, subject, check, NULL, true, text);
}
