/* SPDX-License-Identifier: MIT */
#include "monitor/listen_address.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/parse.h"

static bool read_port(const char *text, uint16_t *port)
{
    uint64_t number = 0;
    if (parse_count(text, 0, UINT16_MAX, &number) != 0)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool read_ipv4(struct listen_address *address, const char *host, uint16_t port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&address->socket;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    address->length = sizeof(*in);
    if (host[0] == '\0' || strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool read_ipv6(struct listen_address *address, const char *host, uint16_t port)
{
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address->socket;
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    address->length = sizeof(*in);
    return inet_pton(AF_INET6, host, &in->sin6_addr) == 1;
}

bool listen_address_read(struct listen_address *address, const char *text)
{
    char host[LISTEN_ADDRESS_BYTES];
    uint16_t port = 0;
    const char *colon = strrchr(text, ':');
    *address = (struct listen_address){.length = 0};
    if (colon == NULL || !read_port(colon + 1, &port))
        return false;
    const size_t length = (size_t)(colon - text);
    if (length >= sizeof(host))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (length < 2 || host[0] != '[')
        return read_ipv4(address, host, port);
    if (host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    return read_ipv6(address, host + 1, port);
}

bool listen_address_is_loopback(const struct listen_address *address)
{
    if (address->socket.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->socket;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address->socket;
    return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
}

const char *listen_address_text(const struct listen_address *address, char *text)
{
    char host[INET6_ADDRSTRLEN] = "";
    const bool ipv6 = address->socket.ss_family == AF_INET6;
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->socket;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->socket;
    inet_ntop(address->socket.ss_family, ipv6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr, host,
              sizeof(host));
    snprintf(text, LISTEN_ADDRESS_BYTES, ipv6 ? "[%s]:%" PRIu16 : "%s:%" PRIu16, host,
             ntohs(ipv6 ? in6->sin6_port : in->sin_port));
    return text;
}
