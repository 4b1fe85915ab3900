#include "tools/benchmark/stamp.hpp"

#include <cassert>
#include <cstring>

namespace mqttsn::tools::benchmark {

// In the byte order of this machine: the one who reads it is the one who wrote it.
void Stamp::write(std::span<std::byte> payload) const noexcept {
    assert(payload.size() >= octets);
    std::memcpy(payload.data(), &trial, 4);
    std::memcpy(payload.data() + 4, &client, 4);
    std::memcpy(payload.data() + 8, &sequence, 4);
    std::memcpy(payload.data() + 12, &intended_at, 8);
}

std::optional<Stamp> Stamp::read(Bytes payload) noexcept {
    if (payload.size() < octets) return std::nullopt;
    Stamp stamp;
    std::memcpy(&stamp.trial, payload.data(), 4);
    std::memcpy(&stamp.client, payload.data() + 4, 4);
    std::memcpy(&stamp.sequence, payload.data() + 8, 4);
    std::memcpy(&stamp.intended_at, payload.data() + 12, 8);
    return stamp;
}

}  // namespace mqttsn::tools::benchmark
