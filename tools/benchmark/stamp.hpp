// What a payload carries, so that the other end can tell losses, copies, order and delay.
#pragma once

#include "protocol/types.hpp"

#include <optional>

namespace mqttsn::tools::benchmark {

struct Stamp {
    static constexpr std::size_t octets = 20;

    std::uint32_t trial = 0;  ///< what comes late from an earlier trial is not counted in this one
    std::uint32_t client = 0;
    std::uint32_t sequence = 0;    ///< per client, from 0
    std::int64_t intended_at = 0;  ///< ns; when it was to be sent, not when it could be
    bool operator==(const Stamp&) const = default;

    /// Into the first octets of a payload of at least this size; the rest stays.
    void write(std::span<std::byte> payload) const noexcept;
    static std::optional<Stamp> read(Bytes payload) noexcept;  ///< nullopt: too short
};

}  // namespace mqttsn::tools::benchmark
