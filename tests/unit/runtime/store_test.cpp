// The store with its thread: what is committed when, what happens when the disk does not take it, and what is on disk
// after the end of the process.
#include "gateway/runtime/store.hpp"
#include "tests/unit/runtime/store_records.hpp"
#include "tests/unit/runtime/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/executor_work_guard.hpp>

#include <csignal>
#include <fstream>

namespace store_test {

using namespace mqttsn;
using namespace mqttsn::gateway;
using namespace mqttsn::gateway::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using mqttsn::test::TemporaryDirectory;

namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration never = 24h;

StoreSettings in(const std::filesystem::path& directory, Duration commit_interval = Duration(0)) {
    StoreSettings settings;
    settings.directory = directory;
    settings.commit_interval = commit_interval;
    settings.retry = 5ms;
    return settings;
}

Records read(const std::filesystem::path& directory) {
    Records records;
    Store store(in(directory));
    REQUIRE(store.open());
    REQUIRE(store.load([&](const RecordKey& key, Bytes image) { records[key] = as_text(image); }));
    return records;
}

/// A store, and an event loop that takes its completions.
struct Running {
    explicit Running(const StoreSettings& settings) : store(settings) {
        if (!store.open()) throw std::runtime_error(store.error());
    }

    void start() {
        store.start(io, {[this](CommitId id) {
                             ordered = ordered && id > committed;
                             committed = id;
                         },
                         [this](const std::string& text) { failures.push_back(text); }, [this] { ++recoveries; }});
    }
    void append(const Script& script) { store.append(++last, script.ops, script.octets); }
    template <class Condition>
    void run_until(Condition condition) {
        const auto deadline = Clock::now() + 20s;
        while (!condition()) {
            if (Clock::now() > deadline) throw std::runtime_error("waited for nothing");
            io.run_one_for(1ms);
        }
    }
    void wait_for(CommitId id) {
        run_until([&] { return committed >= id; });
    }

    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = make_work_guard(io);
    CommitId last = 0;
    CommitId committed = 0;
    bool ordered = true;
    std::vector<std::string> failures;
    int recoveries = 0;
    Store store;
};

/// The largest file that this process may write.
class FileLimit {
public:
    explicit FileLimit(rlim_t octets) {
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit limit{octets, before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;

private:
    rlimit before_{};
};

/// Runs a function in a child process; its exit status as waitpid() gives it.
template <class Body>
int status_of_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        ::_exit(99);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("what was appended is announced when it is committed, and there after a restart") {
    const TemporaryDirectory directory;
    {
        Running r(in(directory.path()));
        r.start();
        r.append(Script().put(session_key(1), "one").put(message_key(1, 1), "m1"));
        r.wait_for(1);
        r.append(Script().put(message_key(1, 2), "m2"));
        r.append(Script().erase(message_key(1, 1)));
        r.wait_for(3);
        CHECK(r.ordered);
        CHECK(r.failures.empty());
        CHECK(r.recoveries == 0);
    }
    CHECK(read(directory.path()) == Records{{session_key(1), "one"}, {message_key(1, 2), "m2"}});
}

TEST_CASE("an append without operations is announced in its turn and costs the disk nothing") {
    const TemporaryDirectory directory;
    Running r(in(directory.path()));
    r.start();
    r.append({});
    r.wait_for(1);
    CHECK(r.store.counters().commits == 0);
}

TEST_CASE("whatever gathers before a commit goes into one, announced once") {
    const TemporaryDirectory directory;
    Running r(in(directory.path()));
    for (std::uint32_t i = 0; i < 1000; ++i)
        r.append(Script().put(message_key(i, 1), "x").put(flow_key(7), std::to_string(i)));
    r.start();
    r.wait_for(1000);
    const auto counters = r.store.counters();
    CHECK(counters.commits == 1);
    CHECK(counters.records_written == 1001);
    CHECK(counters.octets_written == 1003);
    CHECK(counters.pages_written > 0);
    CHECK(counters.pages_written < 100);
    CHECK(counters.failures == 0);
    CHECK(counters.longest_commit > Duration(0));
    REQUIRE(r.store.stop());
    CHECK(read(directory.path()).at(flow_key(7)) == "999");
}

TEST_CASE("after a pause the first commit goes at once, the next after its interval, and stop() commits the rest") {
    const TemporaryDirectory directory;
    Running r(in(directory.path(), never));
    r.start();
    r.append(Script().put(session_key(1), "at once"));
    r.wait_for(1);
    for (std::uint32_t i = 2; i <= 500; ++i)
        r.append(Script().put(session_key(i), "later"));
    r.io.poll();
    CHECK(r.committed == 1);
    REQUIRE(r.store.stop());
    CHECK(r.store.counters().commits == 2);
    r.io.poll();
    CHECK(r.committed == 500);
    CHECK(read(directory.path()).size() == 500);
}

TEST_CASE("under load there are no more commits than the interval allows") {
    const TemporaryDirectory directory;
    constexpr Duration interval = 20ms;
    Running r(in(directory.path(), interval));
    r.start();
    const auto begin = Clock::now();
    r.run_until([&] {
        r.append(Script().put(message_key(1, r.last), "x"));
        return r.store.counters().commits >= 6;
    });
    CHECK(Clock::now() - begin >= 5 * interval);
}

TEST_CASE("stop() commits also what was appended without start()") {
    const TemporaryDirectory directory;
    {
        Running r(in(directory.path()));
        r.append(Script().put(session_key(1), "x"));
    }
    CHECK(read(directory.path()).size() == 1);
}

TEST_CASE("the end of the store is the end of its calls") {
    boost::asio::io_context io;
    const TemporaryDirectory directory;
    int calls = 0;
    {
        Store store(in(directory.path()));
        REQUIRE(store.open());
        store.start(io, {[&](CommitId) { ++calls; }, [&](const std::string&) { ++calls; }, [&] { ++calls; }});
        const Script script = Script().put(session_key(1), "x");
        store.append(1, script.ops, script.octets);
    }
    CHECK(io.poll() == 1);
    CHECK(calls == 0);
}

TEST_CASE("a backlog at its bound is told, and taken all the same") {
    const TemporaryDirectory directory;
    StoreSettings settings = in(directory.path());
    settings.max_backlog = 10000;
    Running r(settings);
    const std::string image(1000, 'x');
    int appended = 0;
    for (; !r.store.is_full(); ++appended)
        r.append(Script().put(message_key(1, r.last), image));
    CHECK(appended > 5);
    CHECK(appended <= 10);
    r.append(Script().put(message_key(2, 1), image));
    r.start();
    r.wait_for(r.last);
    CHECK_FALSE(r.store.is_full());
    REQUIRE(r.store.stop());
    CHECK(read(directory.path()).size() == static_cast<std::size_t>(appended) + 1);
}

TEST_CASE("erases count as backlog too, until they are committed") {
    const TemporaryDirectory directory;
    StoreSettings settings = in(directory.path());
    settings.max_backlog = 1000;
    Running r(settings);
    while (!r.store.is_full())
        r.append(Script().erase(message_key(1, r.last)));
    CHECK(r.last <= 1000 / 16);
    r.start();
    r.wait_for(r.last);
    CHECK_FALSE(r.store.is_full());
}

TEST_CASE("a full disk is told once, tried again without loss, and its end is told") {
    const TemporaryDirectory directory;
    StoreSettings settings = in(directory.path());
    settings.max_pages = 50;
    {
        Running r(settings);
        r.start();
        r.append(Script().put(session_key(1), "before"));
        r.wait_for(1);
        for (std::uint64_t i = 0; i < 10; ++i)
            r.append(Script().put(message_key(1, i), std::string(50000, 'x')));
        r.append(Script().put(session_key(1), "meanwhile"));
        r.run_until([&] { return r.store.counters().failures >= 5; });
        CHECK(r.committed < r.last);
        REQUIRE(r.failures.size() == 1);
        CHECK_THAT(r.failures[0], Contains((directory.path() / "gateway.db").string()) && Contains("no room left") &&
                                      Contains("free"));
        CHECK(r.recoveries == 0);
        // Nine of the ten messages are delivered after all.
        for (std::uint64_t i = 1; i < 10; ++i)
            r.append(Script().erase(message_key(1, i)));
        r.wait_for(r.last);
        r.run_until([&] { return r.recoveries > 0; });
        CHECK_FALSE(r.store.is_full());
        r.append(Script().put(session_key(2), "after"));
        r.wait_for(r.last);
        CHECK(r.failures.size() == 1);
        CHECK(r.recoveries == 1);
        CHECK(r.ordered);
    }
    const auto records = read(directory.path());
    CHECK(records.size() == 3);
    CHECK(records.at(session_key(1)) == "meanwhile");
    CHECK(records.at(message_key(1, 0)).size() == 50000);
    CHECK(records.at(session_key(2)) == "after");
}

TEST_CASE("a limit on file sizes neither ends the process nor loses anything, and every outage is told") {
    const TemporaryDirectory directory;
    {
        Running r(in(directory.path()));
        r.start();
        for (int outage = 1; outage <= 2; ++outage) {
            const auto key = message_key(1, static_cast<std::uint64_t>(outage));
            {
                const FileLimit limit(outage * 300000);
                r.append(Script().put(key, std::string(400000, 'x')));
                r.run_until([&] { return r.failures.size() == static_cast<std::size_t>(outage); });
                CHECK_THAT(r.failures.back(), Contains("LimitFSIZE"));
            }
            r.wait_for(r.last);
            r.run_until([&] { return r.recoveries == outage; });
        }
    }
    CHECK(read(directory.path()).size() == 2);
}

TEST_CASE("a log that cannot be carried over is told like a commit that fails") {
    const TemporaryDirectory directory;
    {
        Running r(in(directory.path()));
        r.start();
        r.append(Script().put(session_key(1), std::string(17U << 20, 'x')));
        r.wait_for(1);
        r.run_until([&] { return r.store.counters().checkpoints == 1; });
        // From here on the log has room, but the file cannot grow beyond it.
        const FileLimit limit(20U << 20);
        for (int i = 0; i < 20; ++i) {
            r.append(Script().put(message_key(1, r.last), std::string(1U << 20, 'x')));
            if (!r.failures.empty()) break;
            r.wait_for(r.last);
        }
        r.run_until([&] { return !r.failures.empty(); });
        CHECK_THAT(r.failures[0], Contains("LimitFSIZE"));
    }
    CHECK(read(directory.path()).size() > 16);
}

TEST_CASE("a file that was removed is told, and used again when it is back") {
    const TemporaryDirectory directory;
    const auto file = directory.path() / "gateway.db";
    {
        Running r(in(directory.path()));
        r.start();
        std::filesystem::rename(file, directory.path() / "elsewhere");
        r.append(Script().put(session_key(1), "x"));
        r.run_until([&] { return !r.failures.empty(); });
        CHECK_THAT(r.failures[0], Contains(file.string()) && Contains("removed or replaced"));
        CHECK(r.committed == 0);
        std::filesystem::rename(directory.path() / "elsewhere", file);
        r.wait_for(1);
    }
    CHECK(read(directory.path()).size() == 1);
}

TEST_CASE("stop() says when the disk does not take the rest") {
    const TemporaryDirectory directory;
    StoreSettings settings = in(directory.path(), never);
    settings.max_pages = 20;
    settings.retry = never;
    Running r(settings);
    r.start();
    r.append(Script().put(session_key(1), "x"));
    r.wait_for(1);
    r.append(Script().put(message_key(1, 1), std::string(200000, 'x')));
    CHECK_FALSE(r.store.stop());
    CHECK_THAT(r.store.error(), Contains("no room left"));
    CHECK(read(directory.path()).size() == 1);
}

TEST_CASE("a store that cannot be opened says why") {
    const TemporaryDirectory directory;
    Store first(in(directory.path()));
    REQUIRE(first.open());
    Store second(in(directory.path()));
    CHECK_FALSE(second.open());
    CHECK_THAT(second.error(), Contains("in use by another gateway"));
    CHECK(second.stop());
}

TEST_CASE("a damaged file is a warning and an empty store") {
    const TemporaryDirectory directory;
    std::ofstream(directory.path() / "gateway.db") << std::string(5000, 'n');
    Store store(in(directory.path()));
    REQUIRE(store.open());
    CHECK(store.warnings().size() == 1);
}

TEST_CASE("what was announced as committed survives kill -9") {
    const TemporaryDirectory directory;
    const auto synchronous = GENERATE(Synchronous::off, Synchronous::normal, Synchronous::full);
    for (CommitId last : {1U, 50U}) {
        const int status = status_of_child([&] {
            StoreSettings settings = in(directory.path());
            settings.synchronous = synchronous;
            Running r(settings);
            r.start();
            while (r.last < last) {
                r.append(Script().put(message_key(static_cast<std::uint32_t>(last), r.last), "x"));
                r.wait_for(r.last);
            }
            r.append(Script().put(session_key(1), std::string(100000, 'x')));  // dies under way
            ::kill(::getpid(), SIGKILL);
        });
        REQUIRE(WIFSIGNALED(status));
        CHECK(WTERMSIG(status) == SIGKILL);
        auto records = read(directory.path());
        records.erase(session_key(1));
        std::erase_if(records, [&](const auto& each) { return each.first.session != last; });
        CHECK(records.size() == last);
    }
}

// Run it by hand: unit_runtime '[.bench]'. Clients have one QoS 1 PUBLISH outstanding each: put when it comes, erased
// when the broker has it, and the next comes when the commit of the first is told.
TEST_CASE("durable publishes per second of 1000 clients", "[.bench]") {
    const auto synchronous = GENERATE(Synchronous::normal, Synchronous::full);
    const Duration interval = GENERATE(Duration(0), Duration(50ms));
    const TemporaryDirectory directory;
    StoreSettings settings = in(directory.path(), interval);
    settings.synchronous = synchronous;
    Running r(settings);
    r.start();
    constexpr std::uint32_t clients = 1000;
    const std::string image(120, 'x');
    std::uint64_t round = 0;
    std::uint64_t published = 0;
    const auto begin = Clock::now();
    while (Clock::now() - begin < 5s) {
        ++round;
        for (std::uint32_t client = 0; client < clients; ++client) {
            Script script;
            if (round > 1) script.erase(message_key(client, round - 1));
            r.append(script.put(message_key(client, round), image));
        }
        r.wait_for(r.last);
        published += clients;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto c = r.store.counters();
    WARN(
        fmt::format("synchronous {}, interval {} ms: {:.0f} publishes/s ({:.0f} puts and erases/s), {:.1f} commits/s, "
                    "longest {} ms, {:.0f} octets to the log per publish",
                    synchronous == Synchronous::full ? "full" : "normal", interval.count() / 1000,
                    static_cast<double>(published) / seconds, static_cast<double>(c.records_written) / seconds,
                    static_cast<double>(c.commits) / seconds, c.longest_commit.count() / 1000,
                    static_cast<double>(c.pages_written * 4096) / static_cast<double>(published)));
    CHECK(c.failures == 0);
}

}  // namespace store_test
