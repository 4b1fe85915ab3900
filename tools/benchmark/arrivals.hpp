// Which messages of which client arrived, how often, and in which order.
#pragma once

#include <cstdint>
#include <vector>

namespace mqttsn::tools::benchmark {

class Arrivals {
public:
    enum class Kind : std::uint8_t {
        in_order,
        late,       ///< arrived for the first time, after a later message of its client
        duplicate,  ///< arrived before
        unknown,    ///< no such client or sequence number
    };

    /// `messages` in total, dealt out to the clients in turn: message n is number n / clients of client n % clients.
    Arrivals(std::uint32_t clients, std::uint64_t messages);

    std::uint32_t quota(std::uint32_t client) const noexcept;
    Kind arrive(std::uint32_t client, std::uint32_t sequence);

    std::uint64_t arrived() const noexcept { return arrived_; }  ///< each message once
    std::uint64_t duplicates() const noexcept { return duplicates_; }
    std::uint64_t out_of_order() const noexcept { return out_of_order_; }
    std::uint64_t unknown() const noexcept { return unknown_; }

private:
    std::uint32_t clients_;
    std::uint64_t messages_;
    std::vector<bool> seen_;           // by message number
    std::vector<std::uint32_t> next_;  // by client: one above the highest sequence number that arrived
    std::uint64_t arrived_ = 0;
    std::uint64_t duplicates_ = 0;
    std::uint64_t out_of_order_ = 0;
    std::uint64_t unknown_ = 0;
};

}  // namespace mqttsn::tools::benchmark
