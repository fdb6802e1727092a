/* Preloaded under a process that keeps a history: writes down, in order, every write, truncation and sync of the
 * database and its log, so that a test can give the disk back as a power cut at any moment might have left it.
 * Nothing is ever really synced; what a sync promised is the journal's business.
 *
 * JOURNAL_FOLDER  whose files are meant: history.sqlite, history.sqlite-wal, and acks
 * JOURNAL_FILE    where to write: per operation u8 kind, u8 file, u64 offset, u32 length, then the bytes of a write
 * JOURNAL_FAIL    "first,count": these operations of the database and its log fail with EIO
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC = 3, UNLINK = 4 };
enum { NONE = 0, DATABASE = 1, LOG = 2, ACKS = 3 };
enum { FILES = 4096 };

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static unsigned char file_of[FILES];
static int journal = -1;
static long operations, fail_first = -1, fail_count;

static int named(const char *path) {
    const char *folder = getenv("JOURNAL_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder)) != 0) return NONE;
    const char *name = path + strlen(folder);
    if (strcmp(name, "/history.sqlite") == 0) return DATABASE;
    if (strcmp(name, "/history.sqlite-wal") == 0) return LOG;
    if (strcmp(name, "/acks") == 0) return ACKS;
    return NONE;
}

static void all(const void *bytes, size_t length) {
    while (length > 0) {
        long done = syscall(SYS_write, journal, bytes, length);
        if (done <= 0) abort();
        bytes = (const char *)bytes + done;
        length -= (size_t)done;
    }
}

static void note(int kind, int file, uint64_t offset, const void *bytes, uint32_t length) {
    if (journal < 0) {
        const char *path = getenv("JOURNAL_FILE");
        journal = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
        if (journal < 0) abort();
    }
    unsigned char head[14] = {(unsigned char)kind, (unsigned char)file};
    memcpy(head + 2, &offset, 8);
    memcpy(head + 10, &length, 4);
    all(head, sizeof head);
    if (bytes) all(bytes, length);
}

/* Whether this operation is one that must fail. Called with the lock held. */
static int fails(int file) {
    if (file == ACKS) return 0;
    const char *asked = getenv("JOURNAL_FAIL");
    if (fail_first < 0) {
        fail_first = 0;
        if (asked) sscanf(asked, "%ld,%ld", &fail_first, &fail_count);
    }
    operations++;
    return fail_count > 0 && operations >= fail_first && operations < fail_first + fail_count;
}

static int meant(int fd) { return fd >= 0 && fd < FILES ? file_of[fd] : NONE; }

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FILES) file_of[fd] = (unsigned char)named(path);
    return fd;
}

#define MODE(last)                                        \
    mode_t mode = 0;                                      \
    if (flags & (O_CREAT | O_TMPFILE)) {                  \
        va_list more;                                     \
        va_start(more, last);                             \
        mode = (mode_t)va_arg(more, int);                 \
        va_end(more);                                     \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode), path);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags)
    return opened((int)syscall(SYS_openat, folder, path, flags, mode), path);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags)
    return opened((int)syscall(SYS_openat, folder, path, flags, mode), path);
}

static ssize_t put(int fd, const void *bytes, size_t length, off_t offset) {
    int file = meant(fd);
    pthread_mutex_lock(&order);
    if (fails(file)) {
        pthread_mutex_unlock(&order);
        errno = EIO;
        return -1;
    }
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (done > 0) note(WRITE, file, (uint64_t)offset, bytes, (uint32_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!meant(fd)) return syscall(SYS_write, fd, bytes, length);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = put(fd, bytes, length, offset);
    if (done > 0) lseek(fd, offset + done, SEEK_SET);
    return done;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    if (!meant(fd)) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    return put(fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite(fd, bytes, length, offset);
}

int ftruncate(int fd, off_t length) {
    int file = meant(fd);
    if (!file) return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&order);
    int done = -1;
    if (fails(file)) {
        errno = EIO;
    } else {
        done = (int)syscall(SYS_ftruncate, fd, length);
        if (done == 0) note(TRUNCATE, file, (uint64_t)length, NULL, 0);
    }
    pthread_mutex_unlock(&order);
    return done;
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

int fsync(int fd) {
    int file = meant(fd);
    if (!file) return 0;
    pthread_mutex_lock(&order);
    int done = 0;
    if (fails(file)) {
        errno = EIO;
        done = -1;
    } else {
        note(SYNC, file, 0, NULL, 0);
    }
    pthread_mutex_unlock(&order);
    return done;
}
int fdatasync(int fd) { return fsync(fd); }

int unlink(const char *path) {
    int file = named(path);
    pthread_mutex_lock(&order);
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (file && done == 0) note(UNLINK, file, 0, NULL, 0);
    pthread_mutex_unlock(&order);
    return done;
}

int close(int fd) {
    if (fd >= 0 && fd < FILES) file_of[fd] = NONE;
    return (int)syscall(SYS_close, fd);
}
