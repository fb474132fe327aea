/* SPDX-License-Identifier: MIT */
#include "common/nats/nkey.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * A key is written in base32: a seed as two bytes of prefix, 32 bytes and a checksum; a public key with one byte
 * of prefix.
 */
enum {
    RAW_BYTES = 32,
    SEED_PREFIX = 18 << 3, /* "S" */
    USER_PREFIX = 20 << 3, /* "U" */
    SEED_BYTES = 2 + RAW_BYTES + 2,
    PUBLIC_BYTES = 1 + RAW_BYTES + 2,
    SEED_LETTERS = 58,
    PUBLIC_LETTERS = 56,
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static uint16_t checksum(const uint8_t *bytes, size_t count)
{
    uint16_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum = (uint16_t)(sum ^ bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            sum = (uint16_t)((sum & 0x8000) != 0 ? sum << 1 ^ 0x1021 : sum << 1);
    }
    return sum;
}

static bool decode(const char *text, size_t length, uint8_t *bytes, size_t count)
{
    uint32_t buffer = 0;
    unsigned bits = 0;
    size_t done = 0;
    for (size_t i = 0; i < length; i++) {
        const char *letter = memchr(letters, text[i], sizeof(letters) - 1);
        if (letter == NULL)
            return false;
        buffer = buffer << 5 | (uint32_t)(letter - letters);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            if (done < count)
                bytes[done++] = (uint8_t)(buffer >> bits);
        }
    }
    return done == count;
}

static void encode(const uint8_t *bytes, size_t count, char *text)
{
    uint32_t buffer = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++) {
        buffer = buffer << 8 | bytes[i];
        bits += 8;
        for (; bits >= 5; bits -= 5)
            *text++ = letters[buffer >> (bits - 5) & 31];
    }
    if (bits > 0)
        *text++ = letters[buffer << (5 - bits) & 31];
    *text = '\0';
}

static bool is_intact(const uint8_t *bytes, size_t count)
{
    return checksum(bytes, count - 2) == (uint16_t)(bytes[count - 2] | bytes[count - 1] << 8);
}

/* libnats has loaded OpenSSL's library, which has Ed25519; its headers are not needed for that. */
static bool derive(const uint8_t *seed, uint8_t *public)
{
    enum { ED25519 = 1087 };
    void *(*make)(int, void *, const unsigned char *, size_t);
    int (*get)(const void *, unsigned char *, size_t *);
    void (*destroy)(void *);
    size_t length = RAW_BYTES;
    *(void **)&make = dlsym(RTLD_DEFAULT, "EVP_PKEY_new_raw_private_key");
    *(void **)&get = dlsym(RTLD_DEFAULT, "EVP_PKEY_get_raw_public_key");
    *(void **)&destroy = dlsym(RTLD_DEFAULT, "EVP_PKEY_free");
    if (make == NULL || get == NULL || destroy == NULL)
        return false;
    void *key = make(ED25519, NULL, seed, RAW_BYTES);
    const bool done = key != NULL && get(key, public, &length) == 1 && length == RAW_BYTES;
    destroy(key);
    return done;
}

static const char *public_of_seed(const char *seed, char *key)
{
    uint8_t raw[SEED_BYTES];
    uint8_t public[PUBLIC_BYTES] = {USER_PREFIX};
    if (!decode(seed, SEED_LETTERS, raw, sizeof(raw)) || !is_intact(raw, sizeof(raw)) ||
        (raw[0] & 0xF8) != SEED_PREFIX || ((raw[0] & 7) << 5 | (raw[1] & 0xF8) >> 3) != USER_PREFIX)
        return "its seed is damaged, or not that of a user (SU...)";
    const bool done = derive(raw + 2, public + 1);
    explicit_bzero(raw, sizeof(raw));
    if (!done)
        return "its public key cannot be computed here (add a line with it, U..., to the file)";
    const uint16_t sum = checksum(public, PUBLIC_BYTES - 2);
    public[PUBLIC_BYTES - 2] = (uint8_t)sum;
    public[PUBLIC_BYTES - 1] = (uint8_t)(sum >> 8);
    encode(public, sizeof(public), key);
    return NULL;
}

/* Cuts blanks off both ends. Return: the length that is left. */
static size_t trim(char **line)
{
    *line += strspn(*line, " \t\r\n");
    size_t length = strlen(*line);
    while (length > 0 && strchr(" \t\r\n", (*line)[length - 1]) != NULL)
        length--;
    return length;
}

const char *nkey_public_of_file(const char *file, char key[static NKEY_PUBLIC_BYTES])
{
    char line[256];
    char seed[SEED_LETTERS + 1] = "";
    const char *problem = NULL;
    key[0] = '\0';
    FILE *stream = fopen(file, "re");
    if (stream == NULL)
        return strerror(errno);
    while (fgets(line, sizeof(line), stream) != NULL) {
        char *at = line;
        const size_t length = trim(&at);
        if (length == SEED_LETTERS && at[0] == 'S')
            memcpy(seed, at, length);
        if (length == PUBLIC_LETTERS && at[0] == 'U')
            snprintf(key, NKEY_PUBLIC_BYTES, "%.*s", PUBLIC_LETTERS, at);
    }
    fclose(stream);
    if (seed[0] == '\0')
        problem = "contains no seed (a line SU...)";
    else if (key[0] == '\0')
        problem = public_of_seed(seed, key);
    explicit_bzero(seed, sizeof(seed));
    explicit_bzero(line, sizeof(line));
    return problem;
}
