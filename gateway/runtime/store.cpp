#include "gateway/runtime/store.hpp"

#include <boost/asio/post.hpp>

#include <csignal>
#include <utility>

namespace mqttsn::gateway {

namespace {

// Signals are the event loop's. SIGXFSZ too: blocked here, a write beyond the limit is an error and not the end.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

Store::Store(StoreSettings settings)
    : settings_(std::move(settings)),
      database_(DatabaseSettings{
          .directory = settings_.directory, .synchronous = settings_.synchronous, .max_pages = settings_.max_pages}) {}

Store::~Store() {
    stop();
}

bool Store::open() {
    is_open_ = database_.open();
    error_ = database_.error();
    return is_open_;
}

bool Store::load(const std::function<void(const RecordKey&, Bytes)>& take) {
    const bool is_complete = database_.load(take);
    error_ = database_.error();
    return is_complete;
}

void Store::start(boost::asio::io_context& io, Handler handler) {
    io_ = &io;
    handler_ = std::make_shared<const Handler>(std::move(handler));
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
}

void Store::append(CommitId id, std::span<const StoreOp> ops, Bytes octets) {
    bool was_pending = true;
    {
        const std::lock_guard lock(mutex_);
        const std::size_t before = pending_.weight();
        pending_.add(ops, octets);
        last_id_ = id;
        backlog_ += pending_.weight() - before;
        was_pending = std::exchange(is_pending_, true);
    }
    // A thread that waits for its time has been told already.
    if (!was_pending) changed_.notify_one();
}

bool Store::is_full() const noexcept {
    return backlog_ >= settings_.max_backlog;
}

bool Store::stop() {
    if (!is_open_) return true;
    is_open_ = false;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    } else {
        run();
    }
    const bool is_complete = backlog_ == 0;
    if (!is_complete) error_ = database_.error();
    return is_complete;
}

StoreCounters Store::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

void Store::run() {
    Work work;
    bool is_last = false;
    while (!is_last) {
        bool is_new = false;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stopping_ || is_pending_ || work.is_failing; });
            changed_.wait_until(lock, work.due, [&] { return stopping_; });
            is_last = stopping_;
            is_new = take_pending(work);
        }
        if (is_new) collapse(work);
        attempt(work);
    }
    database_.close();
}

bool Store::take_pending(Work& work) {
    if (!is_pending_) return false;
    is_pending_ = false;
    work.is_empty = false;
    work.up_to = last_id_;
    if (work.batch.empty()) {
        std::swap(work.batch, pending_);
    } else {
        work.batch.add(pending_.ops, pending_.octets);
        pending_.clear();
    }
    return true;
}

void Store::collapse(Work& work) {
    const std::size_t before = work.batch.weight();
    work.batch.collapse();
    backlog_ -= before - work.batch.weight();
}

void Store::attempt(Work& work) {
    const auto begin = Clock::now();
    // The checkpoint comes after the completions have been posted: nobody waits for it.
    const bool works = commit(work) && checkpoint();
    if (!works && !work.is_failing) post([text = database_.error()](const Handler& to) { to.on_failure(text); });
    if (works && work.is_failing) post([](const Handler& to) { to.on_recovered(); });
    work.is_failing = !works;
    work.due = works ? begin + settings_.commit_interval : Clock::now() + settings_.retry;
}

bool Store::commit(Work& work) {
    if (work.is_empty) return true;
    if (!work.batch.empty()) {
        const auto begin = Clock::now();
        const bool is_done = database_.commit(work.batch);
        const auto taken = std::chrono::duration_cast<Duration>(Clock::now() - begin);
        const std::lock_guard lock(mutex_);
        counters_.longest_commit = std::max(counters_.longest_commit, taken);
        if (!is_done) {
            ++counters_.failures;
            return false;
        }
        ++counters_.commits;
        counters_.records_written += work.batch.ops.size();
        counters_.octets_written += work.batch.octets.size();
        counters_.pages_written = database_.pages_written();
    }
    backlog_ -= work.batch.weight();
    work.batch.clear();
    work.is_empty = true;
    post([up_to = work.up_to](const Handler& to) { to.on_committed(up_to); });
    return true;
}

bool Store::checkpoint() {
    if (!database_.wants_checkpoint()) return true;
    const bool is_done = database_.checkpoint();
    const std::lock_guard lock(mutex_);
    ++(is_done ? counters_.checkpoints : counters_.failures);
    return is_done;
}

template <class Call>
void Store::post(Call call) {
    if (io_ == nullptr) return;
    boost::asio::post(*io_, [handler = std::weak_ptr(handler_), call = std::move(call)] {
        if (const auto to = handler.lock()) call(*to);
    });
}

}  // namespace mqttsn::gateway
