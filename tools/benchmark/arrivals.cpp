#include "tools/benchmark/arrivals.hpp"

namespace mqttsn::tools::benchmark {

Arrivals::Arrivals(std::uint32_t clients, std::uint64_t messages)
    : clients_(clients), messages_(messages), seen_(static_cast<std::size_t>(messages)), next_(clients) {}

std::uint32_t Arrivals::quota(std::uint32_t client) const noexcept {
    return static_cast<std::uint32_t>(messages_ / clients_ + (client < messages_ % clients_ ? 1 : 0));
}

Arrivals::Kind Arrivals::arrive(std::uint32_t client, std::uint32_t sequence) {
    if (client >= clients_ || sequence >= quota(client)) {
        ++unknown_;
        return Kind::unknown;
    }
    const auto message = static_cast<std::size_t>(std::uint64_t{sequence} * clients_ + client);
    if (seen_[message]) {
        ++duplicates_;
        return Kind::duplicate;
    }
    seen_[message] = true;
    ++arrived_;
    if (sequence < next_[client]) {
        ++out_of_order_;
        return Kind::late;
    }
    next_[client] = sequence + 1;
    return Kind::in_order;
}

}  // namespace mqttsn::tools::benchmark
