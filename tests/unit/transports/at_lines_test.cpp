#include "transports/radio/at_lines.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

namespace at_lines_test {

using namespace mqttsn;
using namespace mqttsn::transports;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{};

/// "data N:" is followed by N octets of data.
std::size_t data_end(std::string_view begun) {
    if (!begun.starts_with("data ") || begun.size() < 7 || begun[6] != ':') return 0;
    if (begun[5] == '!') return 100'000;
    return 7U + static_cast<std::size_t>(begun[5] - '0');
}

std::vector<std::string> texts(const FrameList& lines) {
    std::vector<std::string> result;
    for (std::size_t at = 0; at < lines.size(); ++at)
        result.emplace_back(as_text(lines[at]));
    return result;
}

std::vector<std::string> lines_of(std::string_view octets, std::size_t chunk, AtLines lines = AtLines(data_end)) {
    FrameList found;
    for (Bytes rest = as_bytes(octets); !rest.empty(); rest = rest.subspan(std::min(chunk, rest.size()))) {
        lines.receive(rest.first(std::min(chunk, rest.size())), start, found);
    }
    return texts(found);
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("A line ends with CR or LF and empty lines do not count", "[at]") {
    for (const std::size_t chunk : {1U, 2U, 3U, 100U}) {
        CHECK(lines_of("\r\n\r\n+OK\r\nOK\n\nok\r", chunk) == Texts{"+OK", "OK", "ok"});
    }
}

TEST_CASE("A line with data is passed over by its length", "[at]") {
    for (const std::size_t chunk : {1U, 2U, 5U, 100U}) {
        CHECK(lines_of("data 6:a\r\n,+O,1\r\nnext\r\n", chunk) == Texts{"data 6:a\r\n,+O,1", "next"});
    }
}

TEST_CASE("A line whose length lies ends where lines end", "[at]") {
    for (const std::size_t chunk : {1U, 2U, 5U, 100U}) {
        CHECK(lines_of("data 9:abc\r\nsecond\r\nthird\r\n", chunk) == Texts{"data 9:abc", "second", "third"});
        CHECK(lines_of("data !:abc\r\nsecond\r\n", chunk) == Texts{"data !:abc", "second"});
    }
}

TEST_CASE("Silence ends a line whose end was lost", "[at]") {
    AtLines lines(data_end);
    FrameList found;
    CHECK_FALSE(lines.next_timeout());
    lines.receive(as_bytes("+OK"), start, found);
    CHECK(lines.next_timeout() == start + AtLines::silence);
    lines.timeout(start + AtLines::silence - 1us, found);
    CHECK(found.empty());
    lines.timeout(start + AtLines::silence, found);
    CHECK(texts(found) == Texts{"+OK"});
    CHECK_FALSE(lines.next_timeout());

    SECTION("and data that never comes") {
        lines.receive(as_bytes("data 9:a\r\n+OK\r\n"), start, found);
        CHECK(found.size() == 1);
        lines.timeout(start + 1s, found);
        CHECK(texts(found) == Texts{"+OK", "data 9:a", "+OK"});
    }
    SECTION("but not after a complete line") {
        lines.receive(as_bytes("+OK\r\n"), start, found);
        CHECK_FALSE(lines.next_timeout());
    }
}

TEST_CASE("A line that is too long is dropped up to its end and counted", "[at]") {
    const std::string noise(AtLines::longest + 1, 'x');
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{599}, std::size_t{5000}}) {
        AtLines lines;
        FrameList found;
        const std::string octets = noise + "\r\n+OK\r\n" + noise.substr(1) + "\r\n";
        for (Bytes rest = as_bytes(octets); !rest.empty(); rest = rest.subspan(std::min(chunk, rest.size()))) {
            lines.receive(rest.first(std::min(chunk, rest.size())), start, found);
        }
        CHECK(texts(found) == Texts{"+OK", noise.substr(1)});
        CHECK(lines.counters().oversize == 1);
        CHECK(lines.counters().skipped_octets == noise.size());
    }
}

TEST_CASE("Ten megabytes without an end of line cost no memory and one line", "[at]") {
    AtLines lines(data_end);
    FrameList found;
    const std::string noise(10'000'000, 'x');
    lines.receive(as_bytes(noise), start, found);
    lines.receive(as_bytes("\r\n+OK\r\n"), start, found);
    CHECK(texts(found) == Texts{"+OK"});
    CHECK(lines.counters().oversize == 1);
    CHECK(lines.counters().skipped_octets == noise.size());
}

TEST_CASE("Lines do not depend on how the octets are cut", "[at]") {
    std::mt19937 random(7);
    for (int run = 0; run < 300; ++run) {
        std::string octets;
        for (int at = 0; at < 400; ++at)
            octets += "\r\ndata 3579!:,xyz"[random() % 17];
        const Texts whole = lines_of(octets, octets.size());
        for (const std::size_t chunk : {1U, 2U, 3U, 11U})
            CHECK(lines_of(octets, chunk) == whole);
    }
}

TEST_CASE("A port that is opened anew forgets the line that had begun", "[at]") {
    AtLines lines;
    FrameList found;
    lines.receive(as_bytes("+RCV=5,2"), start, found);
    lines.reset();
    CHECK_FALSE(lines.next_timeout());
    lines.receive(as_bytes("+OK\r\n"), start, found);
    CHECK(texts(found) == Texts{"+OK"});
}

}  // namespace at_lines_test
