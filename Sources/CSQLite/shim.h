// What Swift cannot import of SQLite: the destructor constants are casts of integers to function pointers.
#include <stdint.h>
#include <sqlite3.h>

// The text is copied; it may go away as soon as this returns.
static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const void *text, int byte_count) {
    return sqlite3_bind_text(statement, index, (const char *)text, byte_count, SQLITE_TRANSIENT);
}

// The bytes are not copied: the caller keeps them until the statement is reset.
static inline int csqlite_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, uint64_t byte_count) {
    return bytes ? sqlite3_bind_blob64(statement, index, bytes, byte_count, SQLITE_STATIC)
                 : sqlite3_bind_zeroblob(statement, index, 0);
}
