// The records on disk: one SQLite file. All that knows SQLite is behind this header.
#pragma once

#include "gateway/runtime/state_directory.hpp"
#include "gateway/runtime/store_batch.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace mqttsn::gateway {

/// What a commit waits for. All of them survive the end of the process at any instant.
enum class Synchronous : std::uint8_t {
    off,     ///< nothing: a power cut may lose the last seconds, and damage the file
    normal,  ///< nothing: a power cut may lose the last seconds
    full,    ///< the disk: a power cut loses nothing
};

/// The steps that make the schema: number N (from 0) brings version N to N + 1.
std::span<const char* const> schema_steps() noexcept;

struct DatabaseSettings {
    std::filesystem::path directory;
    Synchronous synchronous = Synchronous::full;
    std::uint32_t max_pages = 0;  ///< the file grows to so many pages of 4096 octets; 0 = as the disk allows
    std::span<const char* const> steps = schema_steps();
};

/// Not for two threads at a time.
class Database {
public:
    explicit Database(DatabaseSettings settings);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Opens or creates directory/gateway.db and holds it alone. A damaged file is set aside and an empty one begun,
    /// with a warning. False: error() says what to fix (no permission, read-only, in use, newer schema …).
    bool open();
    /// Hands out all records in the order of their keys. False: error() has the reason, and the rest is missing.
    bool load(const std::function<void(const RecordKey&, Bytes)>& take);
    /// All of it or nothing. False: error() says what to fix, and the same batch may be tried again.
    bool commit(const StoreBatch& batch);
    /// Whether the write-ahead log is long enough to be carried over into the file.
    bool wants_checkpoint() const noexcept;
    /// False: error() says what to fix; nothing is lost, but the log goes on growing.
    bool checkpoint();
    void close();  ///< and lets go of the directory

    /// Pages of 4096 octets that commits have written.
    std::uint64_t pages_written() const noexcept { return pages_written_; }
    const std::string& error() const noexcept { return error_; }
    const std::vector<std::string>& warnings() const noexcept { return warnings_; }

private:
    enum class Opened : std::uint8_t { yes, no, damaged };
    struct CloseDatabase {
        void operator()(sqlite3* db) const noexcept;
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

    Opened open_file();
    void close_file();
    Opened begin_use();
    Opened check_version();
    Opened configure();
    Opened check_integrity();
    Opened migrate(int version);
    Opened prepare_all();
    bool start_again();
    Opened failed();
    bool fail();
    std::string explain() const;
    Statement prepare(const char* sql);
    bool execute(const char* sql);
    bool number(const char* sql, std::int64_t& value);
    bool is_still_there();
    bool write(const StoreBatch& batch);
    bool run(sqlite3_stmt* statement);

    DatabaseSettings settings_;
    StateDirectory directory_;
    std::filesystem::path path_;
    std::string error_;
    std::string damage_;
    std::vector<std::string> warnings_;
    // The statements end before the connection.
    std::unique_ptr<sqlite3, CloseDatabase> db_;
    Statement begin_, commit_, rollback_, put_, erase_, erase_session_;
    std::uint64_t device_ = 0, inode_ = 0;  ///< of the open file
    int wal_pages_ = 0;
    std::uint64_t pages_written_ = 0;
};

}  // namespace mqttsn::gateway
