// Keeps the core's records on disk: a thread of its own commits what has gathered, as often as the disk should bear.
#pragma once

#include "gateway/runtime/database.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace mqttsn::gateway {

struct StoreSettings {
    std::filesystem::path directory;
    /// From the begin of a commit to the begin of the next; 0 = the next as soon as the last is done. What comes
    /// meanwhile goes into one commit.
    Duration commit_interval = std::chrono::milliseconds(50);
    Synchronous synchronous = Synchronous::full;
    std::size_t max_backlog = 64U << 20;       ///< octets waiting for the disk until is_full()
    Duration retry = std::chrono::seconds(1);  ///< after a commit that failed
    std::uint32_t max_pages = 0;               ///< see DatabaseSettings
};

struct StoreCounters {
    std::uint64_t commits = 0;
    std::uint64_t records_written = 0;  ///< records put or erased, after what cancels out inside a commit
    std::uint64_t octets_written = 0;   ///< of images
    std::uint64_t pages_written = 0;    ///< of 4096 octets, to the log; this is what an SD card feels
    std::uint64_t checkpoints = 0;
    std::uint64_t failures = 0;  ///< commits and checkpoints that failed; each is tried again
    Duration longest_commit{};
};

class Store {
public:
    /// All three are needed. Called on the thread of the io_context, never after the end of the Store.
    struct Handler {
        /// All commits up to this one are on disk.
        std::function<void(CommitId up_to)> on_committed;
        /// Commits fail from now on; nothing is lost, and they are tried again. Once per outage.
        std::function<void(const std::string& what_to_fix)> on_failure;
        std::function<void()> on_recovered;
    };

    explicit Store(StoreSettings settings);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// See Database::open(). False: error() says what to fix. Either way warnings() may have something to tell.
    bool open();
    /// Hands out every record, in the order of the keys; before start(). False: error() says what to fix.
    bool load(const std::function<void(const RecordKey&, Bytes)>& take);
    /// `io` outlives the Store. Waiting commits do not keep its run() from ending.
    void start(boost::asio::io_context& io, Handler handler);
    /// Copies. `octets` are what the offsets of `ops` refer to. Ids rise from call to call; a call without ops is
    /// completed like others, in its turn. Allowed from open() to stop(), also before start().
    void append(CommitId id, std::span<const StoreOp> ops, Bytes octets);
    /// The backlog is at its bound: new work should be refused. What is appended all the same is kept.
    bool is_full() const noexcept;
    /// Commits what is left at once and closes the file. Completions are still posted. False: the disk did not take
    /// it, and error() says why.
    bool stop();

    StoreCounters counters() const;
    const std::string& error() const noexcept { return error_; }
    const std::vector<std::string>& warnings() const noexcept { return database_.warnings(); }

private:
    using Clock = std::chrono::steady_clock;

    /// What the thread has in hand.
    struct Work {
        StoreBatch batch;
        CommitId up_to = 0;
        bool is_empty = true;     ///< nobody waits for a completion
        bool is_failing = false;  ///< the last attempt failed
        Clock::time_point due{};  ///< not before
    };

    void run();
    bool take_pending(Work& work);
    void collapse(Work& work);
    void attempt(Work& work);
    bool commit(Work& work);
    bool checkpoint();
    template <class Call>
    void post(Call call);

    StoreSettings settings_;
    Database database_;
    std::string error_;
    boost::asio::io_context* io_ = nullptr;
    std::shared_ptr<const Handler> handler_;
    std::atomic<std::size_t> backlog_ = 0;
    std::thread thread_;
    bool is_open_ = false;

    mutable std::mutex mutex_;  ///< of all below
    std::condition_variable changed_;
    StoreBatch pending_;
    CommitId last_id_ = 0;
    bool is_pending_ = false;
    bool stopping_ = false;
    StoreCounters counters_;
};

}  // namespace mqttsn::gateway
