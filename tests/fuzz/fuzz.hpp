// What the fuzz targets share: reading an input front to back, and saying which invariant broke.
#pragma once

#include "protocol/types.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mqttsn::fuzz {

/// Stops the process when the invariant does not hold; the fuzzer keeps the input.
inline void require(bool holds, const char* invariant) {
    if (holds) return;
    std::fprintf(stderr, "broken invariant: %s\n", invariant);
    std::abort();
}

/// At the end everything reads as zero.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const std::byte*>(data), size) {}

    bool empty() const noexcept { return rest_.empty(); }
    Bytes rest() const noexcept { return rest_; }
    Bytes take(std::size_t size) noexcept {
        const Bytes taken = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    std::uint8_t octet() noexcept {
        const Bytes one = take(1);
        return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
    }
    std::uint16_t word() noexcept {
        const unsigned high = octet();
        return static_cast<std::uint16_t>((high << 8U) | octet());
    }

private:
    Bytes rest_;
};

}  // namespace mqttsn::fuzz
