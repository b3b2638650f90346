// A file system layer for SQLite that writes a transaction's part of the write-ahead log with one call.
#pragma once

// Registers the layer once and returns its name for sqlite3_open_v2; NULL when there is no memory.
//
// SQLite writes each page of a transaction with two calls of pwrite, fifteen pages and thirty calls for a few rows in as
// many tables and indices. This layer keeps consecutive writes of the log until they are synchronized, read or changed.
//
// Only for connections with `PRAGMA synchronous = FULL` (or EXTRA): SQLite then synchronizes the log before it tells
// readers of a transaction, so that none ever looks for what is still here.
const char *csqlite_log_layer(void);
