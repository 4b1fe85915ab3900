// The physical reference: what this machine needs to take a datagram and give it back, with nothing done between.
#pragma once

#include "tools/benchmark/histogram.hpp"

#include <optional>
#include <string>

namespace mqttsn::tools::benchmark {

struct EchoResult {
    std::uint64_t echoes = 0;
    std::int64_t cpu_ns = 0;  ///< of the process that echoes
    std::int64_t elapsed_ns = 0;
    Histogram round_trip;
    double cpu_us_each() const noexcept {
        return echoes > 0 ? static_cast<double>(cpu_ns) / 1e3 / static_cast<double>(echoes) : 0;
    }
};

/// A child process echoes; `clients` sockets have one datagram each on its way. Fewer echoes than asked for when
/// datagrams got lost. `error` is set when it could not run.
EchoResult measure_echo(std::uint32_t clients, std::uint32_t echoes, std::size_t payload_size,
                        std::optional<std::string>& error);

}  // namespace mqttsn::tools::benchmark
