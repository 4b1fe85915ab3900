// Clients that are connected and say nothing but PINGREQ.
#pragma once

#include "tools/benchmark/network.hpp"
#include "tools/benchmark/options.hpp"

namespace mqttsn::tools::benchmark {

struct IdleResult {
    std::int64_t elapsed_ns = 0;
    std::uint64_t answered = 0;  ///< pings
    std::uint64_t unanswered = 0;
    std::string failure;  ///< why it ended early; empty otherwise
};

/// Each client pings when 4/5 of its keep-alive are over; the clients' pings are spread over that time.
IdleResult stay_idle(Network& network, const Options& options, double seconds);

}  // namespace mqttsn::tools::benchmark
