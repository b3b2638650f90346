#include "csqlite_log.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

// A transaction of thirty pages; a longer one is written in as many pieces.
enum { CAPACITY = 128 * 1024 };

typedef struct {
    sqlite3_file base;
    sqlite3_file *file;       // the log itself, behind this structure
    unsigned char *bytes;     // what is not written yet
    int count;
    sqlite3_int64 start;      // where it belongs
} log_file;

static sqlite3_vfs *underlying;
static sqlite3_vfs layer;
static const char *layer_name;

static log_file *of(sqlite3_file *file) { return (log_file *)file; }

static int flush(log_file *log) {
    if (log->count == 0) return SQLITE_OK;
    int count = log->count;
    // Forgotten even when it fails: SQLite then gives the transaction up.
    log->count = 0;
    return log->file->pMethods->xWrite(log->file, log->bytes, count, log->start);
}

static int log_close(sqlite3_file *file) {
    log_file *log = of(file);
    int flushed = flush(log);
    free(log->bytes);
    int closed = log->file->pMethods->xClose(log->file);
    return flushed ? flushed : closed;
}

static int log_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    int status = flush(of(file));
    return status ? status : of(file)->file->pMethods->xRead(of(file)->file, bytes, count, offset);
}

static int log_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    log_file *log = of(file);
    if (log->count > 0 && (offset != log->start + log->count || count > CAPACITY - log->count)) {
        int status = flush(log);
        if (status) return status;
    }
    if (count > CAPACITY) return log->file->pMethods->xWrite(log->file, bytes, count, offset);
    if (log->count == 0) log->start = offset;
    memcpy(log->bytes + log->count, bytes, (size_t)count);
    log->count += count;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int status = flush(of(file));
    return status ? status : of(file)->file->pMethods->xTruncate(of(file)->file, size);
}

static int log_sync(sqlite3_file *file, int flags) {
    int status = flush(of(file));
    return status ? status : of(file)->file->pMethods->xSync(of(file)->file, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size) {
    int status = flush(of(file));
    return status ? status : of(file)->file->pMethods->xFileSize(of(file)->file, size);
}

static int log_lock(sqlite3_file *file, int kind) { return of(file)->file->pMethods->xLock(of(file)->file, kind); }
static int log_unlock(sqlite3_file *file, int kind) { return of(file)->file->pMethods->xUnlock(of(file)->file, kind); }

static int log_is_reserved(sqlite3_file *file, int *result) {
    return of(file)->file->pMethods->xCheckReservedLock(of(file)->file, result);
}

static int log_control(sqlite3_file *file, int operation, void *argument) {
    return of(file)->file->pMethods->xFileControl(of(file)->file, operation, argument);
}

static int log_sector_size(sqlite3_file *file) { return of(file)->file->pMethods->xSectorSize(of(file)->file); }

static int log_characteristics(sqlite3_file *file) {
    return of(file)->file->pMethods->xDeviceCharacteristics(of(file)->file);
}

// Version 1: shared memory and mapped pages belong to the database file, not to its log.
static const sqlite3_io_methods methods = {
    1,           log_close, log_read,        log_write,   log_truncate,    log_sync,           log_size, log_lock,
    log_unlock,  log_is_reserved, log_control, log_sector_size, log_characteristics,
    0, 0, 0, 0, 0, 0,
};

static int layer_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL)) return underlying->xOpen(underlying, name, file, flags, out_flags);
    log_file *log = of(file);
    memset(log, 0, sizeof *log);
    log->file = (sqlite3_file *)(log + 1);
    log->bytes = malloc(CAPACITY);
    if (!log->bytes) return SQLITE_NOMEM;
    int status = underlying->xOpen(underlying, name, log->file, flags, out_flags);
    if (status == SQLITE_OK) log->base.pMethods = &methods;
    else free(log->bytes);
    return status;
}

static void make_layer(void) {
    underlying = sqlite3_vfs_find(NULL);
    if (!underlying) return;
    // Everything but opening is the underlying layer's, which finds its own data in `pAppData`.
    layer = *underlying;
    layer.zName = "asya-log";
    layer.pNext = NULL;
    layer.szOsFile = underlying->szOsFile + (int)sizeof(log_file);
    layer.xOpen = layer_open;
    if (sqlite3_vfs_register(&layer, 0) == SQLITE_OK) layer_name = layer.zName;
}

const char *csqlite_log_layer(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_layer);
    return layer_name;
}
