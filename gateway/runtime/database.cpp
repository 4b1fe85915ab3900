// The only place that knows SQLite.
#include "gateway/runtime/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace mqttsn::gateway {

namespace {

constexpr const char* file_name = "gateway.db";
constexpr int application_id = 0x4d51534e;  // "MQSN", so that `file` and we know our own
constexpr int busy_timeout_ms = 1000;       // for somebody who looks into the file while we start

// An SD card is spared when a page that changes often is written to the file rarely: 16 MiB of log.
constexpr int checkpoint_pages = 4096;

// Messages of all clients stand together, so that a commit with one message of each touches few pages.
constexpr std::array<const char*, 2> steps{
    "CREATE TABLE record (kind INTEGER NOT NULL, session INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " image BLOB NOT NULL, PRIMARY KEY (kind, session, sequence)) WITHOUT ROWID",
    // 2: records of kind 4, and deadlines in those of kind 2. The table is the same, but a gateway of version 1 would
    // take messages for devices for messages of devices.
    ""};

bool is_damage(int code) noexcept {
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

// What the operating system said. Of a COMMIT that fails SQLite does not keep it, but nothing has changed errno since;
// other kinds of errors are not the system's.
int system_error(sqlite3* db, int code) noexcept {
    const int last = errno;
    const int kind = code & 0xff;
    if (kind != SQLITE_IOERR && kind != SQLITE_CANTOPEN) return 0;
    const int kept = sqlite3_system_errno(db);
    return kept != 0 ? kept : last;
}

}  // namespace

std::span<const char* const> schema_steps() noexcept {
    return steps;
}

void Database::CloseDatabase::operator()(sqlite3* db) const noexcept {
    sqlite3_close_v2(db);
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
    sqlite3_finalize(statement);
}

Database::Database(DatabaseSettings settings)
    : settings_(std::move(settings)), directory_(settings_.directory), path_(directory_.path() / file_name) {}

Database::~Database() = default;

bool Database::open() {
    if (!directory_.open() || !directory_.create(path_)) {
        error_ = directory_.error();
        return false;
    }
    Opened opened = open_file();
    if (opened == Opened::damaged) opened = start_again() ? open_file() : Opened::no;
    if (opened == Opened::damaged)
        error_ = fmt::format("{}: {} although it is new: check the disk", path_.string(), damage_);
    if (opened != Opened::yes) close();
    return opened == Opened::yes;
}

bool Database::start_again() {
    // Closing must not carry the log over: whoever repairs the file needs both as they were.
    if (db_) sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    close_file();
    const auto aside = directory_.set_aside(path_);
    if (!aside.empty()) {
        warnings_.push_back(fmt::format(
            "{}: damaged ({}): set aside as {}, and an empty one begun. What was kept for devices is not known to this "
            "gateway any more; `sqlite3 {} .recover` may read the old file",
            path_.string(), damage_, aside.filename().string(), aside.filename().string()));
    }
    if (aside.empty() || !directory_.create(path_)) {
        error_ = directory_.error();
        return false;
    }
    return true;
}

Database::Opened Database::open_file() {
    // SQLite takes an empty file for a new one and drops its log without a word.
    std::error_code failure;
    const auto log = path_.string() + "-wal";
    if (std::filesystem::file_size(path_, failure) == 0 && std::filesystem::exists(log, failure) &&
        std::filesystem::file_size(log, failure) > 0) {
        damage_ = "the file is empty beside a log that is not";
        return Opened::damaged;
    }
    errno = 0;
    sqlite3* db = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    db_.reset(db);
    if (code != SQLITE_OK) return failed();
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, busy_timeout_ms);
    struct stat file {};
    if (::stat(path_.c_str(), &file) == 0) {
        device_ = file.st_dev;
        inode_ = file.st_ino;
    }
    return begin_use();
}

Database::Opened Database::begin_use() {
    for (const auto step : {&Database::check_version, &Database::configure, &Database::check_integrity}) {
        if (const Opened opened = (this->*step)(); opened != Opened::yes) return opened;
    }
    std::int64_t version = 0;
    if (!number("PRAGMA user_version", version)) return failed();
    if (const Opened opened = migrate(static_cast<int>(version)); opened != Opened::yes) return opened;
    return prepare_all();
}

// Before anything is written: a file that is not ours, or of a newer gateway, stays as it is.
Database::Opened Database::check_version() {
    std::int64_t version = 0;
    std::int64_t application = 0;
    std::int64_t tables = 0;
    if (!execute("PRAGMA locking_mode = EXCLUSIVE") || !number("PRAGMA user_version", version) ||
        !number("PRAGMA application_id", application) || !number("SELECT count(*) FROM sqlite_schema", tables)) {
        return failed();
    }
    if (application != application_id && (version != 0 || tables != 0)) {
        error_ = fmt::format("{}: not written by this gateway: move it away, or choose another [gateway] state_dir",
                             path_.string());
        return Opened::no;
    }
    const auto newest = static_cast<std::int64_t>(settings_.steps.size());
    if (version > newest) {
        error_ = fmt::format(
            "{}: written by a newer gateway (schema {}, this one knows {}): install that version again, or move the "
            "file away to begin without the kept sessions and messages",
            path_.string(), version, newest);
        return Opened::no;
    }
    return Opened::yes;
}

Database::Opened Database::configure() {
    static constexpr std::array<const char*, 3> levels{"OFF", "NORMAL", "FULL"};
    const auto level = static_cast<std::size_t>(settings_.synchronous);
    std::int64_t pages = 0;
    const bool done = execute("PRAGMA journal_mode = WAL") &&
                      execute(fmt::format("PRAGMA synchronous = {}", levels.at(level)).c_str()) &&
                      execute("PRAGMA journal_size_limit = 33554432") && execute("PRAGMA cache_size = -8000") &&
                      execute("PRAGMA secure_delete = FAST") && execute("PRAGMA temp_store = MEMORY") &&
                      (settings_.max_pages == 0 ||
                       number(fmt::format("PRAGMA max_page_count = {}", settings_.max_pages).c_str(), pages));
    if (!done) return failed();
    // Checkpoints are ours: they come after the completions of a commit have gone out, and their errors are heard.
    sqlite3_wal_hook(
        db_.get(),
        [](void* self, sqlite3*, const char*, int log_pages) {
            static_cast<Database*>(self)->wal_pages_ = log_pages;
            return SQLITE_OK;
        },
        this);
    return Opened::yes;
}

Database::Opened Database::check_integrity() {
    const Statement check = prepare("PRAGMA quick_check(1)");
    if (!check || sqlite3_step(check.get()) != SQLITE_ROW) return failed();
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(check.get(), 0));
    if (text == nullptr) return failed();
    if (std::strcmp(text, "ok") == 0) return Opened::yes;
    damage_ = text;
    return Opened::damaged;
}

Database::Opened Database::migrate(int version) {
    const auto newest = static_cast<int>(settings_.steps.size());
    if (version == newest) return Opened::yes;
    if (!execute("BEGIN IMMEDIATE")) return failed();
    for (int i = version; i < newest; ++i) {
        if (!execute(settings_.steps[static_cast<std::size_t>(i)])) return failed();
    }
    const bool done = execute(fmt::format("PRAGMA application_id = {}", application_id).c_str()) &&
                      execute(fmt::format("PRAGMA user_version = {}", newest).c_str()) && execute("COMMIT");
    return done ? Opened::yes : failed();
}

Database::Opened Database::prepare_all() {
    begin_ = prepare("BEGIN IMMEDIATE");
    commit_ = prepare("COMMIT");
    rollback_ = prepare("ROLLBACK");
    put_ = prepare("REPLACE INTO record (kind, session, sequence, image) VALUES (?1, ?2, ?3, ?4)");
    if (put_) erase_ = prepare("DELETE FROM record WHERE kind = ?1 AND session = ?2 AND sequence = ?3");
    if (erase_) erase_session_ = prepare("DELETE FROM record WHERE kind IN (1, 2, 3, 4) AND session = ?1");
    if (erase_session_) return Opened::yes;
    if (sqlite3_errcode(db_.get()) != SQLITE_ERROR) return failed();
    damage_ = sqlite3_errmsg(db_.get());  // no such table: the schema is not what its version says
    return Opened::damaged;
}

bool Database::load(const std::function<void(const RecordKey&, Bytes)>& take) {
    const Statement all = prepare("SELECT kind, session, sequence, image FROM record ORDER BY kind, session, sequence");
    if (!all) return fail();
    for (;;) {
        const int code = sqlite3_step(all.get());
        if (code == SQLITE_DONE) return true;
        if (code != SQLITE_ROW) return fail();
        const RecordKey key{static_cast<RecordKind>(sqlite3_column_int(all.get(), 0)),
                            static_cast<std::uint32_t>(sqlite3_column_int64(all.get(), 1)),
                            static_cast<std::uint64_t>(sqlite3_column_int64(all.get(), 2))};
        const auto* image = static_cast<const std::byte*>(sqlite3_column_blob(all.get(), 3));
        take(key, Bytes(image, static_cast<std::size_t>(sqlite3_column_bytes(all.get(), 3))));
    }
}

// What is written to a deleted file is gone with the process, and nothing else would tell.
bool Database::is_still_there() {
    struct stat file {};
    if (::stat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) return true;
    error_ = fmt::format("{}: removed or replaced while the gateway uses it: put it back, or start the gateway again",
                         path_.string());
    return false;
}

bool Database::commit(const StoreBatch& batch) {
    if (!is_still_there()) return false;
    errno = 0;
    if (run(begin_.get()) && write(batch) && run(commit_.get())) {
        int pages = 0;
        int highest = 0;
        sqlite3_db_status(db_.get(), SQLITE_DBSTATUS_CACHE_WRITE, &pages, &highest, 1);
        pages_written_ += static_cast<std::uint64_t>(pages);
        return true;
    }
    fail();
    // Some errors have rolled back already.
    if (sqlite3_get_autocommit(db_.get()) == 0) run(rollback_.get());
    return false;
}

bool Database::write(const StoreBatch& batch) {
    const auto bind_key = [](sqlite3_stmt* statement, const RecordKey& key) {
        assert(key.sequence <= INT64_MAX);  // SQLite's integers are signed; nobody counts that far
        sqlite3_bind_int(statement, 1, static_cast<int>(key.kind));
        sqlite3_bind_int64(statement, 2, key.session);
        sqlite3_bind_int64(statement, 3, static_cast<sqlite3_int64>(key.sequence));
    };
    for (const StoreOp& op : batch.ops) {
        sqlite3_stmt* statement = nullptr;
        switch (op.action) {
            case StoreOp::Action::put: {
                statement = put_.get();
                bind_key(statement, op.key);
                const Bytes image = batch.image(op);
                // Without octets there is no pointer, and that would mean NULL.
                if (image.empty()) {
                    sqlite3_bind_zeroblob(statement, 4, 0);
                } else {
                    sqlite3_bind_blob64(statement, 4, image.data(), image.size(), SQLITE_STATIC);
                }
                break;
            }
            case StoreOp::Action::erase:
                statement = erase_.get();
                bind_key(statement, op.key);
                break;
            case StoreOp::Action::erase_session:
                statement = erase_session_.get();
                sqlite3_bind_int64(statement, 1, op.key.session);
                break;
        }
        if (!run(statement)) return false;
    }
    return true;
}

bool Database::run(sqlite3_stmt* statement) {
    sqlite3_step(statement);
    return sqlite3_reset(statement) == SQLITE_OK;
}

bool Database::wants_checkpoint() const noexcept {
    return wal_pages_ >= checkpoint_pages;
}

bool Database::checkpoint() {
    errno = 0;
    if (sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr) != SQLITE_OK) {
        return fail();
    }
    wal_pages_ = 0;
    return true;
}

void Database::close() {
    close_file();
    directory_.close();
}

void Database::close_file() {
    for (Statement* each : {&begin_, &commit_, &rollback_, &put_, &erase_, &erase_session_})
        each->reset();
    db_.reset();
}

Database::Statement Database::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    return Statement(statement);
}

bool Database::execute(const char* sql) {
    return sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool Database::number(const char* sql, std::int64_t& value) {
    const Statement statement = prepare(sql);
    if (!statement || sqlite3_step(statement.get()) != SQLITE_ROW) return false;
    value = sqlite3_column_int64(statement.get(), 0);
    return true;
}

Database::Opened Database::failed() {
    if (is_damage(sqlite3_errcode(db_.get()))) {
        damage_ = sqlite3_errmsg(db_.get());
        return Opened::damaged;
    }
    fail();
    return Opened::no;
}

bool Database::fail() {
    error_ = fmt::format("{}: {}", path_.string(), explain());
    return false;
}

std::string Database::explain() const {
    const int code = sqlite3_extended_errcode(db_.get());
    const int system = system_error(db_.get(), code);
    std::string reason = system != 0 ? std::strerror(system) : sqlite3_errmsg(db_.get());
    const int kind = code & 0xff;
    if (system == EFBIG) {
        return "the process may not write larger files: raise LimitFSIZE (systemd) or ulimit -f";
    }
    if (kind == SQLITE_FULL || system == ENOSPC || system == EDQUOT) {
        return fmt::format("no room left ({}; {}): delete something, or move [gateway] state_dir to another disk",
                           reason, free_space(directory_.path()));
    }
    if (kind == SQLITE_READONLY || kind == SQLITE_PERM || system == EROFS || system == EACCES || system == EPERM) {
        return fmt::format(
            "cannot be written ({}): mount its file system read-write and let the user that runs the "
            "gateway write there",
            reason);
    }
    if (is_damage(code)) {
        return fmt::format("damaged ({}): start the gateway again; it sets the file aside and begins an empty one",
                           reason);
    }
    if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED) {
        return fmt::format("in use by another program: end that one (fuser {} names it)", path_.string());
    }
    if (kind == SQLITE_IOERR) return fmt::format("{}: check the disk; an SD card wears out", reason);
    return reason;
}

}  // namespace mqttsn::gateway
