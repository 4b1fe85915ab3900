// What simulated nodes draw their luck from.
#pragma once

#include <cstdint>
#include <random>

namespace mqttsn::node {

/// Small, so that ten thousand nodes can have one each.
using SmallRandom = std::linear_congruential_engine<std::uint64_t, 6364136223846793005ULL, 1442695040888963407ULL, 0>;
/// Nodes with neighbouring numbers get unrelated sequences.
inline SmallRandom random_of(std::uint64_t seed, std::uint32_t group, std::uint32_t index) {
    std::seed_seq mixed{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U), group, index};
    return SmallRandom(mixed);
}

}  // namespace mqttsn::node
