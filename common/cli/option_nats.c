/* SPDX-License-Identifier: MIT */
#include "common/cli/option_nats.h"

#include <string.h>

#include "common/cli/options.h"

#define AT(member) .at = offsetof(struct nats_options, member)

static const struct option_entry entries[] = {
    {.name = "stream", .kind = OPTION_IS_TEXT, AT(stream), .argument = "STREAM", .help = "the JetStream stream"},
    {.name = "creds",
     .kind = OPTION_IS_TEXT,
     AT(creds),
     .incidental = true,
     .argument = "FILE",
     .help = "log in with the credentials (JWT and seed) in FILE"},
    {.name = "nkey",
     .kind = OPTION_IS_TEXT,
     AT(nkey),
     .incidental = true,
     .argument = "FILE",
     .help = "log in with the seed in FILE"},
    {.name = "tls",
     .kind = OPTION_IS_FLAG,
     AT(tls),
     .incidental = true,
     .help = "require an encrypted connection, and a certificate of the server that the system trusts"},
    {.name = "tls-ca",
     .kind = OPTION_IS_TEXT,
     AT(tls_ca),
     .incidental = true,
     .argument = "FILE",
     .help = "also trust the certificate authorities in FILE"},
    {.name = "tls-cert",
     .kind = OPTION_IS_TEXT,
     AT(tls_cert),
     .incidental = true,
     .argument = "FILE",
     .help = "show the server this certificate; needs --tls-key"},
    {.name = "tls-key",
     .kind = OPTION_IS_TEXT,
     AT(tls_key),
     .incidental = true,
     .argument = "FILE",
     .help = "its private key"},
    {.name = "name",
     .kind = OPTION_IS_TEXT,
     AT(name),
     .incidental = true,
     .argument = "TEXT",
     .help = "name of the connection in the server's monitoring (shmq and the queue's name)"},
    {.name = "allow-lossy",
     .kind = OPTION_IS_FLAG,
     AT(allow_lossy),
     .help = "use a stream although it is set up so that it can lose messages silently"},
    {.name = "give-up",
     .kind = OPTION_IS_DURATION,
     AT(give_up_ns),
     .incidental = true,
     .argument = "DURATION",
     .help = "exit 4 after DURATION without a connection or any progress (never)"},
    {.name = "make-stream",
     .kind = OPTION_IS_FLAG,
     AT(make_stream),
     .help = "make the stream if it is missing: in files, never discarding messages"},
    {.name = "replicas",
     .kind = OPTION_IS_COUNT32,
     .min = 1,
     .max = 5,
     AT(replicas),
     .argument = "N",
     .help = "with --make-stream: how many servers keep it (1)"},
    {.name = NULL},
};

const struct option_section option_nats_section = {.title = "Connection to NATS:", .entries = entries};

void option_nats_init(struct nats_options *options)
{
    *options = (struct nats_options){.give_up_ns = -1};
}

static bool has_prefix(const char *text, size_t length, const char *prefix)
{
    const size_t bytes = strlen(prefix);
    return length >= bytes && memcmp(text, prefix, bytes) == 0;
}

/* Whether what stands behind the host, if anything does, is a port. An address of IPv6 stands in brackets. */
static bool has_good_port(const char *text, size_t length)
{
    const char *scheme = memmem(text, length, "://", 3);
    const char *end = text + length;
    const char *from = scheme != NULL ? scheme + 3 : text;
    const char *at = memrchr(from, '@', (size_t)(end - from));
    if (at != NULL)
        from = at + 1;
    const char *slash = memchr(from, '/', (size_t)(end - from));
    if (slash != NULL)
        end = slash;
    const char *bracket = memrchr(from, ']', (size_t)(end - from));
    const char *colon =
        memchr(bracket != NULL ? bracket : from, ':', (size_t)(end - (bracket != NULL ? bracket : from)));
    if (colon == NULL)
        return true;
    unsigned port = 0;
    for (at = colon + 1; at < end && *at >= '0' && *at <= '9' && port <= UINT16_MAX; at++)
        port = port * 10 + (unsigned)(*at - '0');
    return at == end && port > 0 && port <= UINT16_MAX;
}

/* What is wrong with one server of the list; NULL: nothing. */
static const char *problem_of_server(const char *text, size_t length)
{
    const char *scheme = memmem(text, length, "://", 3);
    if (length == 0)
        return "names no server at some place (give HOST, HOST:PORT or a nats:// URL, separated by commas)";
    if (scheme != NULL && !has_prefix(text, length, "nats://") && !has_prefix(text, length, "tls://"))
        return "has an unknown scheme (nats:// and tls:// are known)";
    if (scheme != NULL && scheme + 3 == text + length)
        return "lacks a host behind a scheme";
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return "contains a blank or a control character";
    }
    if (!has_good_port(text, length))
        return "has a port that is not a number from 1 to 65535 (an IPv6 address needs brackets)";
    return NULL;
}

void option_nats_take_servers(struct nats_options *options, const struct option_entry *entry, const char *argument)
{
    size_t count = 0;
    const char *at = argument;
    for (;;) {
        const size_t length = strcspn(at, ",");
        const char *problem = problem_of_server(at, length);
        if (problem != NULL)
            option_entry_bad(entry, argument, problem);
        if (has_prefix(at, length, "tls://"))
            options->tls = true;
        if (++count > NATS_SERVERS_MAX)
            option_entry_bad(entry, argument, "names more than 64 servers");
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    options->servers = argument;
}

/* An option that was given although there is no bridge; NULL: none. */
static const char *given_in_vain(const struct nats_options *options)
{
    const struct {
        bool given;
        const char *name;
    } all[] = {{options->stream != NULL, "--stream"},   {options->creds != NULL, "--creds"},
               {options->nkey != NULL, "--nkey"},       {options->tls, "--tls"},
               {options->tls_ca != NULL, "--tls-ca"},   {options->tls_cert != NULL, "--tls-cert"},
               {options->tls_key != NULL, "--tls-key"}, {options->name != NULL, "--name"},
               {options->allow_lossy, "--allow-lossy"}, {options->give_up_ns >= 0, "--give-up"},
               {options->make_stream, "--make-stream"}, {options->replicas != 0, "--replicas"}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].given)
            return all[i].name;
    }
    return NULL;
}

void option_nats_check_name(const char *option, const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr(".*>/\\", *at) != NULL)
            options_bad(option, name, "not a name (no blanks, no . * > / \\)");
    }
}

void option_nats_check(const struct nats_options *options, const char *bridge)
{
    const char *name = given_in_vain(options);
    if (options->servers == NULL && name != NULL)
        options_usage("%s needs %s", name, bridge);
    if (options->servers == NULL)
        return;
    if (options->stream == NULL)
        options_usage("%s needs --stream STREAM", bridge);
    option_nats_check_name("--stream", options->stream);
    if (options->creds != NULL && options->nkey != NULL)
        options_usage("--creds and --nkey: only one of them can be given");
    if ((options->tls_cert == NULL) != (options->tls_key == NULL))
        options_usage("%s needs %s", options->tls_cert != NULL ? "--tls-cert" : "--tls-key",
                      options->tls_cert != NULL ? "--tls-key" : "--tls-cert");
    if (options->replicas != 0 && !options->make_stream)
        options_usage("--replicas needs --make-stream");
}
