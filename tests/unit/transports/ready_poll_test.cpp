// Readiness of many descriptors, with pipes.
#include "transports/ready_poll.hpp"

#include <unistd.h>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace ready_poll_test {

using namespace mqttsn::transports;
using Lines = std::vector<std::string>;

namespace {

/// The reading end of a pipe, which says what it is told.
class Pipe final : public ReadyPoll::Watched {
public:
    Pipe(ReadyPoll& poll, std::string name, Lines& said) : poll_(poll), name_(std::move(name)), said_(said) {
        REQUIRE(::pipe(ends_) == 0);
        REQUIRE(poll_.watch(ends_[0], *this, false));
    }
    ~Pipe() {
        forget();
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    void write() { REQUIRE(::write(ends_[1], "x", 1) == 1); }
    void forget() {
        if (is_watched_) poll_.forget(ends_[0], *this);
        is_watched_ = false;
    }
    void on_ready(bool readable, bool /*writable*/) override {
        char octet = 0;
        CHECK(readable);
        CHECK(::read(ends_[0], &octet, 1) == 1);
        CHECK(poll_.is_telling());
        said_.push_back(name_);
        if (then) then();
    }

    std::function<void()> then;

private:
    ReadyPoll& poll_;
    std::string name_;
    Lines& said_;
    int ends_[2] = {-1, -1};
    bool is_watched_ = true;
};

struct Place {
    boost::asio::io_context io{1};
    Lines said;
    ReadyPoll poll{io, [this] { said.emplace_back("end"); }};

    void run_until(std::size_t lines) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (said.size() < lines && std::chrono::steady_clock::now() < deadline)
            io.run_one_for(std::chrono::milliseconds(5));
    }
};

}  // namespace

TEST_CASE("what is ready together is told together, and then that it was all") {
    Place place;
    Pipe a(place.poll, "a", place.said);
    Pipe b(place.poll, "b", place.said);
    a.write();
    b.write();
    place.run_until(3);
    CHECK(place.said == Lines{"a", "b", "end"});
    CHECK_FALSE(place.poll.is_telling());
}

TEST_CASE("what becomes ready meanwhile is told before the loop goes on") {
    Place place;
    Pipe a(place.poll, "a", place.said);
    Pipe b(place.poll, "b", place.said);
    a.then = [&] { b.write(); };
    boost::asio::post(place.io, [&] { a.write(); });
    place.io.run_one();  // the write
    place.io.run_one();  // one event of the loop, two batches
    CHECK(place.said == Lines{"a", "end", "b", "end"});
}

TEST_CASE("a descriptor that is always ready leaves the loop time for others") {
    Place place;
    Pipe a(place.poll, "a", place.said);
    a.then = [&] { a.write(); };
    a.write();
    bool others = false;
    boost::asio::post(place.io, [&] { others = true; });
    place.io.run_one();
    place.io.run_one();
    CHECK(others);
}

TEST_CASE("a descriptor that is forgotten by an earlier one of its batch is not told any more") {
    Place place;
    Pipe a(place.poll, "a", place.said);
    Pipe b(place.poll, "b", place.said);
    a.then = [&] { b.forget(); };
    b.then = [&] { a.forget(); };
    a.write();
    b.write();
    place.run_until(2);
    CHECK(place.said.size() == 2);
    CHECK(place.said.back() == "end");
}

}  // namespace ready_poll_test
