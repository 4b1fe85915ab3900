// The records in a real file: what comes back, and what is said about directories and files that cannot be used.
#include "gateway/runtime/database.hpp"
#include "tests/unit/runtime/store_records.hpp"
#include "tests/unit/runtime/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

namespace database_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace mqttsn::gateway::test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using mqttsn::test::TemporaryDirectory;

namespace {

using Path = std::filesystem::path;

DatabaseSettings in(const Path& directory) {
    DatabaseSettings settings;
    settings.directory = directory;
    return settings;
}

Records load(Database& database) {
    Records records;
    RecordKey last{};
    REQUIRE(database.load([&](const RecordKey& key, Bytes image) {
        CHECK((records.empty() || last < key));
        last = key;
        records[key] = as_text(image);
    }));
    return records;
}

void require_open(Database& database) {
    const bool is_open = database.open();
    INFO(database.error());
    REQUIRE(is_open);
}

void write(const Path& directory, const StoreBatch& batch) {
    Database database(in(directory));
    require_open(database);
    REQUIRE(database.commit(batch));
}

Records read(const Path& directory) {
    Database database(in(directory));
    require_open(database);
    CHECK(database.warnings().empty());
    return load(database);
}

std::string refusal(const DatabaseSettings& settings) {
    Database database(settings);
    REQUIRE_FALSE(database.open());
    CHECK(database.warnings().empty());
    return database.error();
}

void overwrite(const Path& file, std::streamoff at, std::string_view octets) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    REQUIRE(stream.seekp(at).write(octets.data(), static_cast<std::streamsize>(octets.size())));
}

/// Enough records for many pages.
Script many_records() {
    Script script;
    for (std::uint32_t i = 0; i < 2000; ++i)
        script.put(message_key(i, 1), std::string(100, 'm'));
    return script;
}

}  // namespace

TEST_CASE("records come back after a restart, in the order of their keys") {
    const TemporaryDirectory directory;
    const std::string binary("\0\xff image\0", 9);
    const std::string large(100000, 'x');
    const Script script = Script()
                              .put(message_key(7, 2), "second")
                              .put(message_key(7, 1), large)
                              .put(message_key(4294967295U, 1ULL << 62), binary)
                              .put(flow_key(7), "")
                              .put(session_key(7), "seven")
                              .put(session_key(0), "zero");
    write(directory.path(), script);
    CHECK(read(directory.path()) == Records{{session_key(0), "zero"},
                                            {session_key(7), "seven"},
                                            {flow_key(7), ""},
                                            {message_key(7, 1), large},
                                            {message_key(7, 2), "second"},
                                            {message_key(4294967295U, 1ULL << 62), binary}});
}

TEST_CASE("a put replaces, an erase takes one record, erasing a session takes all of its records and no others") {
    const TemporaryDirectory directory;
    write(directory.path(), Script()
                                .put(session_key(1), "a")
                                .put(flow_key(1), "b")
                                .put(message_key(1, 1), "c")
                                .put(session_key(2), "d")
                                .put(message_key(2, 1), "e")
                                .put(message_key(2, 2), "f"));
    write(directory.path(),
          Script().erase_session(1).put(session_key(2), "new").erase(message_key(2, 1)).erase(flow_key(9)));
    CHECK(read(directory.path()) == Records{{session_key(2), "new"}, {message_key(2, 2), "f"}});
}

TEST_CASE("the directory and its file belong to the gateway's user alone") {
    const TemporaryDirectory parent;
    const Path directory = parent.path() / "a" / "state";
    const auto mask = ::umask(0);
    {
        Database database(in(directory / ""));  // a slash at the end is fine
        const bool is_open = database.open();
        ::umask(mask);
        REQUIRE(is_open);
        REQUIRE(database.commit(Script().put(session_key(1), "x")));
        for (const auto& [name, mode] : {std::pair("", 0700U), {"gateway.db", 0600U}, {"gateway.db-wal", 0600U}}) {
            struct stat status {};
            INFO(name);
            REQUIRE(::stat((directory / name).c_str(), &status) == 0);
            CHECK((status.st_mode & 0777U) == mode);
        }
    }
    CHECK_FALSE(std::filesystem::exists(directory / "gateway.db-wal"));  // carried over at the end
}

TEST_CASE("a second gateway in the same directory is refused, and told who is there") {
    const TemporaryDirectory directory;
    {
        Database first(in(directory.path()));
        require_open(first);
        CHECK(refusal(in(directory.path())) ==
              fmt::format(
                  "{}: in use by another gateway (process {}): give each gateway a [gateway] state_dir of its own",
                  directory.path().string(), ::getpid()));
        REQUIRE(first.commit(Script().put(session_key(1), "x")));
    }
    CHECK(read(directory.path()).size() == 1);
}

TEST_CASE("a file that another program has locked is refused") {
    const TemporaryDirectory directory;
    write(directory.path(), Script().put(session_key(1), "x"));
    const Path file = directory.path() / "gateway.db";
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const int descriptor = ::open(file.c_str(), O_RDWR);
        struct flock whole {};
        whole.l_type = F_WRLCK;
        const bool is_locked = descriptor >= 0 && ::fcntl(descriptor, F_SETLK, &whole) == 0;
        if (!is_locked || ::write(ready[1], "x", 1) != 1) ::_exit(1);
        for (;;)
            ::pause();
    }
    char x = 0;
    ::close(ready[1]);
    const bool is_ready = ::read(ready[0], &x, 1) == 1;
    ::close(ready[0]);
    const auto error = is_ready ? refusal(in(directory.path())) : "";
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK_THAT(error, StartsWith(file.string()) && Contains("in use by another program") && Contains("fuser"));
    CHECK(read(directory.path()).size() == 1);
}

TEST_CASE("a place that is no directory is refused with the path and the key") {
    const TemporaryDirectory parent;
    const Path file = parent.path() / "file";
    std::ofstream(file) << "text";
    for (const Path& path : {file, file / "below", file / "far" / "below"}) {
        INFO(path);
        const auto error = refusal(in(path));
        CHECK_THAT(error, StartsWith(path.string() + ": Not a directory") && Contains("[gateway] state_dir"));
    }
    std::filesystem::create_directories(parent.path() / "state" / "gateway.db");
    CHECK_THAT(refusal(in(parent.path() / "state")), Contains("state/gateway.db: Is a directory"));
}

TEST_CASE("a directory without permission is refused with what to do") {
    const TemporaryDirectory parent;
    const Path directory = parent.path() / "state";
    REQUIRE(::mkdir(directory.c_str(), 0500) == 0);
    std::filesystem::permissions(parent.path(), std::filesystem::perms(0755));
    // Permissions do not bind root.
    const bool is_root = ::geteuid() == 0;
    if (is_root) REQUIRE(::seteuid(65534) == 0);
    Database database(in(directory));
    const bool is_open = database.open();
    if (is_root) REQUIRE(::seteuid(0) == 0);
    CHECK_FALSE(is_open);
    CHECK_THAT(database.error(), StartsWith(directory.string()) && Contains("permission denied") && Contains("chown"));
}

TEST_CASE("a file of a newer gateway is refused and not touched") {
    const TemporaryDirectory directory;
    DatabaseSettings newer = in(directory.path());
    std::vector<const char*> steps(schema_steps().begin(), schema_steps().end());
    steps.push_back("ALTER TABLE record ADD COLUMN more");
    newer.steps = steps;
    {
        Database database(newer);
        require_open(database);
    }
    std::ifstream stream(directory.path() / "gateway.db", std::ios::binary);
    const std::string before(std::istreambuf_iterator<char>(stream), {});
    CHECK_THAT(refusal(in(directory.path())),
               Contains("gateway.db: written by a newer gateway (schema 3, this one knows 2)"));
    std::ifstream again(directory.path() / "gateway.db", std::ios::binary);
    CHECK(before == std::string(std::istreambuf_iterator<char>(again), {}));
    CHECK(directory.files("gateway.db.damaged").empty());
}

TEST_CASE("a file of an older gateway is brought up to date with its records") {
    const TemporaryDirectory directory;
    write(directory.path(), Script().put(session_key(1), "x"));
    const std::array<const char*, 3> steps{"this step was done", "so was this",
                                           "UPDATE record SET image = CAST('new ' || image AS BLOB)"};
    DatabaseSettings newer = in(directory.path());
    newer.steps = steps;
    for (int i = 0; i < 2; ++i) {  // the second time there is nothing left to do
        Database database(newer);
        require_open(database);
        CHECK(load(database) == Records{{session_key(1), "new x"}});
    }
}

TEST_CASE("a file of the first version keeps its records, and the gateway of then refuses it afterwards") {
    const TemporaryDirectory directory;
    DatabaseSettings first = in(directory.path());
    first.steps = schema_steps().first(1);
    {
        Database database(first);
        require_open(database);
        REQUIRE(database.commit(Script().put(session_key(1), "x").put(message_key(1, 5), "y")));
    }
    CHECK(read(directory.path()) == Records{{session_key(1), "x"}, {message_key(1, 5), "y"}});
    CHECK_THAT(refusal(first), Contains("schema 2, this one knows 1"));
    CHECK(read(directory.path()).size() == 2);
}

TEST_CASE("a step of the schema that fails leaves the file at its old version") {
    const TemporaryDirectory directory;
    write(directory.path(), Script().put(session_key(1), "x"));
    const std::array<const char*, 4> steps{"", "", "DELETE FROM record", "no SQL"};
    DatabaseSettings newer = in(directory.path());
    newer.steps = steps;
    CHECK_THAT(refusal(newer), Contains("syntax error"));
    CHECK(read(directory.path()) == Records{{session_key(1), "x"}});
}

TEST_CASE("a database of another program is refused and not touched") {
    const TemporaryDirectory directory;
    write(directory.path(), Script().put(session_key(1), "x"));
    overwrite(directory.path() / "gateway.db", 68, "else");  // the application id
    CHECK_THAT(refusal(in(directory.path())),
               Contains("not written by this gateway") && Contains("[gateway] state_dir"));
    overwrite(directory.path() / "gateway.db", 68, "MQSN");
    CHECK(read(directory.path()).size() == 1);
}

TEST_CASE("a damaged file is set aside with a warning, and an empty one begun") {
    const TemporaryDirectory directory;
    const Path file = directory.path() / "gateway.db";
    write(directory.path(), many_records());
    const auto size = std::filesystem::file_size(file);
    REQUIRE(size > 100000);
    const std::string noise(3000, '\x5a');
    const int damage = GENERATE(0, 1, 2, 3, 4);
    CAPTURE(damage);
    if (damage == 0) overwrite(file, 0, noise);
    if (damage == 1) overwrite(file, static_cast<std::streamoff>(size / 2), noise);
    if (damage == 2) std::filesystem::resize_file(file, size / 2);
    if (damage == 3) std::filesystem::resize_file(file, 100);
    if (damage == 4) {
        std::filesystem::resize_file(file, 0);
        std::ofstream(file.string() + "-wal") << "not empty";
    }
    {
        Database database(in(directory.path()));
        require_open(database);
        REQUIRE(database.warnings().size() == 1);
        CHECK_THAT(database.warnings()[0],
                   StartsWith(file.string() + ": damaged (") && Contains("set aside as gateway.db.damaged-20"));
        CHECK(load(database).empty());
        REQUIRE(database.commit(Script().put(session_key(1), "new")));
    }
    CHECK(read(directory.path()) == Records{{session_key(1), "new"}});
    const auto aside = directory.files("gateway.db.damaged-");
    REQUIRE_FALSE(aside.empty());
    CHECK(aside[0].size() == std::string("gateway.db.damaged-YYYYmmdd-HHMMSS").size());
    if (damage == 4) {
        REQUIRE(aside.size() == 2);
        CHECK(aside[1] == aside[0] + "-wal");
    }
}

TEST_CASE("a file without its table is damaged too, and a second one set aside does not replace the first") {
    const TemporaryDirectory directory;
    for (int i = 0; i < 3; ++i) {
        const std::array<const char*, 1> steps{"CREATE TABLE other (a)"};
        DatabaseSettings settings = in(directory.path());
        settings.steps = steps;
        CHECK_FALSE(Database(settings).open());  // the empty one that it begins has the same fault
        Database database(in(directory.path()));
        require_open(database);
        CHECK_THAT(database.warnings().at(0), Contains("no such table: record"));
        database.close();
        std::filesystem::remove(directory.path() / "gateway.db");
    }
    auto aside = directory.files("gateway.db.damaged-");
    std::erase_if(aside, [](const std::string& name) { return name.ends_with("-wal"); });
    CHECK(aside.size() == 6);
}

TEST_CASE("a log that is cut off costs only the commits in its missing part") {
    const TemporaryDirectory directory;
    const TemporaryDirectory copy;
    const Path log = directory.path() / "gateway.db-wal";
    Database database(in(directory.path()));
    require_open(database);
    REQUIRE(database.commit(Script().put(session_key(1), "kept")));
    const auto size = std::filesystem::file_size(log);
    REQUIRE(database.commit(Script().put(session_key(2), "lost")));
    for (const char* name : {"gateway.db", "gateway.db-wal"})
        std::filesystem::copy_file(directory.path() / name, copy.path() / name);
    REQUIRE(std::filesystem::file_size(log) > size + 100);
    std::filesystem::resize_file(copy.path() / "gateway.db-wal", size + 100);
    CHECK(read(copy.path()) == Records{{session_key(1), "kept"}});
}

TEST_CASE("the log is carried over when it is long, and its file stays bounded") {
    const TemporaryDirectory directory;
    Database database(in(directory.path()));
    require_open(database);
    int checkpoints = 0;
    for (int i = 0; checkpoints < 3; ++i) {
        REQUIRE(i < 10000);
        REQUIRE(database.commit(Script().put(session_key(1), std::string(1000000, static_cast<char>(i)))));
        if (!database.wants_checkpoint()) continue;
        REQUIRE(database.checkpoint());
        CHECK_FALSE(database.wants_checkpoint());
        ++checkpoints;
    }
    CHECK(database.pages_written() > 3 * 4096);
    CHECK(std::filesystem::file_size(directory.path() / "gateway.db-wal") < 20000000);
}

TEST_CASE("a commit that finds no room changes nothing and may be tried again") {
    const TemporaryDirectory directory;
    DatabaseSettings settings = in(directory.path());
    settings.max_pages = 20;
    Database database(settings);
    require_open(database);
    REQUIRE(database.commit(Script().put(session_key(1), "small")));
    const Script too_much = Script().put(session_key(1), "changed").put(message_key(1, 1), std::string(200000, 'x'));
    for (int i = 0; i < 2; ++i) {
        CHECK_FALSE(database.commit(too_much));
        CHECK_THAT(database.error(), Contains("gateway.db: no room left") && Contains("MiB free") &&
                                         EndsWith("move [gateway] state_dir to another disk"));
        CHECK(load(database) == Records{{session_key(1), "small"}});
    }
    REQUIRE(database.commit(Script().put(message_key(1, 1), std::string(20000, 'x'))));
    CHECK(load(database).size() == 2);
}

}  // namespace database_test
