/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A PLC made of libmodbus's own server, with its registers open to inspection through stdin, as plc.py's are.
 *
 *   server tcp                       Modbus TCP on a free port; prints {"ready": true, "port": N}
 *   server rtu DEVICE BAUD PARITY    unit 1 of a serial line, parity N, E or O; prints {"ready": true}
 *
 * Lines on stdin, one JSON answer each; words count from 1, files are 0x, 1x, 3x and 4x:
 *
 *   peek 1 4x 3 2          {"words": [10, 20]}
 *   poke 1 4x 3 10 20      writes as the PLC's own program would
 *   lacks 5                from now on it has no such function, and says so
 *   functions              {"functions": {"3": 17, "6": 1}}: how often each was asked since the start
 *   quit                   ends; so does the end of stdin
 */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WORDS = 200,      /* in each file */
    MASTERS_MAX = 8,  /* at a time; one more is turned away */
    LINE_BYTES = 1024 /* the longest command: a poke of 125 registers */
};

struct plc {
    modbus_t *modbus;
    modbus_mapping_t *map;
    bool serial;
    int listening;
    int masters[MASTERS_MAX];
    int masters_count;
    unsigned long functions[256];
    bool lacks[256];
};

static void die(const char *doing)
{
    fprintf(stderr, "server: %s: %s\n", doing, modbus_strerror(errno));
    exit(1);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar('\n');
    fflush(stdout);
}

static struct plc open_plc(int count, char **words)
{
    struct plc plc = {.listening = -1};
    plc.map = modbus_mapping_new(WORDS, WORDS, WORDS, WORDS);
    if (plc.map == NULL) die("making the registers");
    if (count == 2 && strcmp(words[1], "tcp") == 0) {
        struct sockaddr_in at;
        socklen_t size = sizeof at;
        plc.modbus = modbus_new_tcp("127.0.0.1", 0);
        plc.listening = plc.modbus == NULL ? -1 : modbus_tcp_listen(plc.modbus, MASTERS_MAX);
        if (plc.listening < 0 || getsockname(plc.listening, (struct sockaddr *)&at, &size) != 0) die("listening");
        say("{\"ready\": true, \"port\": %d}", ntohs(at.sin_port));
    } else if (count == 5 && strcmp(words[1], "rtu") == 0) {
        plc.serial = true;
        plc.modbus = modbus_new_rtu(words[2], atoi(words[3]), words[4][0], 8, 1);
        if (plc.modbus == NULL || modbus_set_slave(plc.modbus, 1) != 0 || modbus_connect(plc.modbus) != 0) {
            die(words[2]);
        }
        say("{\"ready\": true}");
    } else {
        fputs("usage: server tcp | server rtu DEVICE BAUD PARITY\n", stderr);
        exit(2);
    }
    return plc;
}

/* The words of a file, whichever way libmodbus keeps them: bits as bytes, registers as words. */
static bool find(const struct plc *plc, const char *file, uint8_t **bits, uint16_t **words)
{
    *bits = NULL;
    *words = NULL;
    if (strcmp(file, "0x") == 0) *bits = plc->map->tab_bits;
    if (strcmp(file, "1x") == 0) *bits = plc->map->tab_input_bits;
    if (strcmp(file, "3x") == 0) *words = plc->map->tab_input_registers;
    if (strcmp(file, "4x") == 0) *words = plc->map->tab_registers;
    return *bits != NULL || *words != NULL;
}

static void peek(const struct plc *plc, const char *file, long first, long count)
{
    uint8_t *bits;
    uint16_t *words;
    if (!find(plc, file, &bits, &words) || first < 1 || count < 1 || first - 1 + count > WORDS) {
        say("{\"error\": \"no such register\"}");
        return;
    }
    printf("{\"words\": [");
    for (long at = first - 1; at < first - 1 + count; at++) {
        printf("%s%u", at < first ? "" : ", ", bits != NULL ? bits[at] : words[at]);
    }
    say("]}");
}

static void poke(struct plc *plc, const char *file, long first, char *rest)
{
    uint8_t *bits;
    uint16_t *words;
    bool found = find(plc, file, &bits, &words) && first >= 1;
    for (char *word = strtok(rest, " "); word != NULL && found; word = strtok(NULL, " "), first++) {
        found = first <= WORDS;
        if (found && bits != NULL) bits[first - 1] = atoi(word) != 0;
        if (found && words != NULL) words[first - 1] = (uint16_t)atoi(word);
    }
    say(found ? "{\"ok\": true}" : "{\"error\": \"no such register\"}");
}

/* One line of stdin. */
static void obey(struct plc *plc, char *line)
{
    char file[3];
    long first = 0, count = 1;
    int taken = 0;
    unsigned char code;
    if (sscanf(line, "peek 1 %2s %ld %ld", file, &first, &count) >= 2) {
        peek(plc, file, first, count);
    } else if (sscanf(line, "poke 1 %2s %ld %n", file, &first, &taken) == 2 && taken > 0) {
        poke(plc, file, first, line + taken);
    } else if (sscanf(line, "lacks %hhu", &code) == 1) {
        plc->lacks[code] = true;
        say("{\"ok\": true}");
    } else if (strcmp(line, "functions") == 0) {
        const char *between = "";
        printf("{\"functions\": {");
        for (int code = 0; code < 256; code++) {
            if (plc->functions[code] == 0) continue;
            printf("%s\"%d\": %lu", between, code, plc->functions[code]);
            between = ", ";
        }
        say("}}");
    } else {
        say("{\"error\": \"not understood\"}");
    }
}

/* Takes in what stdin brought and obeys the whole lines of it; false at its end, or when told to quit. */
static bool hear(struct plc *plc)
{
    static char lines[LINE_BYTES + 1];
    static size_t have;
    ssize_t got = read(STDIN_FILENO, lines + have, LINE_BYTES - have);
    char *end, *line = lines;
    if (got <= 0) return false;
    have += (size_t)got;
    lines[have] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        if (strcmp(line, "quit") == 0) return false;
        obey(plc, line);
        line = end + 1;
    }
    have -= (size_t)(line - lines);
    memmove(lines, line, have);
    return have < LINE_BYTES;
}

/* One request of whoever the context points at; false when that one has gone. */
static bool serve(struct plc *plc)
{
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    int length = modbus_receive(plc->modbus, request);
    if (length > 0) {
        uint8_t code = request[modbus_get_header_length(plc->modbus)];
        plc->functions[code]++;
        if (plc->lacks[code]) {
            return modbus_reply_exception(plc->modbus, request, MODBUS_EXCEPTION_ILLEGAL_FUNCTION) >= 0 || plc->serial;
        }
        return modbus_reply(plc->modbus, request, length, plc->map) >= 0 || plc->serial;
    }
    /* 0: for another unit. On a line a broken frame is no end. */
    return length == 0 || plc->serial;
}

static void accept_master(struct plc *plc)
{
    int master = accept(plc->listening, NULL, NULL);
    if (master >= 0 && plc->masters_count < MASTERS_MAX) {
        plc->masters[plc->masters_count++] = master;
    } else if (master >= 0) {
        close(master);
    }
}

int main(int count, char **words)
{
    struct plc plc = open_plc(count, words);
    for (;;) {
        struct pollfd waiting[2 + MASTERS_MAX] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = plc.serial ? modbus_get_socket(plc.modbus) : plc.listening, .events = POLLIN},
        };
        int masters = plc.masters_count;
        for (int i = 0; i < masters; i++) {
            waiting[2 + i] = (struct pollfd){.fd = plc.masters[i], .events = POLLIN};
        }
        if (poll(waiting, (nfds_t)(2 + masters), -1) < 0) die("waiting");
        if (waiting[0].revents != 0 && !hear(&plc)) break;
        for (int i = masters - 1; i >= 0; i--) {
            if (waiting[2 + i].revents == 0) continue;
            modbus_set_socket(plc.modbus, plc.masters[i]);
            if (!serve(&plc)) {
                close(plc.masters[i]);
                plc.masters[i] = plc.masters[--plc.masters_count];
            }
        }
        if (waiting[1].revents == 0) continue;
        if (plc.serial) {
            if ((waiting[1].revents & POLLIN) == 0) die("the serial line");
            serve(&plc);
        } else {
            accept_master(&plc);
        }
    }
    modbus_mapping_free(plc.map);
    modbus_free(plc.modbus);
    return 0;
}
