// What is taken from the heap, counted: linking this replaces operator new of the whole program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mqttsn::test {

struct Allocations {
    std::uint64_t count = 0;
    std::int64_t octets = 0;  ///< in use, with the allocator's rounding
};

/// Since the program started.
Allocations allocations() noexcept;

}  // namespace mqttsn::test
